#pragma once

#include <coroutine>

#include "runtime/task/wait.h"

namespace fluxor::runtime {

// What yield() waits on.
class [[nodiscard]] YieldAwaiter final : private Wait {
 public:
  bool await_ready() const noexcept { return false; }
  template <TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> awaiting) noexcept {
    if (!suspend(awaiting)) return false;
    wake();
    return true;
  }
  void await_resume() const {
    throw_if_interrupted();
    // Nothing was handed over that could be lost, so there is no need to go on until the next wait.
    if (task().cancelled()) throw Cancelled{task().cancel_reason()};
  }

 private:
  Ends on_cancel() noexcept override { return Ends::no; }  // never asked: it is woken as soon as it begins
  const char* what() const noexcept override { return "its next turn"; }
};

// `co_await yield()`: goes on after all that is ready now, so that a long computation does not hold its loop; and ends
// there if it was told to stop.
//
// Thread:  loop.  Errors: Cancelled.  Cost: one place in the ready queue.
inline YieldAwaiter yield() noexcept { return {}; }

}  // namespace fluxor::runtime
