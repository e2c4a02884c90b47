#pragma once

#include <coroutine>

#include "runtime/base/check.h"
#include "runtime/loop/loop_affinity.h"
#include "runtime/task/wait.h"
#include "runtime/task/wait_queue.h"

namespace fluxor::runtime {

// Lets one task at a time of a loop through a stretch of code that waits in the middle.
//
//     const AsyncMutex::Guard guard = co_await mutex.lock();
//     co_await write(header);
//     co_await write(body);                                       // nobody writes in between
//
// Code that does not wait needs none: nothing else runs on the loop meanwhile.  First come, first served: who unlocks
// hands the mutex to the next, so a task that was woken holds it.  A task that locks what it holds already is stopped
// with a message, because it would wait for itself; so is a guard bound to the frame that locked, and does not move.
//
// Thread:  loop.
// Owns:    nothing; it outlives those who hold it or wait for it (checked).
// Cost:    no allocation.
class AsyncMutex {
 public:
  // Holds the mutex until its end.
  class [[nodiscard]] Guard {
   public:
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard() { mutex_.unlock(); }

   private:
    friend AsyncMutex;
    explicit Guard(AsyncMutex& mutex) noexcept : mutex_(mutex) {}
    AsyncMutex& mutex_;
  };

  // What co_await lock() waits on.
  class [[nodiscard]] Locking final : private Wait, public WaitPlace<Locking> {
   public:
    explicit Locking(AsyncMutex& mutex) noexcept : mutex_(mutex) {}
    bool await_ready() const noexcept { return false; }
    template <TaskPromise P>
    bool await_suspend(std::coroutine_handle<P> awaiting) noexcept {
      const TaskState& task = awaiting.promise().task();
      if (task.cancelled()) return suspend(awaiting);
      mutex_.affinity_.check();
      FLUXOR_CHECK(mutex_.holder_ != &task, "a task does not lock an AsyncMutex that it holds");
      if (mutex_.holder_ == nullptr) {
        mutex_.holder_ = &task;
        return false;
      }
      mutex_.waiting_.push_back(*this);
      return suspend(awaiting);
    }
    Guard await_resume() const {
      throw_if_interrupted();
      return Guard(mutex_);
    }

   private:
    friend AsyncMutex;
    Ends on_cancel() noexcept override {
      mutex_.waiting_.remove(*this);
      return Ends::yes;
    }
    const char* what() const noexcept override { return "a mutex"; }

    AsyncMutex& mutex_;
  };

  AsyncMutex() = default;
  AsyncMutex(const AsyncMutex&) = delete;
  AsyncMutex& operator=(const AsyncMutex&) = delete;
  ~AsyncMutex() { FLUXOR_CHECK(holder_ == nullptr, "an AsyncMutex outlives those who hold it"); }

  // Errors: Cancelled, before or while it waits; then it is not held.
  Locking lock() noexcept { return Locking(*this); }
  bool locked() const noexcept { return holder_ != nullptr; }

 private:
  void unlock() noexcept {
    affinity_.check();
    Locking* const next = waiting_.pop_front();
    holder_ = next == nullptr ? nullptr : &next->task();
    if (next != nullptr) next->wake();
  }

  const TaskState* holder_ = nullptr;
  WaitQueue<Locking> waiting_;
  LoopAffinity affinity_;
};

}  // namespace fluxor::runtime
