#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fluxor::runtime {

// Which trace a piece of work belongs to, and which span of it caused it, as W3C's traceparent names them.
//
// Thread:  immutable.
struct TraceContext {
  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> span_id{};
  std::uint8_t flags = 0;

  bool sampled() const noexcept { return (flags & 1) != 0; }
  bool operator==(const TraceContext&) const = default;

  // "00-<32 hex digits>-<16 hex digits>-<2 hex digits>", lower case, of version 00; of a later version as much as that
  // has in common with 00.  Nothing if it is malformed, or an id is all zeros.
  static std::optional<TraceContext> parse(std::string_view traceparent) noexcept;
  std::string traceparent() const;
};

}  // namespace fluxor::runtime
