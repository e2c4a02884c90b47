#pragma once

#include <cstddef>

#include "runtime/base/clock.h"

namespace fluxor::runtime {

// What a simulation makes go wrong.  Shares are of one: 0 never, 1 always.
struct SimFaults {
  double post_refused = 0;                            // posts that find the ring full
  double post_held = 0;                               // producers suspended between claim and publish, for some steps
  double event_crashes = 0;                           // events that throw InjectedCrash instead of running
  double loop_stalls = 0;                             // steps after which the loop does not run for a while
  Duration stall_max = std::chrono::milliseconds(5);  // of virtual time
  Duration unit_time_max{0};                          // virtual time that a unit takes
  double stream_cut = 0;                              // pieces of bytes on whose way the connection breaks
  double stream_lost = 0;  // pieces from which on nothing arrives any more, and nobody is told
  double bytes_split = 0;  // writes that arrive in several pieces
  Duration network_delay_max{0};
};

struct SimOptions {
  std::size_t loops = 2;
  std::size_t ring_capacity = 8;  // small, so that full is common
  SimFaults faults{};
};

}  // namespace fluxor::runtime
