#pragma once

#include "runtime/base/log.h"
#include "runtime/loop/stall_watch.h"

namespace fluxor::runtime {

// Writes what a watchdog reports as one line:
//
//   warn  an event loop is held loop=1 stage=I/O label=/price held=1s stack="#0 read_price at price.cc:12 (…)\n#1 …"
//   info  an event loop goes on loop=1 stage=I/O label=/price held=3250ms
//
// Thread:  any.
void log_stall(LogSink& log, const StallReport& report);

}  // namespace fluxor::runtime
