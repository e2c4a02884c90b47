#include "services/server/option_value.h"

#include <bit>
#include <charconv>
#include <initializer_list>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>

namespace fluxor::services {
namespace {

using std::chrono::milliseconds;

template <typename T>
std::optional<T> whole(std::string_view text) {
  T value{};
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

using Units = std::initializer_list<std::pair<std::string_view, std::uint64_t>>;

// A whole number with one of `units` behind it, in which "" means `plain`.  The first that fits counts.
std::optional<std::uint64_t> with_unit(std::string_view text, std::uint64_t plain, Units units) {
  std::uint64_t factor = plain;
  for (const auto& [name, value] : units) {
    if (!text.ends_with(name)) continue;
    text.remove_suffix(name.size());
    factor = value;
    break;
  }
  const auto number = whole<std::uint64_t>(text);
  if (!number || *number > std::numeric_limits<std::uint64_t>::max() / factor) return std::nullopt;
  return *number * factor;
}

std::string between(std::string_view what, const std::string& min, const std::string& max) {
  return std::string(what).append(" from ").append(min).append(" to ").append(max);
}

}  // namespace

Parsed<std::uint64_t> parse_number(std::string_view text, std::uint64_t min, std::uint64_t max) {
  const auto number = whole<std::uint64_t>(text);
  if (number && *number >= min && *number <= max) return *number;
  return ConfigError{between("is not a number", std::to_string(min), std::to_string(max))};
}

Parsed<std::uint64_t> parse_power_of_two(std::string_view text, std::uint64_t min, std::uint64_t max) {
  const auto number = whole<std::uint64_t>(text);
  if (number && *number >= min && *number <= max && std::has_single_bit(*number)) return *number;
  return ConfigError{between("is not a power of two", std::to_string(min), std::to_string(max))};
}

Parsed<std::uint64_t> parse_size(std::string_view text, std::uint64_t min, std::uint64_t max) {
  const auto bytes = with_unit(text, 1, {{"KiB", 1024}, {"MiB", 1024 * 1024}});
  if (bytes && *bytes >= min && *bytes <= max) return *bytes;
  return ConfigError{between("is not a size", size_text(min), size_text(max)) + " (like 8192, 8KiB or 1MiB)"};
}

Parsed<milliseconds> parse_time(std::string_view text, milliseconds min, milliseconds max) {
  const auto time = with_unit(text, 1000, {{"ms", 1}, {"s", 1000}, {"m", 60'000}});
  const auto in_range = [&](milliseconds::rep low, milliseconds::rep high) {
    return std::cmp_greater_equal(*time, low) && std::cmp_less_equal(*time, high);
  };
  if (time && in_range(min.count(), max.count())) return milliseconds(*time);
  return ConfigError{between("is not a time", time_text(min), time_text(max)) + " (like 250ms, 10s or 2m)"};
}

Parsed<double> parse_ratio(std::string_view text) {
  const auto ratio = whole<double>(text);
  if (ratio && *ratio > 0 && *ratio <= 1) return *ratio;
  return ConfigError{"is not a ratio above 0 and up to 1"};
}

Parsed<bool> parse_bool(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return ConfigError{"is neither true nor false"};
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
  if (bytes > 0 && bytes % kMiB == 0) return std::to_string(bytes / kMiB) + "MiB";
  if (bytes > 0 && bytes % 1024 == 0) return std::to_string(bytes / 1024) + "KiB";
  return std::to_string(bytes);
}

std::string time_text(milliseconds time) {
  if (time.count() % 1000 != 0) return std::to_string(time.count()) + "ms";
  return std::to_string(time.count() / 1000) + (time.count() > 0 ? "s" : "");
}

}  // namespace fluxor::services
