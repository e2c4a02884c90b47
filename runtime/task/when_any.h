#pragma once

#include <coroutine>
#include <cstddef>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/base/result.h"
#include "runtime/task/scope.h"
#include "runtime/task/task.h"
#include "runtime/task/task_group.h"
#include "runtime/task/wait.h"

namespace fluxor::runtime {

// Who came first, and with what.
template <typename T>
struct First {
  std::size_t index;  // of the task, in the order given
  T value;
};

namespace detail {

// A Result that is an error is an answer, and no success.
template <typename T>
bool is_success(const T&) noexcept {
  return true;
}
template <typename T, typename E>
bool is_success(const Result<T, E>& result) noexcept {
  return result.has_value();
}

template <typename T, typename... Rest>
inline constexpr bool kAllSame = (std::is_same_v<T, Rest> && ...);

template <typename... Ts>
struct AnyValue {
  using Type = First<std::variant<TaskResult<Ts>...>>;
};
template <typename T, typename... Rest>
  requires kAllSame<T, Rest...>
struct AnyValue<T, Rest...> {
  using Type = First<TaskResult<T>>;
};

template <typename T>
First<TaskResult<T>> take_one(std::vector<GroupMember<T>>& members, std::size_t index) {
  return {index, members[index].take()};
}
template <std::size_t I = 0, typename... Ts>
typename AnyValue<Ts...>::Type take_one(std::tuple<GroupMember<Ts>...>& members, std::size_t index) {
  if constexpr (I + 1 < sizeof...(Ts)) {
    if (index != I) return take_one<I + 1>(members, index);
  }
  if constexpr (kAllSame<Ts...>) {
    return {index, std::get<I>(members).take()};
  } else {
    return {index, std::variant<TaskResult<Ts>...>(std::in_place_index<I>, std::get<I>(members).take())};
  }
}

template <typename Tasks>
class AnyRun final : public GroupRun<Tasks> {
 public:
  AnyRun(const TaskState& around, Tasks& tasks) : GroupRun<Tasks>(around, ScopeMode::race, tasks) {}
  auto result() {
    this->throw_if_interrupted();
    // A winner is not lost because somebody cancels while the losers unwind.
    if (!winner_) this->throw_if_failed();
    return take_one(this->members_, winner_ ? *winner_ : last_);
  }

 private:
  bool on_task_ended(const TaskState& task, TaskEnd end, const std::exception_ptr& failure) noexcept override {
    if (end != TaskEnd::succeeded) return ScopeWait::on_task_ended(task, end, failure);
    std::size_t index = 0;
    bool success = false;
    Tasks::each(this->members_, [&](auto& member) {
      if (!member.is(task)) {
        ++index;
        return false;
      }
      success = is_success(*member.value());
      return true;
    });
    last_ = index;
    if (!success || winner_) return true;
    winner_ = index;
    return ScopeWait::on_task_ended(task, end, failure);
  }
  const char* what() const noexcept override { return "the first of several tasks"; }

  std::optional<std::size_t> winner_;
  std::size_t last_ = 0;  // that ended with a value
};

}  // namespace detail

// What co_await when_any(...) waits on; see there.
template <typename Tasks>
class [[nodiscard]] WhenAny final {
 public:
  explicit WhenAny(Tasks tasks) noexcept : tasks_(std::move(tasks)) {}
  WhenAny(const WhenAny&) = delete;
  WhenAny& operator=(const WhenAny&) = delete;

  bool await_ready() const noexcept { return false; }
  template <TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> awaiting) {
    run_.emplace(awaiting.promise().task(), tasks_);
    return run_->begin(awaiting);
  }
  auto await_resume() { return run_->result(); }

 private:
  Tasks tasks_;
  std::optional<detail::AnyRun<Tasks>> run_;
};

// `co_await when_any(tasks…)`: runs them at the same time; the first that succeeds wins, the others are told to stop,
// and it goes on when all have ended: with a First, which names the winner and has its value.
//
//     const First<Page> page = co_await when_any(fetch(mirror_a), fetch(mirror_b));
//
// A task that throws, or answers with a Result that is an error, has not succeeded.  The value of tasks of different
// types is a std::variant whose index is the winner's; of a task without one, std::monostate.
//
// Thread:  loop.
// Owns:    the tasks; await it in the statement that makes it, so that their arguments may be references.
// Errors:  if none succeeds, the first failure, as it was thrown (the others go to the loop's failure handler); if none
// has thrown, the last error Result is the
//          value.  What losers throw is nobody's concern.  Cancelled if the task around it was told to stop before one
//          had won.
// Cost:    a frame from the free list and two places in the ready queue for each task.
template <typename... Ts>
WhenAny<detail::TaskTuple<Ts...>> when_any(Task<Ts>... tasks) noexcept {
  static_assert(sizeof...(Ts) > 0, "when_any takes at least one task");
  return WhenAny<detail::TaskTuple<Ts...>>(detail::TaskTuple<Ts...>(std::move(tasks)...));
}
template <typename T>
WhenAny<detail::TaskVector<T>> when_any(std::vector<Task<T>> tasks) noexcept {
  FLUXOR_CHECK(!tasks.empty(), "when_any takes at least one task");
  return WhenAny<detail::TaskVector<T>>(detail::TaskVector<T>(std::move(tasks)));
}

}  // namespace fluxor::runtime
