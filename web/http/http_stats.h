#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/base/counter.h"

namespace fluxor::web {

// What one loop's share of a server has done.  Written by that loop, read by any thread.
struct HttpCounters {
  runtime::Counter connections_accepted;
  runtime::Counter connections_timed_out;
  runtime::Counter requests_running;                   // gauge: handlers begun and not ended
  std::array<runtime::Counter, 6> responses_by_class;  // [2] counts 2xx; sheds are not among them
  runtime::Counter responses_shed;                     // 503 by backpressure
  runtime::Counter requests_malformed;                 // refused before they had a route; counted as 4xx or 5xx, too
};

// The sum over loops, as plain numbers.
struct HttpStats {
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_timed_out = 0;
  std::uint64_t connections_open = 0;
  std::uint64_t requests_running = 0;
  std::array<std::uint64_t, 6> responses_by_class{};
  std::uint64_t responses_shed = 0;
  std::uint64_t requests_malformed = 0;
};

}  // namespace fluxor::web
