#pragma once

#include <cstdint>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/base/stack_trace.h"

namespace fluxor::runtime {

// Where another thread of this process is (`thread_id`: gettid), without stopping it for longer than it takes to look.
//
// A real-time signal, SIGRTMIN + 5, interrupts it; its handler notes the calls, and the thread goes on.  So a system
// call it sleeps in may return EINTR, if it is one of those that the kernel never restarts (poll, epoll_wait,
// nanosleep, ...).
//
// Thread:  any; one at a time, the others wait.
// Errors:  Errc::not_found: there is no such thread.  Errc::timeout: it did not answer within `patience`, because it
//          blocks the signal, gets no CPU, or waits in the kernel for a device; a late answer goes nowhere.
//          Errc::invalid: somebody else handles the signal.
// Cost:    two context switches and an unwinding, some 50 us.
[[nodiscard]] Result<StackTrace> stack_of_thread(std::int32_t thread_id, Duration patience);

}  // namespace fluxor::runtime
