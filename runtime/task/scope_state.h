#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/task/cancelled.h"
#include "runtime/task/task_state.h"

namespace fluxor::runtime {

class EventLoop;
class ScopeLink;

// How a task ended.
enum class TaskEnd : std::uint8_t {
  succeeded,
  cancelled,  // it was told to stop, and unwound
  failed,     // an exception came out of it
  excused     // it ended, one way or the other, before it was ready; whoever waits for that answers for it
};

// The tasks that were spawned into one scope and have not ended: the part that all kinds of scopes share.
//
// Thread:  loop.
// Owns:    nothing: tasks own their frames.  It is not destroyed before the last of them has ended.
class ScopeState {
 public:
  ScopeState(EventLoop& loop, Instant deadline) noexcept : loop_(loop), deadline_(deadline) {}
  ScopeState(const ScopeState&) = delete;
  ScopeState& operator=(const ScopeState&) = delete;

  EventLoop& loop() const noexcept { return loop_; }
  Instant deadline() const noexcept { return deadline_; }
  bool empty() const noexcept { return first_ == nullptr; }
  std::size_t size() const noexcept { return size_; }
  bool cancelled() const noexcept { return cancelled_; }
  CancelReason cancel_reason() const noexcept { return reason_; }

  // Tells every task in it to stop, and each that is spawned from now on before it begins.  The first reason counts.
  // Cost: no stack, however deep scopes are nested.
  void cancel(CancelReason reason) noexcept;

  // In the order spawned; `look` must not change them.
  template <typename F>
  void each_task(F&& look) const {
    for (const TaskState* task = first_; task != nullptr; task = task->next_) look(*task);
  }

  // The same, until `look` says false.
  template <typename F>
  void each_task_while(F&& look) const {
    const TaskState* task = first_;
    while (task != nullptr && look(*task)) task = task->next_;
  }

  // Whose tasks these are, for layers above: that of the scope around it, or null.
  virtual void* owner() const noexcept { return nullptr; }

  // For those who keep a way to spawn into it; see ScopeHandle.  Not once it was closed.
  ScopeLink& link();

  // Of the frames of its tasks.
  void add(TaskState& task) noexcept;
  // `failure` is null unless the task failed.  Returns whether somebody answers for the failure from now on.
  bool ended(TaskState& task, TaskEnd end, const std::exception_ptr& failure) noexcept;

 protected:
  virtual ~ScopeState();
  // It takes no more tasks, and who keeps a handle learns that.
  void close() noexcept;
  // A task has ended and is no longer in the scope.  Returns whether its failure, if it has one, is cared for.
  virtual bool on_task_ended(const TaskState& task, TaskEnd end, const std::exception_ptr& failure) noexcept = 0;
  // The last one has.
  virtual void on_empty() noexcept = 0;

 private:
  EventLoop& loop_;
  const Instant deadline_;
  TaskState* first_ = nullptr;
  TaskState* last_ = nullptr;
  std::size_t size_ = 0;
  ScopeLink* link_ = nullptr;
  ScopeState* next_to_tell_ = nullptr;  // while a cancellation goes down the tree
  bool cancelled_ = false;
  bool closed_ = false;
  CancelReason reason_ = CancelReason::cancelled;
};

// What is left of a scope for those who keep a handle.  Thread: loop.
class ScopeLink {
 public:
  explicit ScopeLink(ScopeState& scope) noexcept : scope_(&scope) {}
  // Null once the scope has been joined.
  ScopeState* scope() const noexcept { return scope_; }
  void acquire() noexcept { ++users_; }
  void release() noexcept {
    if (--users_ == 0) delete this;
  }

 private:
  friend class ScopeState;
  ScopeState* scope_;
  std::size_t users_ = 1;  // the scope's
};

}  // namespace fluxor::runtime
