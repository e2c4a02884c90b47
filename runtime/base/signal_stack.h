#pragma once

#include <signal.h>

#include <cstddef>

namespace fluxor::runtime {

// A stack for the handlers of signals on this thread, so that a thread which has used up its own can still say so
// (crash_handler.h).  The kernel gives memory for it only when it is used.
//
// Thread:  made and destroyed on the thread it is for; what it had before is back afterwards.
// Errors:  none: where there is no memory, the thread has no such stack, as if this were not there.
class SignalStack {
 public:
  SignalStack() noexcept;
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;
  ~SignalStack();

 private:
  static constexpr std::size_t kBytes = 256 * 1024;  // reading debug information takes the most
  static constexpr std::size_t kGuardBytes = 64 * 1024;

  void* memory_ = nullptr;
  stack_t before_{};
};

}  // namespace fluxor::runtime
