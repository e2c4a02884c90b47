#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <source_location>

#include "runtime/base/clock.h"
#include "runtime/loop/ready_queue.h"
#include "runtime/task/cancelled.h"
#include "runtime/task/task_locals.h"

namespace fluxor::runtime {

class EventLoop;
class ScopeState;
class Wait;

// A coroutine that was started, with all that it awaits: what is suspended, resumed and cancelled as one.
//
// It waits for one thing at a time (Wait), so to cancel it is to interrupt that; a scope it has opened is such a wait,
// and hands the word on to the tasks inside.  So scopes and tasks form a tree, and there is no other list of who has
// to be told.
//
// Thread:  loop.
// Owns:    nothing: it is part of the frame at the bottom of the coroutine, which lives until its end and as long as
//          somebody holds a Child of it.
class TaskState : private ReadyNode {
 public:
  // Of the innermost coroutine that runs on this thread: null outside of one.  Thread: any.
  static TaskState* current() noexcept { return current_; }

  EventLoop* loop() const noexcept { return loop_; }
  // Where it was spawned.
  const std::source_location& site() const noexcept { return site_; }
  // What a held loop is said to run: the function that spawned it, unless it has a name of its own.
  const char* label() const noexcept { return label_; }
  // When its time is over; the earliest of its scopes'.
  Instant deadline() const noexcept { return deadline_; }
  // Whether it was told to stop.
  bool cancelled() const noexcept { return cancelled_; }
  CancelReason cancel_reason() const noexcept { return reason_; }
  // Null while it runs or is about to.
  const Wait* waiting() const noexcept { return waiting_; }
  // Whose it is, for layers above: its scope knows.  Null for a root.
  void* owner() const noexcept;
  const TaskLocals& locals() const noexcept { return locals_; }
  TaskLocals& locals() noexcept { return locals_; }

  // Tells it to stop: what it waits for is interrupted, and so is each later wait.  It goes on, to unwind, in a unit of
  // its own.  The first reason counts.
  void cancel(CancelReason reason) noexcept;

 protected:
  // `scope` joins it; null for a root, which whoever started it waits for.
  TaskState(EventLoop* loop, ScopeState* scope, const std::source_location& site, Instant deadline) noexcept
      : loop_(loop), scope_(scope), site_(site), deadline_(deadline) {}
  // A root, on the loop of this thread if there is one.
  explicit TaskState(const std::source_location& site) noexcept;
  ~TaskState() override = default;

  // It is to begin, in a unit of its own.
  void begin_soon(std::coroutine_handle<> first) noexcept;
  // It begins now, inside what the caller does.
  void begin_now(std::coroutine_handle<> first) noexcept {
    resume_ = first;
    resume();
  }
  // `label`, a C string, outlives the loop.  Before it begins.
  void set_label(const char* label) noexcept { label_ = label; }
  // Nobody is to take what runs from now on for this task.
  static void leave() noexcept { current_ = nullptr; }

 private:
  friend class ScopeState;
  friend class Wait;

  void on_ready() override { resume(); }
  void resume();

  static constinit thread_local TaskState* current_;

  EventLoop* const loop_;
  ScopeState* const scope_;
  TaskState* previous_ = nullptr;  // in its scope
  TaskState* next_ = nullptr;
  Wait* waiting_ = nullptr;
  std::coroutine_handle<> resume_;
  const std::source_location site_;
  const char* label_ = site_.function_name();
  const Instant deadline_;
  TaskLocals locals_;
  bool cancelled_ = false;
  CancelReason reason_ = CancelReason::cancelled;
};

}  // namespace fluxor::runtime
