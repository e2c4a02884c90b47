#pragma once

#include <algorithm>
#include <coroutine>
#include <cstdint>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/loop/event_loop.h"
#include "runtime/loop/timer_wheel.h"
#include "runtime/task/wait.h"

namespace fluxor::runtime {

// Ticks at exact multiples of a period, however long the work between them takes.
//
//     Interval ticks(100ms);                                                  // the first one in 100 ms
//     for (;;) {
//       const std::uint64_t skipped = co_await ticks.next();
//       …
//     }
//
// The schedule is fixed by the moment of construction: nothing drifts.  Who comes late gets the latest tick that is
// due, at once; those before it are skipped, and counted.  So ticks and skipped ones together are the periods that have
// passed.
//
// Thread:  loop.
// Owns:    nothing; it outlives who waits for it.
class Interval {
 public:
  // What co_await next() waits on.
  class [[nodiscard]] Ticking final : private Wait, private Timer {
   public:
    explicit Ticking(Interval& interval) noexcept : interval_(interval), planned_(interval.planned_) {}
    bool await_ready() const noexcept { return false; }
    template <TaskPromise P>
    bool await_suspend(std::coroutine_handle<P> awaiting) noexcept {
      if (!suspend(awaiting)) return false;
      loop().arm(*this, planned_);
      return true;
    }
    std::uint64_t await_resume() const {
      throw_if_interrupted();
      const Duration late = std::max(loop().now() - planned_, Duration::zero());
      const std::int64_t skipped = late / interval_.period_;
      interval_.planned_ = later(planned_ + skipped * interval_.period_, interval_.period_);
      return static_cast<std::uint64_t>(skipped);
    }

   private:
    void on_timer() override { resume_now(); }
    Ends on_cancel() noexcept override {
      loop().cancel(*this);
      return Ends::yes;
    }
    const char* what() const noexcept override { return "an interval"; }

    Interval& interval_;
    const Instant planned_;
  };

  // Counts from now on; made on a loop.  `period` is more than nothing.
  explicit Interval(Duration period) noexcept : period_(period), planned_(later(now(), period)) {
    FLUXOR_CHECK(period > Duration::zero(), "an interval takes time");
  }

  // Goes on at the next tick, or in this turn of the loop if that is due; answers how many were skipped before it.
  // Errors: Cancelled; then the tick is still to come.  Cost: one timer, inside the frame.
  Ticking next() noexcept { return Ticking(*this); }
  Duration period() const noexcept { return period_; }
  // When the next tick is due.
  Instant planned() const noexcept { return planned_; }

 private:
  static Instant now() noexcept {
    const EventLoop* const loop = EventLoop::current();
    FLUXOR_CHECK(loop != nullptr, "an interval lives on an event loop");
    return loop->now();
  }

  const Duration period_;
  Instant planned_;
};

}  // namespace fluxor::runtime
