#pragma once

#include <cstddef>
#include <optional>

namespace fluxor::web {

// What a server takes on at once, as arithmetic: concurrent users (CCU) in, places out.
//
//     max 5 000, 67 %  ─►  normal 3 350 = running 335 + waiting 3 015
//
// A value; immutable once made.
struct CcuCapacity {
  std::size_t max = 0;      // requests in flight that the server is sized for
  std::size_t normal = 0;   // N: requests admitted at most, running and waiting together
  std::size_t running = 0;  // W: of these, at work at once
  std::size_t waiting = 0;  // Q = N - W

  // N = max(1, floor(max * utilization / 100)), W = min(N, clamp(floor(N / 10), 50, 500)).
  //
  // Nothing for max 0 or a utilization outside 1…100: a configuration error, to be told to who configured it.
  static std::optional<CcuCapacity> of(std::size_t max, unsigned utilization_percent) noexcept;
};

}  // namespace fluxor::web
