#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace fluxor::services {

// What is wrong with a configuration, in words for the user, without a line end.
struct ConfigError {
  std::string text;
};

template <typename T>
using Parsed = runtime::Result<T, ConfigError>;

// The kinds of values that options have.  Each takes the whole text or refuses it, with what a user reads after the
// value: `is not a number from 0 to 65535`.
//
// Thread:  any, for all of them.
Parsed<std::uint64_t> parse_number(std::string_view text, std::uint64_t min, std::uint64_t max);
Parsed<std::uint64_t> parse_power_of_two(std::string_view text, std::uint64_t min, std::uint64_t max);
// Bytes: `8192`, `8KiB`, `1MiB`.
Parsed<std::uint64_t> parse_size(std::string_view text, std::uint64_t min, std::uint64_t max);
// `250ms`, `10s`, `2m`; a plain number is seconds.
Parsed<std::chrono::milliseconds> parse_time(std::string_view text, std::chrono::milliseconds min,
                                             std::chrono::milliseconds max);
// Above 0, up to 1.
Parsed<double> parse_ratio(std::string_view text);
Parsed<bool> parse_bool(std::string_view text);

// The shortest text that is parsed to the same value.
std::string size_text(std::uint64_t bytes);
std::string time_text(std::chrono::milliseconds time);

}  // namespace fluxor::services
