#pragma once

#include <coroutine>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/loop/event_loop.h"
#include "runtime/loop/timer_wheel.h"

namespace fluxor::runtime {

// `co_await sleep_until(deadline)`: goes on in the first turn of this loop at or after the deadline.
//
// Thread:  loop.  Cost: one timer, inside the frame.
class SleepAwaiter final : private Timer {
 public:
  SleepAwaiter(EventLoop& loop, Instant deadline) noexcept : loop_(loop), deadline_(deadline) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) noexcept {
    awaiting_ = awaiting;
    loop_.arm(*this, deadline_);
  }
  void await_resume() const noexcept {}

 private:
  void on_timer() override { awaiting_.resume(); }

  EventLoop& loop_;
  const Instant deadline_;
  std::coroutine_handle<> awaiting_;
};

inline SleepAwaiter sleep_until(Instant deadline) noexcept {
  EventLoop* loop = EventLoop::current();
  FLUXOR_CHECK(loop != nullptr, "a task sleeps on an event loop");
  return {*loop, deadline};
}

inline SleepAwaiter sleep_for(Duration duration) noexcept {
  EventLoop* loop = EventLoop::current();
  FLUXOR_CHECK(loop != nullptr, "a task sleeps on an event loop");
  return {*loop, later(loop->now(), duration)};
}

}  // namespace fluxor::runtime
