#pragma once

#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/random.h"
#include "runtime/process/exit_code.h"
#include "runtime/process/termination.h"
#include "services/server/server_config.h"

namespace fluxor::services {

using runtime::ExitCode;

// Serves until it is told to end, then drains:
//
//   signal ─► not ready ─► drain delay ─► accepts nothing new ─► what is in flight ends ─► clean
//                │               │                                     │ drain time-out: names what is left
//                └───────────────┴── a second signal: ends at once ◄───┘
//
// The HTTP server is a verticle below the root, and this is how a Runtime ends its tree.
//
// Thread:  the one that made `termination`.  Clock, random, log and termination must outlive the call.
ExitCode serve(const ServerConfig& config, const runtime::Clock& clock, runtime::Random& random, runtime::LogSink& log,
               runtime::Termination& termination);

}  // namespace fluxor::services
