#pragma once

#include <coroutine>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/task/scope.h"
#include "runtime/task/task.h"
#include "runtime/task/task_group.h"
#include "runtime/task/wait.h"

namespace fluxor::runtime {
namespace detail {

template <typename... Ts>
std::tuple<TaskResult<Ts>...> take_all(std::tuple<GroupMember<Ts>...>& members) {
  return std::apply([](GroupMember<Ts>&... member) { return std::tuple<TaskResult<Ts>...>{member.take()...}; },
                    members);
}
template <typename T>
auto take_all(std::vector<GroupMember<T>>& members) {
  if constexpr (!std::is_void_v<T>) {
    std::vector<T> values;
    values.reserve(members.size());
    for (GroupMember<T>& member : members) values.push_back(member.take());
    return values;
  }
}

template <typename Tasks>
class AllRun final : public GroupRun<Tasks> {
 public:
  AllRun(const TaskState& around, Tasks& tasks) : GroupRun<Tasks>(around, ScopeMode::fail_fast, tasks) {}
  auto result() {
    this->throw_if_interrupted();
    if (this->size_ != 0) this->throw_if_failed();
    return take_all(this->members_);
  }

 private:
  const char* what() const noexcept override { return "all of several tasks"; }
};

}  // namespace detail

// What co_await when_all(...) waits on; see there.
template <typename Tasks>
class [[nodiscard]] WhenAll final {
 public:
  explicit WhenAll(Tasks tasks) noexcept : tasks_(std::move(tasks)) {}
  WhenAll(const WhenAll&) = delete;
  WhenAll& operator=(const WhenAll&) = delete;

  bool await_ready() const noexcept { return false; }
  template <TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> awaiting) {
    const TaskState& task = awaiting.promise().task();
    run_.emplace(task, tasks_);
    // Of none nobody would be the last.
    return (tasks_.size() != 0 || task.cancelled()) && run_->begin(awaiting);
  }
  auto await_resume() { return run_->result(); }

 private:
  Tasks tasks_;
  std::optional<detail::AllRun<Tasks>> run_;
};

// `co_await when_all(tasks…)`: runs them at the same time and goes on when all have ended, with their values: a tuple,
// std::monostate for a task without one.
//
//     auto [price, stock] = co_await when_all(fetch_price(id), fetch_stock(id));
//
// Of a vector of tasks it is a vector of the values, in the same order, or nothing if they have none.  Each is a task
// of its own, so none ends or waits in the name of another; the first that fails cancels the others.
//
// Thread:  loop.
// Owns:    the tasks; await it in the statement that makes it, so that their arguments may be references.
// Errors:  the first failure, as it was thrown; others go to the loop's failure handler.  Cancelled if the task around
//          it was told to stop and that cut one short.
// Cost:    a frame from the free list and two places in the ready queue for each task.
template <typename... Ts>
WhenAll<detail::TaskTuple<Ts...>> when_all(Task<Ts>... tasks) noexcept {
  static_assert(sizeof...(Ts) > 0, "when_all takes at least one task, or a vector of them");
  return WhenAll<detail::TaskTuple<Ts...>>(detail::TaskTuple<Ts...>(std::move(tasks)...));
}
template <typename T>
WhenAll<detail::TaskVector<T>> when_all(std::vector<Task<T>> tasks) noexcept {
  return WhenAll<detail::TaskVector<T>>(detail::TaskVector<T>(std::move(tasks)));
}

}  // namespace fluxor::runtime
