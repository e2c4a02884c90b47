#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/histogram.h"

namespace fluxor::runtime {

// What a loop has done since it was made; every unit it dispatched is in exactly one of the first six.
struct EventLoopStats {
  std::uint64_t ring_events = 0;
  std::uint64_t control_signals = 0;
  std::uint64_t ready_runs = 0;
  std::uint64_t work_units = 0;
  std::uint64_t timers_fired = 0;
  std::uint64_t io_events = 0;
  std::uint64_t ring_refused = 0;  // posts that were told overloaded or closed
  std::uint64_t ring_dropped = 0;  // by post_or_drop(), for the same reasons
  std::uint64_t ring_waits = 0;    // posts that had to wait for room
  std::uint64_t failures = 0;      // exceptions that came out of any of the units, or of the failure handler
  std::uint64_t turns = 0;
  std::uint64_t parks = 0;       // turns that ended asleep
  std::uint64_t wake_ups = 0;    // times another thread had to wake it
  std::size_t queue_length = 0;  // events in the ring, posts that wait for room, what is ready, sources with work: now
  std::size_t ring_capacity = 0;
  std::size_t timers_armed = 0;

  std::uint64_t processed() const noexcept {
    return ring_events + control_signals + ready_runs + work_units + timers_fired + io_events;
  }
};

// How long things take on a loop, since it was made.  Each is a sample of one unit in 64, so that measuring does not
// cost more than the work; `held` has every case.
struct EventLoopLatency {
  HistogramSnapshot wait;     // from the post, the deadline or becoming ready until it began
  HistogramSnapshot service;  // from its begin to its end
  HistogramSnapshot held;     // a unit, or several cheap ones in a row, that let nothing else run for 1 ms or more
};

}  // namespace fluxor::runtime
