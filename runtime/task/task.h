#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>
#include <variant>

#include "runtime/base/check.h"
#include "runtime/base/compiler.h"
#include "runtime/task/frame_pool.h"
#include "runtime/task/task_state.h"
#include "runtime/task/wait.h"

namespace fluxor::runtime {

template <typename T = void>
class Task;

// How a task ended: with a value, or with an exception.
template <typename T = void>
class Outcome {
 public:
  using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

  bool has_value() const noexcept { return state_.index() == 1; }
  // Null unless the task ended with one.
  const Value* value() const noexcept { return std::get_if<1>(&state_); }
  // Null unless the task ended with an exception.
  std::exception_ptr failure() const noexcept {
    return state_.index() == 2 ? std::get<2>(state_) : std::exception_ptr();
  }

  // The value, moved out, or the exception, thrown; that stays, for whoever asks again.
  T take() {
    if (state_.index() == 2) std::rethrow_exception(std::get<2>(state_));
    FLUXOR_CHECK(state_.index() == 1, "an outcome is taken after the task has ended");
    if constexpr (!std::is_void_v<T>) return std::get<1>(std::move(state_));
  }

  template <typename... Args>
  void set_value(Args&&... args) {
    state_.template emplace<1>(std::forward<Args>(args)...);
  }
  void set_failure(std::exception_ptr failure) noexcept { state_.template emplace<2>(std::move(failure)); }

 private:
  std::variant<std::monostate, Value, std::exception_ptr> state_;
};

namespace detail {

class PromiseBase {
 public:
  static void* operator new(std::size_t bytes) { return allocate_frame(bytes); }
  static void operator delete(void* frame, std::size_t bytes) noexcept { free_frame(frame, bytes); }

  std::suspend_always initial_suspend() const noexcept { return {}; }

  // Hands over to whoever awaits, without a new stack frame (symmetric transfer): a million awaits in a row use none.
  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      return ended.promise().awaiting_;
    }
    void await_resume() const noexcept {}
  };
  FinalAwaiter final_suspend() const noexcept { return {}; }

  void set_awaiting(std::coroutine_handle<> awaiting, TaskState& task) noexcept {
    awaiting_ = awaiting;
    task_ = &task;
  }
  bool awaited() const noexcept { return awaiting_ != nullptr; }
  // What it is a part of; it has been awaited.
  TaskState& task() const noexcept { return *task_; }

 private:
  std::coroutine_handle<> awaiting_;
  TaskState* task_ = nullptr;
};

template <typename T>
class Promise final : public PromiseBase {
 public:
  Task<T> get_return_object() noexcept;
  template <typename U>
    requires std::constructible_from<T, U>
  void return_value(U&& value) {
    outcome_.set_value(std::forward<U>(value));
  }
  void unhandled_exception() noexcept { outcome_.set_failure(std::current_exception()); }
  Outcome<T>& outcome() noexcept { return outcome_; }

 private:
  Outcome<T> outcome_;
};

template <>
class Promise<void> final : public PromiseBase {
 public:
  Task<void> get_return_object() noexcept;
  void return_void() { outcome_.set_value(); }
  void unhandled_exception() noexcept { outcome_.set_failure(std::current_exception()); }
  Outcome<void>& outcome() noexcept { return outcome_; }

 private:
  Outcome<void> outcome_;
};

}  // namespace detail

// A coroutine that does nothing until it is awaited, and then runs on the awaiter's loop.
//
//     Task<int> twice(int n) { co_return 2 * co_await half_of_it(n); }
//
// Thread:  one loop for life.
// Owns:    its frame, and so its arguments (by value: a reference argument is only as good as what it refers to; a
//          lambda's captures live in the lambda, not in the frame).  A task that was started is never destroyed before
//          its end; one that was not started may be dropped.
// Errors:  what is thrown inside comes out of co_await.
template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;

  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      reset();
      frame_ = std::exchange(other.frame_, nullptr);
    }
    return *this;
  }
  ~Task() { reset(); }

  class Awaiter {
   public:
    explicit Awaiter(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
    bool await_ready() const noexcept { return false; }
    template <TaskPromise P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> awaiting) const noexcept {
      frame_.promise().set_awaiting(awaiting, awaiting.promise().task());
      return frame_;
    }
    T await_resume() { return frame_.promise().outcome().take(); }

   private:
    std::coroutine_handle<promise_type> frame_;
  };
  // A task is awaited once.
  Awaiter operator co_await() && noexcept {
    FLUXOR_CHECK(frame_ != nullptr && !frame_.promise().awaited(), "a task is awaited once");
    return Awaiter(frame_);
  }

 private:
  friend promise_type;
  explicit Task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
  void reset() noexcept {
    if (frame_ == nullptr) return;
    FLUXOR_CHECK(frame_.done() || !frame_.promise().awaited(), "a started task is not destroyed before its end");
    std::exchange(frame_, nullptr).destroy();
  }

  std::coroutine_handle<promise_type> frame_;
};

namespace detail {

template <typename T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}

inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

// The frame at the bottom of a started task: destroys itself at its end.
struct Root {
  class promise_type final : public TaskState {
   public:
    static void* operator new(std::size_t bytes) { return allocate_frame(bytes); }
    static void operator delete(void* frame, std::size_t bytes) noexcept { free_frame(frame, bytes); }
    template <typename... Args>
    explicit promise_type(const std::source_location& site, const Args&...) noexcept : TaskState(site) {}
    Root get_return_object() noexcept { return {this}; }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }

    TaskState& task() noexcept { return *this; }
    void begin(const char* label) {
      if (label != nullptr) set_label(label);
      begin_now(std::coroutine_handle<promise_type>::from_promise(*this));
    }
  };
  promise_type* promise;
};

template <typename T, typename Done>
Root run_root(std::source_location, Task<T> task, Done done) {
  Outcome<T> outcome;
  {
    // Who hears of the end may free at once what the arguments refer to, so their frame goes first.
    Task<T> ending = std::move(task);
    try {
      if constexpr (std::is_void_v<T>) {
        co_await std::move(ending);
        outcome.set_value();
      } else {
        outcome.set_value(co_await std::move(ending));
      }
    } catch (...) {
      outcome.set_failure(std::current_exception());
    }
  }
  done(std::move(outcome));
}

}  // namespace detail

// Starts a task from code that is no coroutine.  It runs until it first suspends before this returns; `done` is called
// with its outcome, on the same loop, perhaps before this returns; the task's frame and arguments are gone by then.
//
// It belongs to no scope, so nobody cancels it: for what lies below scopes, and for tests.
//
// Thread:  loop.
// Owns:    the task owns itself until its end; whoever starts it must outlive what `done` refers to, and so wait for
//          it.  `label`, for whoever watches the loop, outlives the loop; null: the function that calls this.
// Errors:  `done` must not throw.
template <typename T, std::invocable<Outcome<T>> Done>
void start(Task<T> task, Done done, const char* label = nullptr,
           std::source_location site = std::source_location::current()) {
  detail::run_root(site, std::move(task), std::move(done)).promise->begin(label);
}

}  // namespace fluxor::runtime
