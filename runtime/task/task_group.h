#pragma once

#include <coroutine>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/task/scope.h"
#include "runtime/task/scope_state.h"
#include "runtime/task/spawn.h"
#include "runtime/task/task.h"
#include "runtime/task/wait.h"

// What when_all() and when_any() have in common; not for others.
namespace fluxor::runtime::detail {

// What a task gives, also if that is nothing.
template <typename T>
using TaskResult = typename Outcome<T>::Value;

// A lazily made task as one of a scope.  Its own frame is gone when others hear that it has ended.
template <typename T>
ChildFrame<T> run_made(SpawnInfo, Task<T> task) {
  Task<T> ending = std::move(task);
  co_return co_await std::move(ending);
}

// One of a group.  Until it has begun it may be dropped.
template <typename T>
class GroupMember {
 public:
  using Value = TaskResult<T>;

  GroupMember(const SpawnInfo& info, Task<T> task)
      : frame_(run_made<T>(info, std::move(task)).handle), child_(frame_) {}
  GroupMember(GroupMember&& other) noexcept
      : frame_(std::exchange(other.frame_, nullptr)), child_(std::move(other.child_)), begun_(other.begun_) {}
  GroupMember& operator=(GroupMember&&) = delete;
  ~GroupMember() {
    if (frame_ == nullptr || begun_) return;
    static_cast<void>(frame_.promise().release());  // its own part, as if it had ended; `child_` has the other
  }

  void begin(ScopeState& scope) noexcept {
    begun_ = true;
    frame_.promise().begin(frame_);
    scope.add(frame_.promise());
  }
  bool is(const TaskState& task) const noexcept { return &task == &frame_.promise(); }
  // Of one that has ended; null unless it has a value.
  const Value* value() const noexcept { return frame_.promise().value(); }
  Value take() {
    if constexpr (std::is_void_v<T>) {
      child_.take();
      return {};
    } else {
      return child_.take();
    }
  }

 private:
  std::coroutine_handle<ChildPromise<T>> frame_;
  Child<T> child_;
  bool begun_ = false;
};

// Tasks that were made beforehand, one beside the other, of any types, or any number of one type.
template <typename... Ts>
class TaskTuple {
 public:
  explicit TaskTuple(Task<Ts>... tasks) noexcept : tasks_(std::move(tasks)...) {}
  using Members = std::tuple<GroupMember<Ts>...>;

  static constexpr std::size_t size() noexcept { return sizeof...(Ts); }
  Members make(const SpawnInfo& info) {
    return std::apply([&info](Task<Ts>&... task) { return Members{GroupMember<Ts>(info, std::move(task))...}; },
                      tasks_);
  }
  // Until one answers true.
  template <typename F>
  static void each(Members& members, F&& look) {
    std::apply([&look](auto&... member) { static_cast<void>((look(member) || ...)); }, members);
  }

 private:
  std::tuple<Task<Ts>...> tasks_;
};

template <typename T>
class TaskVector {
 public:
  explicit TaskVector(std::vector<Task<T>> tasks) noexcept : tasks_(std::move(tasks)) {}
  using Members = std::vector<GroupMember<T>>;

  std::size_t size() const noexcept { return tasks_.size(); }
  Members make(const SpawnInfo& info) {
    Members members;
    members.reserve(tasks_.size());
    for (Task<T>& task : tasks_) members.emplace_back(info, std::move(task));
    return members;
  }
  template <typename F>
  static void each(Members& members, F&& look) {
    for (GroupMember<T>& member : members) {
      if (look(member)) return;
    }
  }

 private:
  std::vector<Task<T>> tasks_;
};

// The wait for all of a group: a scope without a body.
template <typename Tasks>
class GroupRun : public ScopeWait {
 public:
  GroupRun(const TaskState& around, ScopeMode mode, Tasks& tasks)
      : ScopeWait(*around.loop(), around.deadline(), ScopeOptions{.mode = mode}),
        size_(tasks.size()),
        members_(tasks.make(SpawnInfo{*this, around.site()})) {}

  template <typename P>
  bool begin(std::coroutine_handle<P> awaiting) noexcept {
    if (!suspend(awaiting)) return false;
    Tasks::each(members_, [this](auto& member) {
      member.begin(*this);
      return false;
    });
    return true;
  }

 protected:
  ~GroupRun() override = default;
  const std::size_t size_;
  typename Tasks::Members members_;
};

}  // namespace fluxor::runtime::detail
