#pragma once

#include <coroutine>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "runtime/base/check.h"
#include "runtime/task/scope_state.h"
#include "runtime/task/spawn.h"
#include "runtime/task/wait.h"

// `R value = co_await scope.spawn_ready(function, arguments…)`: spawns a task, and goes on when it says that it is
// ready.
//
//     Task<> serve(Ready<Port> ready, Config config) { …; ready.set(listener.port()); … }
//
//     const Port port = co_await scope.spawn_ready(serve, config);
//
// The function takes a Ready first (a member function after its object); what it is set to is the value.  Until then
// the spawner answers for the task: it gets its failure, which is not the scope's, and NeverReady if the task ends
// without a word.  If the spawner is told to stop, so is the task, and is joined first.  Afterwards it is a task like
// any other.
//
// Thread:  loop.
// Errors:  what the task throws before it is ready; NeverReady; system_error of Errc::cancelled or Errc::deadline if
// the
//          task was told to stop; Cancelled if the spawner was.
// Cost:    as spawn().
namespace fluxor::runtime {

template <typename R = void>
class Ready;

// Thrown to who waits for a task to be ready that has ended, with no failure, without a word.
class NeverReady final : public std::logic_error {
 public:
  NeverReady() : std::logic_error("the task has ended without being ready") {}
};

namespace detail {

// Who waits for a word of readiness.  It and the word know each other, since either may be gone first: a word may be
// kept after its task has ended.
template <typename R>
class ReadyWait : public ChildWaitBase {
 public:
  using Value = std::conditional_t<std::is_void_v<R>, std::monostate, R>;

 protected:
  ~ReadyWait() = default;
  virtual void on_ready(Value value) noexcept = 0;

  Ready<R> make_word() noexcept { return Ready<R>(*this); }
  // Nobody listens any more.
  void detach() noexcept {
    if (word_ != nullptr) std::exchange(word_, nullptr)->wait_ = nullptr;
  }

 private:
  friend Ready<R>;
  Ready<R>* word_ = nullptr;
};

}  // namespace detail

// The word of a task that was spawned by spawn_ready(): it is ready now.
//
// Thread:  loop.
// Owns:    nothing; moved to whoever is to say it, and dropped unsaid if it never is.
template <typename R>
class Ready {
 public:
  Ready(Ready&& other) noexcept : wait_(std::exchange(other.wait_, nullptr)), said_(other.said_) { follow(); }
  Ready& operator=(Ready&&) = delete;
  ~Ready() {
    if (wait_ != nullptr) wait_->word_ = nullptr;
  }

  // Once: whoever waits goes on, in a unit of its own, with the value.  Without effect if nobody waits any more.
  template <typename... V>
  void set(V&&... value) {
    static_assert(sizeof...(V) == (std::is_void_v<R> ? 0 : 1), "set() takes what Ready<> names");
    FLUXOR_CHECK(!said_, "a task is ready once");
    typename detail::ReadyWait<R>::Value made{std::forward<V>(value)...};
    said_ = true;
    if (wait_ == nullptr) return;
    detail::ReadyWait<R>& wait = *wait_;
    wait.detach();
    wait.on_ready(std::move(made));
  }

 private:
  friend detail::ReadyWait<R>;
  explicit Ready(detail::ReadyWait<R>& wait) noexcept : wait_(&wait) { follow(); }
  void follow() noexcept {
    if (wait_ != nullptr) wait_->word_ = this;
  }

  detail::ReadyWait<R>* wait_;
  bool said_ = false;
};

namespace detail {

// What the Ready is for that F takes first, or, as a member function, after its object.
template <typename F>
struct ReadyOf;
template <typename T, typename R, bool N, typename... Args>
struct ReadyOf<T (*)(Ready<R>, Args...) noexcept(N)> {
  using Type = R;
};
template <typename T, typename C, typename R, bool N, typename... Args>
struct ReadyOf<T (C::*)(Ready<R>, Args...) noexcept(N)> {
  using Type = R;
};
template <typename T, typename C, typename R, bool N, typename... Args>
struct ReadyOf<T (C::*)(Ready<R>, Args...) const noexcept(N)> {
  using Type = R;
};
template <typename F>
  requires requires { &F::operator(); }
struct ReadyOf<F> : ReadyOf<decltype(&F::operator())> {};
template <typename F>
concept TakesReady = requires { typename ReadyOf<F>::Type; };

template <typename F>
struct ReadyValue {
  using Type = void;
};
template <TakesReady F>
struct ReadyValue<F> {
  using Type = typename ReadyOf<F>::Type;
};

template <typename F, typename... Args>
auto spawn_with_word(ScopeState& scope, const std::source_location& site, F& function,
                     Ready<typename ReadyValue<F>::Type> word, Args&... args) {
  if constexpr (std::is_member_pointer_v<F>) {
    return [&](auto& object, auto&... rest) {
      return spawn_into(scope, site, std::move(function), std::move(object), std::move(word), std::move(rest)...);
    }(args...);
  } else {
    return spawn_into(scope, site, std::move(function), std::move(word), std::move(args)...);
  }
}

// What co_await spawn_ready(...) waits on; see there.
template <typename F, typename... Args>
class [[nodiscard]] SpawnReady final : private ReadyWait<typename ReadyValue<F>::Type> {
  static_assert(kSpawnable<F>,
                "spawn_ready takes a function or a lambda without captures: hand over what it uses as arguments");
  static_assert(!kSpawnable<F> || TakesReady<F>, "spawn_ready takes a function whose first parameter is a Ready");
  using R = typename ReadyValue<F>::Type;
  using Value = typename ReadyWait<R>::Value;
  using Spawned = decltype(spawn_with_word(std::declval<ScopeState&>(), std::declval<const std::source_location&>(),
                                           std::declval<F&>(), std::declval<Ready<R>>(), std::declval<Args&>()...));

 public:
  SpawnReady(ScopeState& scope, const std::source_location& site, F function, Args... args)
      : scope_(scope), site_(site), function_(std::move(function)), arguments_(std::move(args)...) {}

  bool await_ready() const noexcept { return false; }
  template <TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> awaiting) {
    if (awaiting.promise().task().cancelled()) return this->suspend(awaiting);
    child_.emplace(std::apply(
        [this](Args&... args) { return spawn_with_word(scope_, site_, function_, this->make_word(), args...); },
        arguments_));
    this->observe(child_->state());
    return this->suspend(awaiting);
  }
  R await_resume() {
    this->throw_if_interrupted();
    if (!value_) throw_why_not();
    if constexpr (!std::is_void_v<R>) return *std::move(value_);
  }

 private:
  [[noreturn]] void throw_why_not() {
    // A failure comes before the cancellation in which it came.
    if (stopped_ && end_ != TaskEnd::failed) throw Cancelled{this->task().cancel_reason()};
    static_cast<void>(child_->take());
    throw NeverReady();
  }

  void on_ready(Value value) noexcept override {
    value_.emplace(std::move(value));
    this->leave();
    this->wake();
  }
  bool child_ended(TaskEnd end) noexcept override {
    end_ = end;
    this->detach();
    this->wake();
    return true;
  }
  Wait::Ends on_cancel() noexcept override {
    stopped_ = true;
    this->detach();
    child_->state().cancel(this->task().cancel_reason());
    return Wait::Ends::no;  // until the child has ended
  }
  const char* what() const noexcept override { return "a task to be ready"; }

  ScopeState& scope_;
  const std::source_location site_;
  F function_;
  std::tuple<Args...> arguments_;
  std::optional<Spawned> child_;
  std::optional<Value> value_;
  bool stopped_ = false;
  TaskEnd end_ = TaskEnd::succeeded;
};

}  // namespace detail
}  // namespace fluxor::runtime
