#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>

#include "runtime/base/clock.h"

namespace fluxor::web {

// "Sun, 06 Nov 1994 08:49:37 GMT": the one date form HTTP sends (RFC 9110 5.6.7).
//
// Thread:  any.
// Cost:    some 20 ns; never allocates, knows no locale.
using ImfFixdate = std::array<char, 29>;
ImfFixdate imf_fixdate(runtime::WallTime time) noexcept;

// The `date` field line of a response, formatted once per second instead of once per response.
//
// Thread:  loop; one per loop.
class DateLine {
 public:
  // "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"; the view is valid until the next call.
  std::string_view at(runtime::WallTime now) noexcept;

 private:
  std::int64_t second_ = std::numeric_limits<std::int64_t>::min();
  std::array<char, 37> line_;
};

}  // namespace fluxor::web
