#pragma once

#include <string>
#include <string_view>

#include "runtime/verticle/supervisor_spec.h"

namespace fluxor::runtime {

std::string_view strategy_name(Strategy strategy) noexcept;

// `text` with U+FFFD for each byte that is no part of a character of UTF-8: names and what exceptions say are anything.
std::string utf8_of(std::string_view text);

}  // namespace fluxor::runtime
