#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <functional>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>

#include <boost/system/system_error.hpp>

#include "runtime/base/check.h"
#include "runtime/task/frame_pool.h"
#include "runtime/task/scope_state.h"
#include "runtime/task/task.h"
#include "runtime/task/task_state.h"
#include "runtime/task/wait.h"

namespace fluxor::runtime {

// What spawn() takes: a function, a member function, or an object without state, such as a lambda without captures.
// Captures would live in the lambda, and die with it while the coroutine still runs; arguments are copied into the
// frame.
template <typename F>
inline constexpr bool kSpawnable =
    std::is_member_pointer_v<F> || (std::is_pointer_v<F> && std::is_function_v<std::remove_pointer_t<F>>) ||
    (std::is_class_v<F> && std::is_empty_v<F>);

namespace detail {

template <typename T>
inline constexpr bool kIsTask = false;
template <typename T>
inline constexpr bool kIsTask<Task<T>> = true;

template <typename T>
struct TaskValue;
template <typename T>
struct TaskValue<Task<T>> {
  using Type = T;
};

// A std::ref() among the arguments becomes the reference, everything else is moved.
template <typename T>
T&& unwrap(T& argument) noexcept {
  return std::move(argument);
}
template <typename T>
T& unwrap(std::reference_wrapper<T>& argument) noexcept {
  return argument.get();
}
template <typename T>
using Unwrapped = decltype(unwrap(std::declval<T&>()));

template <typename F, typename... Args>
using SpawnResult = std::invoke_result_t<F, Unwrapped<Args>...>;

struct SpawnInfo {
  ScopeState& scope;
  const std::source_location& site;
};

class ChildWaitBase;

// The part of a spawned task that does not depend on what it returns.
class ChildState : public TaskState {
 public:
  static void* operator new(std::size_t bytes) { return allocate_frame(bytes); }
  static void operator delete(void* frame, std::size_t bytes) noexcept { free_frame(frame, bytes); }

  TaskState& task() noexcept { return *this; }
  ScopeState& scope() const noexcept { return scope_; }
  bool done() const noexcept { return done_; }
  bool was_cancelled() const noexcept { return was_cancelled_; }

  void acquire() noexcept { ++users_; }
  // True if that was the last one: the frame is to be destroyed.
  [[nodiscard]] bool release() noexcept { return --users_ == 0; }

  void begin(std::coroutine_handle<> first) noexcept { begin_soon(first); }
  std::suspend_always initial_suspend() const noexcept { return {}; }

 protected:
  ChildState(const SpawnInfo& info) noexcept
      : TaskState(&info.scope.loop(), &info.scope, info.site, info.scope.deadline()), scope_(info.scope) {
    if (const TaskState* const spawner = current()) locals() = spawner->locals();
  }

  // Whether the exception in flight is that of a task that does as it was told: Cancelled, or what a Result of an
  // interrupted wait becomes when its value is taken.
  bool unwinds() noexcept { return was_cancelled_ = cancelled() && says_cancelled(); }
  void finish(const std::exception_ptr& failure) noexcept;
  void report_unheard(const std::exception_ptr& failure) const noexcept;
  static bool says_cancelled() noexcept;

  bool done_ = false;
  bool was_cancelled_ = false;
  bool answered_ = true;  // for its failure
  ChildWaitBase* observer_ = nullptr;

 private:
  friend class ChildWaitBase;
  ScopeState& scope_;
  std::size_t users_ = 1;  // the running coroutine itself, and the Child if there is one
};

// Who waits for a child to end, or for something it has to do before.
class ChildWaitBase : public Wait {
 public:
  const char* what() const noexcept override { return "another task"; }
  // It observes no longer.  Returns whether it answers for the way the child ended, so that its scope need not.
  virtual bool child_ended(TaskEnd) noexcept {
    wake();
    return false;
  }

 protected:
  ~ChildWaitBase() = default;
  void observe(ChildState& child) noexcept {
    FLUXOR_CHECK(child.observer_ == nullptr, "one task at a time awaits a child");
    child.observer_ = this;
    child_ = &child;
  }
  void leave() noexcept { child_->observer_ = nullptr; }
  Ends on_cancel() noexcept override {
    leave();
    return Ends::yes;
  }

 private:
  ChildState* child_ = nullptr;
};

template <typename T>
class ChildPromise;

// The coroutine at the bottom of a spawned task.
template <typename T>
struct ChildFrame {
  using promise_type = ChildPromise<T>;
  std::coroutine_handle<promise_type> handle;
};

template <typename T>
class ChildPromiseBase : public ChildState {
 public:
  using ChildState::ChildState;

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<ChildPromise<T>> ended) const noexcept {
      ChildPromise<T>& promise = ended.promise();
      promise.finish(promise.outcome_.failure());
      if (promise.release()) promise.destroy();
    }
    void await_resume() const noexcept {}
  };
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept {
    if (!unwinds()) outcome_.set_failure(std::current_exception());
  }

  // Moves the value out, or throws why there is none.
  T take() {
    answered_ = true;
    if (was_cancelled_) throw boost::system::system_error(make_error_code(errc_of(cancel_reason())));
    return outcome_.take();
  }
  // Null unless it has ended with one.
  const typename Outcome<T>::Value* value() const noexcept { return outcome_.value(); }
  void destroy() noexcept {
    if (!answered_) report_unheard(outcome_.failure());
    std::coroutine_handle<ChildPromise<T>>::from_promise(static_cast<ChildPromise<T>&>(*this)).destroy();
  }

 protected:
  Outcome<T> outcome_;
};

template <typename T>
class ChildPromise final : public ChildPromiseBase<T> {
 public:
  template <typename... Args>
  ChildPromise(const SpawnInfo& info, const Args&...) noexcept : ChildPromiseBase<T>(info) {}
  ChildFrame<T> get_return_object() noexcept { return {std::coroutine_handle<ChildPromise>::from_promise(*this)}; }
  template <typename U>
    requires std::constructible_from<T, U>
  void return_value(U&& value) {
    this->outcome_.set_value(std::forward<U>(value));
  }
};

template <>
class ChildPromise<void> final : public ChildPromiseBase<void> {
 public:
  template <typename... Args>
  ChildPromise(const SpawnInfo& info, const Args&...) noexcept : ChildPromiseBase<void>(info) {}
  ChildFrame<void> get_return_object() noexcept { return {std::coroutine_handle<ChildPromise>::from_promise(*this)}; }
  void return_void() { outcome_.set_value(); }
};

// Arguments are gone when others hear that the task has ended, also where a Child keeps the frame.
template <typename T, typename F, typename... Args>
ChildFrame<T> run_child(SpawnInfo, F function, Args... args) {
  auto arguments = std::tuple<Args...>(std::move(args)...);
  co_return co_await std::apply([&function](Args&... argument) { return std::invoke(function, unwrap(argument)...); },
                                arguments);
}

}  // namespace detail

// A task that was spawned, for who wants its value, or to stop it.  Dropping it changes nothing for the task.
//
//     Child<Price> price = scope.spawn(fetch_price, id);
//     Price now = co_await price;
//
// Thread:  loop.
// Owns:    a part of the task's frame, for what it returns; it may be kept after the scope was joined.
// Errors:  co_await throws what the task threw; system_error of Errc::cancelled or Errc::deadline if it was told to
//          stop.
template <typename T = void>
class Child {
 public:
  explicit Child(std::coroutine_handle<detail::ChildPromise<T>> frame) noexcept : frame_(frame) {
    frame_.promise().acquire();
  }
  Child(Child&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Child& operator=(Child&& other) noexcept {
    if (this != &other) {
      drop();
      frame_ = std::exchange(other.frame_, nullptr);
    }
    return *this;
  }
  ~Child() { drop(); }

  bool done() const noexcept { return promise().done(); }
  // Told to stop, it unwinds; its scope does not count that as a failure.
  void cancel() noexcept { promise().cancel(CancelReason::cancelled); }

  class Awaiter final : public detail::ChildWaitBase {
   public:
    explicit Awaiter(detail::ChildPromise<T>& child) noexcept : child_(child) { child_.acquire(); }
    ~Awaiter() {
      if (child_.release()) child_.destroy();
    }
    bool await_ready() const noexcept { return child_.done(); }
    template <TaskPromise P>
    bool await_suspend(std::coroutine_handle<P> awaiting) noexcept {
      if (!suspend(awaiting)) return false;
      observe(child_);
      return true;
    }
    T await_resume() {
      throw_if_interrupted();
      return child_.take();
    }

   private:
    detail::ChildPromise<T>& child_;  // shared with the Child, which may be dropped meanwhile
  };
  // Once: the value is moved out.
  Awaiter operator co_await() noexcept { return Awaiter(promise()); }
  // The same for one that is done.
  T take() { return promise().take(); }
  // For awaitables of the runtime.
  detail::ChildState& state() const noexcept { return promise(); }

 private:
  detail::ChildPromise<T>& promise() const noexcept {
    FLUXOR_CHECK(frame_ != nullptr, "a child is not used after it was moved from");
    return frame_.promise();
  }
  void drop() noexcept {
    if (frame_ != nullptr && frame_.promise().release()) frame_.promise().destroy();
    frame_ = nullptr;
  }

  std::coroutine_handle<detail::ChildPromise<T>> frame_;
};

namespace detail {

template <typename F, typename... Args>
class SpawnReady;  // spawn_ready.h

// Makes the task and puts it into its scope; it begins in a unit of its own.
template <typename F, typename... Args>
auto spawn_into(ScopeState& scope, const std::source_location& site, F function, Args... args) {
  static_assert(kSpawnable<F>,
                "spawn takes a function or a lambda without captures: hand over what it uses as arguments");
  if constexpr (kSpawnable<F>) {
    static_assert(std::is_invocable_v<F, Unwrapped<Args>...>, "spawn: the function does not take these arguments");
    if constexpr (std::is_invocable_v<F, Unwrapped<Args>...>) {
      using Result = SpawnResult<F, Args...>;
      static_assert(kIsTask<Result>, "spawn takes a function that returns a Task");
      using T = typename TaskValue<Result>::Type;
      const auto frame = run_child<T>(SpawnInfo{scope, site}, std::move(function), std::move(args)...).handle;
      Child<T> child(frame);
      frame.promise().begin(frame);
      scope.add(frame.promise());
      return child;
    }
  }
}

}  // namespace detail

// `spawn(function, arguments…)` for what has a scope: up to six arguments, each copied or moved into the task's frame
// (a std::ref becomes the reference).  Written out one by one because the place of the call comes as the last argument.
//
// The task belongs to this scope, wherever spawn is called; it begins in a unit of its own, and inherits the task-local
// values of the task that spawns it and the deadline of the scope.  In a scope that was cancelled it begins cancelled.
//
// Derived provides ScopeState& spawn_scope().
//
// Thread:  loop.
// Errors:  std::bad_alloc.
// Cost:    two frames from the free list, one place in the ready queue.
template <typename Derived>
class Spawner {
 public:
  using Site = std::source_location;

  template <typename F>
  auto spawn(F f, Site site = Site::current()) {
    return detail::spawn_into(scope(), site, std::move(f));
  }
  template <typename F, typename A>
  auto spawn(F f, A a, Site site = Site::current()) {
    return detail::spawn_into(scope(), site, std::move(f), std::move(a));
  }
  template <typename F, typename A, typename B>
  auto spawn(F f, A a, B b, Site site = Site::current()) {
    return detail::spawn_into(scope(), site, std::move(f), std::move(a), std::move(b));
  }
  template <typename F, typename A, typename B, typename C>
  auto spawn(F f, A a, B b, C c, Site site = Site::current()) {
    return detail::spawn_into(scope(), site, std::move(f), std::move(a), std::move(b), std::move(c));
  }
  template <typename F, typename A, typename B, typename C, typename D>
  auto spawn(F f, A a, B b, C c, D d, Site site = Site::current()) {
    return detail::spawn_into(scope(), site, std::move(f), std::move(a), std::move(b), std::move(c), std::move(d));
  }
  template <typename F, typename A, typename B, typename C, typename D, typename E>
  auto spawn(F f, A a, B b, C c, D d, E e, Site site = Site::current()) {
    return detail::spawn_into(scope(), site, std::move(f), std::move(a), std::move(b), std::move(c), std::move(d),
                              std::move(e));
  }
  template <typename F, typename A, typename B, typename C, typename D, typename E, typename G>
  auto spawn(F f, A a, B b, C c, D d, E e, G g, Site site = Site::current()) {
    return detail::spawn_into(scope(), site, std::move(f), std::move(a), std::move(b), std::move(c), std::move(d),
                              std::move(e), std::move(g));
  }

  // Waits until the task says that it is ready; see spawn_ready.h, which has to be included.
  template <typename F>
  detail::SpawnReady<F> spawn_ready(F f, Site site = Site::current()) {
    return {scope(), site, std::move(f)};
  }
  template <typename F, typename A>
  detail::SpawnReady<F, A> spawn_ready(F f, A a, Site site = Site::current()) {
    return {scope(), site, std::move(f), std::move(a)};
  }
  template <typename F, typename A, typename B>
  detail::SpawnReady<F, A, B> spawn_ready(F f, A a, B b, Site site = Site::current()) {
    return {scope(), site, std::move(f), std::move(a), std::move(b)};
  }
  template <typename F, typename A, typename B, typename C>
  detail::SpawnReady<F, A, B, C> spawn_ready(F f, A a, B b, C c, Site site = Site::current()) {
    return {scope(), site, std::move(f), std::move(a), std::move(b), std::move(c)};
  }
  template <typename F, typename A, typename B, typename C, typename D>
  detail::SpawnReady<F, A, B, C, D> spawn_ready(F f, A a, B b, C c, D d, Site site = Site::current()) {
    return {scope(), site, std::move(f), std::move(a), std::move(b), std::move(c), std::move(d)};
  }
  template <typename F, typename A, typename B, typename C, typename D, typename E>
  detail::SpawnReady<F, A, B, C, D, E> spawn_ready(F f, A a, B b, C c, D d, E e, Site site = Site::current()) {
    return {scope(), site, std::move(f), std::move(a), std::move(b), std::move(c), std::move(d), std::move(e)};
  }

 private:
  ScopeState& scope() noexcept { return static_cast<Derived*>(this)->spawn_scope(); }
};

}  // namespace fluxor::runtime
