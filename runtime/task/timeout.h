#pragma once

#include <boost/system/system_error.hpp>
#include <coroutine>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/task/scope.h"
#include "runtime/task/spawn.h"
#include "runtime/task/wait.h"

namespace fluxor::runtime {
namespace detail {

// A task that answers with a Result keeps it; every other gets one.
template <typename T>
struct TimedValue {
  using Type = Result<T>;
};
template <typename T>
struct TimedValue<Result<T>> {
  using Type = Result<T>;
};

// Waits for a task that has so much time.
template <typename T>
class TimedRun final : public ScopeRun<T> {
 public:
  using ScopeRun<T>::ScopeRun;
  using Timed = typename TimedValue<T>::Type;

  Timed timed_result() {
    try {
      if constexpr (std::is_void_v<T>) {
        this->result();
        return {};
      } else if constexpr (std::is_same_v<T, Timed>) {
        Timed value = this->result();
        if (!value && ran_out(value.error())) return Errc::timeout;
        return value;
      } else {
        return Timed(this->result());
      }
    } catch (const boost::system::system_error& error) {
      if (ran_out(error.code())) return Errc::timeout;
      throw;
    }
  }

 private:
  // The word for it inside is `deadline`, whether a wait threw, answered, or was cut short with the whole scope; as
  // long as our time has not passed it is that of a scope inside.
  bool ran_out(const error_code& code) const noexcept { return this->deadline_passed() && code == Errc::deadline; }
  const char* what() const noexcept override { return "work with a timeout"; }
};

}  // namespace detail

// What co_await timeout(...) waits on; see there.
template <typename F, typename... Args>
class [[nodiscard]] Timeout final {
  using T = typename detail::TaskValue<detail::SpawnResult<F, Args...>>::Type;
  using Run = detail::TimedRun<T>;

 public:
  Timeout(Duration duration, F function, Args... args)
      : duration_(duration), function_(std::move(function)), arguments_(std::move(args)...) {}
  Timeout(const Timeout&) = delete;
  Timeout& operator=(const Timeout&) = delete;

  bool await_ready() const noexcept { return false; }
  template <TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> awaiting) {
    const TaskState& task = awaiting.promise().task();
    run_.emplace(*task.loop(), task.deadline(), within(duration_));
    return run_->begin(awaiting, Wait::Interruptible::yes, [&](ScopeState& state, Scope&) {
      return std::apply(
          [&](Args&... args) {
            return detail::run_child<T>(detail::SpawnInfo{state, task.site()}, std::move(function_), std::move(args)...)
                .handle;
          },
          arguments_);
    });
  }
  typename Run::Timed await_resume() { return run_->timed_result(); }

 private:
  const Duration duration_;
  F function_;
  std::tuple<Args...> arguments_;
  std::optional<Run> run_;
};

// `co_await timeout(duration, function, arguments…)`: the value of a task that has so much time, as a Result.
//
//     Result<Price> price = co_await timeout(200ms, fetch_price, id);
//
// When the time is over the task is told to stop, and joined; so the answer comes later if its clean-up takes time, and
// it is the task's value if that comes all the same.  A function that returns Task<Result<T>> gives a Result<T>.
//
// Thread:  loop.
// Errors:  Errc::timeout.  Throws what the function throws, an inner scope's Errc::deadline among it; Cancelled if the
//          task around it was told to stop, also where that one's deadline is the earlier one.
// Cost:    a frame from the free list, a timer, two places in the ready queue.
template <typename F, typename... Args>
Timeout<F, Args...> timeout(Duration duration, F function, Args... args) {
  static_assert(kSpawnable<F>, "timeout takes a function or a lambda without captures: hand over what it uses");
  return Timeout<F, Args...>(duration, std::move(function), std::move(args)...);
}

}  // namespace fluxor::runtime
