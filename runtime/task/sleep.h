#pragma once

#include <coroutine>

#include "runtime/base/clock.h"
#include "runtime/loop/event_loop.h"
#include "runtime/loop/timer_wheel.h"
#include "runtime/task/wait.h"

namespace fluxor::runtime {

// What sleep_for() and sleep_until() wait on.
class SleepAwaiter final : private Wait, private Timer {
 public:
  explicit SleepAwaiter(Instant deadline) noexcept : until_(deadline) {}
  explicit SleepAwaiter(Duration duration) noexcept : for_(duration) {}
  bool await_ready() const noexcept { return false; }
  template <TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> awaiting) noexcept {
    if (!suspend(awaiting)) return false;
    loop().arm(*this, until_ == kNever ? later(loop().now(), for_) : until_);
    return true;
  }
  void await_resume() const { throw_if_interrupted(); }

 private:
  void on_timer() override { resume_now(); }
  Ends on_cancel() noexcept override {
    loop().cancel(*this);
    return Ends::yes;
  }
  const char* what() const noexcept override { return "a timer"; }

  const Instant until_ = kNever;
  const Duration for_ = Duration::max();
};

// `co_await sleep_until(deadline)`: goes on in the first turn of this loop at or after the deadline.
//
// Thread:  loop.  Errors: Cancelled.  Cost: one timer, inside the frame.
inline SleepAwaiter sleep_until(Instant deadline) noexcept { return SleepAwaiter(deadline); }
inline SleepAwaiter sleep_for(Duration duration) noexcept { return SleepAwaiter(duration); }

}  // namespace fluxor::runtime
