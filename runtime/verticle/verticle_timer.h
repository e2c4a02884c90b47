#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/loop/event_loop.h"
#include "runtime/loop/timer_wheel.h"
#include "runtime/task/scope_state.h"
#include "runtime/task/spawn.h"
#include "runtime/task/task_state.h"

namespace fluxor::runtime {

class VerticleTimers;

// A timer or an interval of a verticle: each time it fires, a task of the verticle.
//
// Thread:  loop.
// Owns:    itself, by count: the verticle's list, until it has fired for the last time or was cancelled, and handles.
class VerticleTimer : protected Timer {
 public:
  VerticleTimer(const VerticleTimer&) = delete;
  VerticleTimer& operator=(const VerticleTimer&) = delete;

  bool active() const noexcept { return timers_ != nullptr; }
  Duration period() const noexcept { return period_; }
  Instant due() const noexcept { return deadline(); }
  const std::source_location& site() const noexcept { return site_; }
  std::uint64_t skipped() const noexcept { return skipped_; }
  void cancel() noexcept;
  void acquire() noexcept { ++users_; }
  void release() noexcept {
    if (--users_ == 0) delete this;
  }

 protected:
  VerticleTimer(ScopeState& scope, Duration period, const std::source_location& site) noexcept
      : scope_(scope), period_(period), site_(site) {}
  ~VerticleTimer() override = default;

  ScopeState& scope() const noexcept { return scope_; }
  // Begins its task; false if the one before it still runs.
  virtual bool fire() = 0;

 private:
  friend class VerticleTimers;
  void on_timer() override;
  bool begin_task() noexcept;

  ScopeState& scope_;
  const Duration period_;  // zero: it fires once
  const std::source_location site_;
  VerticleTimers* timers_ = nullptr;  // null once it is over
  VerticleTimer* previous_ = nullptr;
  VerticleTimer* next_ = nullptr;
  std::uint64_t skipped_ = 0;
  std::uint32_t users_ = 1;
};

// Those of one verticle.  Thread: loop.
class VerticleTimers {
 public:
  VerticleTimers() = default;
  VerticleTimers(const VerticleTimers&) = delete;
  VerticleTimers& operator=(const VerticleTimers&) = delete;
  ~VerticleTimers() { cancel_all(); }

  void begin(VerticleTimer& timer, Instant due) noexcept;
  void cancel_all() noexcept;
  std::size_t size() const noexcept { return size_; }
  template <typename F>
  void each(F&& look) const {
    for (const VerticleTimer* timer = first_; timer != nullptr; timer = timer->next_) look(*timer);
  }
  // The same, until `look` says false.
  template <typename F>
  void each_while(F&& look) const {
    const VerticleTimer* timer = first_;
    while (timer != nullptr && look(*timer)) timer = timer->next_;
  }

 private:
  friend class VerticleTimer;
  void end(VerticleTimer& timer) noexcept;

  VerticleTimer* first_ = nullptr;
  std::size_t size_ = 0;
};

// What Context::after() and every() give: dropping it changes nothing.
//
// Thread:  loop.
class TimerHandle {
 public:
  explicit TimerHandle(VerticleTimer& timer) noexcept : timer_(&timer) { timer.acquire(); }
  TimerHandle(TimerHandle&& other) noexcept : timer_(std::exchange(other.timer_, nullptr)) {}
  TimerHandle& operator=(TimerHandle&& other) noexcept {
    std::swap(timer_, other.timer_);
    return *this;
  }
  ~TimerHandle() {
    if (timer_ != nullptr) timer_->release();
  }

  // It does not fire any more; a task that it has begun goes on.
  void cancel() noexcept { timer_->cancel(); }
  // Whether it may still fire.
  bool active() const noexcept { return timer_->active(); }
  // Ticks of an interval that were left out, because the task of the one before still ran, or the loop was late.
  std::uint64_t skipped() const noexcept { return timer_->skipped(); }

 private:
  VerticleTimer* timer_;
};

namespace detail {

// A plain function as a task, so that what it throws is a crash like any other's.  It has no wait that would throw, so
// it is not called at all if the verticle has crashed, or has stopped, before the task begins.
template <typename F, typename... Args>
Task<> call_in_task(F function, Args... args) {
  if (TaskState::current()->cancelled()) co_return;
  std::invoke(function, unwrap(args)...);
  co_return;
}

// The same for one that makes a task: its arguments live as long as that.
template <typename F, typename... Args>
Task<> call_as_task(F function, Args... args) {
  co_await std::invoke(function, unwrap(args)...);
}

template <typename F, typename... Args>
class VerticleTimerOf final : public VerticleTimer {
  static constexpr bool kMakesTask = kIsTask<SpawnResult<F, Args...>>;

 public:
  VerticleTimerOf(ScopeState& scope, Duration period, const std::source_location& site, F function, Args... args)
      : VerticleTimer(scope, period, site), function_(std::move(function)), arguments_(std::move(args)...) {}

 private:
  bool fire() override {
    if (running_ && !running_->done()) return false;
    running_.reset();
    std::apply(
        [this](const Args&... args) {
          if constexpr (kMakesTask) {
            running_.emplace(spawn_into(scope(), site(), F(function_), Args(args)...));
          } else {
            running_.emplace(spawn_into(scope(), site(), &call_in_task<F, Args...>, F(function_), Args(args)...));
          }
        },
        arguments_);
    return true;
  }

  const F function_;
  const std::tuple<Args...> arguments_;
  std::optional<Child<>> running_;
};

}  // namespace detail
}  // namespace fluxor::runtime
