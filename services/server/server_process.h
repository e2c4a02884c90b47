#pragma once

#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "services/server/server_config.h"
#include "services/server/termination.h"

namespace fluxor::services {

// How a process ends.
enum class ExitCode : int {
  clean = 0,
  cannot_start = 1,  // one line on standard error says why
  left_behind = 2,   // the drain ended with something still going on; the log names it
  supervision_gave_up = 3,
};

// Serves until it is told to end, then drains:
//
//   signal ─► not ready ─► drain delay ─► accepts nothing new ─► what is in flight ends ─► clean
//                │               │                                     │ drain time-out: names what is left
//                └───────────────┴── a second signal: ends at once ◄───┘
//
// Thread:  the one that made `termination`.  Clock, log and termination must outlive the call.
ExitCode serve(const ServerConfig& config, const runtime::Clock& clock, runtime::LogSink& log,
               Termination& termination);

}  // namespace fluxor::services
