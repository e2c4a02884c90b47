#pragma once

#include <coroutine>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/loop/control_lane.h"
#include "runtime/loop/event_loop.h"
#include "runtime/task/wait.h"

namespace fluxor::runtime {

// Something that happens once, on whatever thread, and that one task waits for:
//
//     Notification drained(context.loop());
//     server.drain([&drained] { drained.notify(); });
//     co_await drained.wait();
//
// Thread:  notify() any, once; the rest on its loop.
// Owns:    nothing; it is destroyed on its loop, after notify() or when nobody can call it any more.
// Cost:    a signal of the control lane, which no full ring refuses.
class Notification final : private ControlNode {
 public:
  explicit Notification(EventLoop& loop) noexcept : loop_(loop) {}

  void notify() noexcept { loop_.signal(*this); }
  bool notified() const noexcept { return notified_; }

  class Awaiter final : private Wait {
   public:
    explicit Awaiter(Notification& notification) noexcept : notification_(notification) {}
    bool await_ready() const noexcept { return notification_.notified_; }
    template <TaskPromise P>
    bool await_suspend(std::coroutine_handle<P> awaiting) noexcept {
      if (!suspend(awaiting)) return false;
      FLUXOR_CHECK(notification_.waiting_ == nullptr, "one task waits for a notification");
      notification_.waiting_ = this;
      return true;
    }
    void await_resume() const { throw_if_interrupted(); }

   private:
    friend class Notification;
    Ends on_cancel() noexcept override {
      notification_.waiting_ = nullptr;
      return Ends::yes;
    }
    const char* what() const noexcept override { return "a notification"; }

    Notification& notification_;
  };
  // Goes on at once if it has happened.  Errors: Cancelled; it may be waited for again.
  Awaiter wait() noexcept { return Awaiter(*this); }

 private:
  void on_control() override {
    notified_ = true;
    if (Awaiter* const waiting = std::exchange(waiting_, nullptr)) waiting->resume_now();
  }

  EventLoop& loop_;
  bool notified_ = false;
  Awaiter* waiting_ = nullptr;
};

}  // namespace fluxor::runtime
