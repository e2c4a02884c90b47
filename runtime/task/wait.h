#pragma once

#include <concepts>
#include <coroutine>

#include "runtime/base/check.h"
#include "runtime/task/task_state.h"

namespace fluxor::runtime {

// A promise whose coroutine belongs to a task.
template <typename P>
concept TaskPromise = requires(P promise) {
  { promise.task() } -> std::same_as<TaskState&>;
};

// The one thing a task waits for: what awaitables of the runtime derive from, so that cancellation finds them.
//
//     bool await_suspend(std::coroutine_handle<P> awaiting) {       // P: TaskPromise
//       if (!suspend(awaiting)) return false;                       // cancelled: do not begin
//       … arm a timer, join a queue …
//       return true;
//     }
//     void await_resume() { throw_if_interrupted(); }
//
// Thread:  loop.
// Owns:    whoever derives from it; it lives in the frame that waits.
class Wait {
 public:
  Wait() = default;
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;
  // What is waited for, for people: a literal.
  virtual const char* what() const noexcept = 0;
  // The scope that it is, or null.
  virtual const ScopeState* scope() const noexcept { return nullptr; }

  enum class Interruptible : bool { no, yes };

 protected:
  enum class Ends : bool { no, yes };

  ~Wait() = default;

  // Begins to wait; false if the task was told to stop before: then interrupted() holds, and it must not.
  // With Interruptible::no it begins all the same, and on_cancel() is called as it comes.
  template <TaskPromise P>
  bool suspend(std::coroutine_handle<P> awaiting, Interruptible interruptible = Interruptible::yes) noexcept {
    task_ = &awaiting.promise().task();
    if (interruptible == Interruptible::yes && task_->cancelled_) {
      interrupted_ = true;
      return false;
    }
    FLUXOR_CHECK(task_->loop_ != nullptr, "a task that waits lives on an event loop");
    FLUXOR_CHECK(task_->waiting_ == nullptr, "a task waits for one thing at a time");
    task_->waiting_ = this;
    task_->resume_ = awaiting;
    return true;
  }

  // Whether it waits now.
  bool begun() const noexcept { return task_ != nullptr && task_->waiting_ == this; }
  // What was waited for has come: the task goes on in a unit of its own, whatever happens in between.
  void wake() noexcept {
    end_wait();
    task_->begin_soon(task_->resume_);
  }
  // The same, at once: for who is called by the loop in a unit of its own and has nothing left to do.  The wait may be
  // destroyed in here.
  void resume_now() noexcept {
    end_wait();
    task_->resume();
  }

  // The task was told to stop.  Takes itself out of where it waits and says Ends::yes; or Ends::no if the wait has to
  // go on, because somebody still uses what it waits in: then wake() or resume_now() comes later.
  virtual Ends on_cancel() noexcept = 0;

  TaskState& task() const noexcept { return *task_; }
  EventLoop& loop() const noexcept { return *task_->loop_; }
  // Whether the wait ended, or never began, because the task was told to stop.
  bool interrupted() const noexcept { return interrupted_; }
  void throw_if_interrupted() const {
    if (interrupted_) [[unlikely]]
      throw Cancelled{task_->reason_};
  }
  Errc interruption() const noexcept { return errc_of(task_->reason_); }

 private:
  friend class TaskState;
  void end_wait() noexcept {
    FLUXOR_CHECK(task_->waiting_ == this, "a wait ends once");
    task_->waiting_ = nullptr;
  }
  void interrupt() noexcept {
    if (on_cancel() == Ends::no) return;
    interrupted_ = true;
    wake();
  }

  TaskState* task_ = nullptr;
  bool interrupted_ = false;
};

}  // namespace fluxor::runtime
