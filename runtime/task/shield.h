#pragma once

#include <coroutine>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/loop/event_loop.h"
#include "runtime/task/scope.h"
#include "runtime/task/spawn.h"

namespace fluxor::runtime {
namespace detail {

// Waits for a task that hears of a cancellation only after a time.
template <typename T>
class ShieldRun final : public ScopeRun<T> {
 public:
  ShieldRun(const TaskState& around, Duration bound) noexcept
      // The deadline around it is not its own: clean-up comes when that is over.
      : ScopeRun<T>(*around.loop(), kNever, ScopeOptions{}), bound_(bound) {}

  void limit() noexcept { this->loop().arm_after(bound_over_, bound_); }

 private:
  class BoundOver final : public Timer {
   public:
    explicit BoundOver(ShieldRun& shield) noexcept : shield_(shield) {}

   private:
    void on_timer() override { shield_.cancel_from_around(); }
    ShieldRun& shield_;
  };

  Wait::Ends on_cancel() noexcept override {
    limit();
    return Wait::Ends::no;
  }
  const char* what() const noexcept override { return "shielded work"; }

  const Duration bound_;
  BoundOver bound_over_{*this};
};

}  // namespace detail

// What co_await shield(...) waits on; see there.
template <typename F, typename... Args>
class [[nodiscard]] Shield final {
  using T = typename detail::TaskValue<detail::SpawnResult<F, Args...>>::Type;

 public:
  Shield(Duration bound, F function, Args... args)
      : bound_(bound), function_(std::move(function)), arguments_(std::move(args)...) {}
  Shield(const Shield&) = delete;
  Shield& operator=(const Shield&) = delete;

  bool await_ready() const noexcept { return false; }
  template <TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> awaiting) {
    TaskState& task = awaiting.promise().task();
    FLUXOR_CHECK(task.loop() != nullptr, "a task that waits lives on an event loop");
    run_.emplace(task, bound_);
    run_->begin(awaiting, Wait::Interruptible::no, [&](ScopeState& state, Scope&) {
      return std::apply(
          [&](Args&... args) {
            return detail::run_child<T>(detail::SpawnInfo{state, task.site()}, std::move(function_), std::move(args)...)
                .handle;
          },
          arguments_);
    });
    if (task.cancelled()) run_->limit();
    return true;
  }
  T await_resume() { return run_->result(); }

 private:
  const Duration bound_;
  F function_;
  std::tuple<Args...> arguments_;
  std::optional<detail::ShieldRun<T>> run_;
};

// `co_await shield(bound, function, arguments…)`: runs a task that a cancellation does not reach until `bound` later,
// and waits for it: clean-up that has to wait for something.  It may also begin in a task that was told to stop before;
// then the time counts from now.
//
// Thread:  loop.
// Errors:  what the function throws; Cancelled if the time was not enough.
template <typename F, typename... Args>
auto shield(Duration bound, F function, Args... args) {
  static_assert(kSpawnable<F>, "shield takes a function or a lambda without captures: hand over what it uses");
  // Past a failed assertion nothing is asked of F, so that it is the first error and the last.
  if constexpr (kSpawnable<F>) {
    constexpr bool kTakesThem = std::is_invocable_v<F, detail::Unwrapped<Args>...>;
    static_assert(kTakesThem, "shield: the function does not take these arguments");
    if constexpr (kTakesThem) {
      constexpr bool kReturnsTask = detail::kIsTask<detail::SpawnResult<F, Args...>>;
      static_assert(kReturnsTask, "shield takes a function that returns a Task");
      if constexpr (kReturnsTask) return Shield<F, Args...>(bound, std::move(function), std::move(args)...);
    }
  }
}

}  // namespace fluxor::runtime
