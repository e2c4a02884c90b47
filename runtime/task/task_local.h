#pragma once

#include <utility>

#include "runtime/base/check.h"
#include "runtime/task/task_locals.h"
#include "runtime/task/task_state.h"

namespace fluxor::runtime {

// A value that the current task carries, and that the tasks it spawns from then on inherit: a tenant, a trace.
//
//     inline constinit TaskLocal<std::string> kTenant;
//     kTenant.set("acme");
//     if (const std::string* tenant = kTenant.get()) …
//
// Its address is the key, so each is one object for the whole program.
//
// Thread:  loop, inside a task.
// Cost:    set allocates once; get walks over what was set.
template <typename T>
class TaskLocal {
 public:
  constexpr TaskLocal() = default;
  TaskLocal(const TaskLocal&) = delete;
  TaskLocal& operator=(const TaskLocal&) = delete;

  // Null if neither this task nor one that it comes from has set it, or outside of tasks.
  const T* get() const noexcept {
    const TaskState* const task = TaskState::current();
    return task == nullptr ? nullptr : of(*task);
  }
  const T* of(const TaskState& task) const noexcept {
    const TaskLocals::Node* const node = task.locals().find(this);
    return node == nullptr ? nullptr : &static_cast<const Value*>(node)->value;
  }
  void set(T value) const {
    TaskState* const task = TaskState::current();
    FLUXOR_CHECK(task != nullptr, "a task-local value is set inside a task");
    TaskLocals& locals = task->locals();
    locals.push(new Value(this, locals.first(), std::move(value)));
  }

 private:
  struct Value final : TaskLocals::Node {
    Value(const void* of, Node* rest, T set) : Node(of, rest), value(std::move(set)) {}
    const T value;
  };
};

}  // namespace fluxor::runtime
