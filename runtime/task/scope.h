#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/loop/ready_queue.h"
#include "runtime/loop/timer_wheel.h"
#include "runtime/task/scope_state.h"
#include "runtime/task/spawn.h"
#include "runtime/task/wait.h"

namespace fluxor::runtime {

struct TaskFailure {
  std::exception_ptr failure;
  std::source_location site;  // where the task was spawned
};

// All that went wrong in a scope, in order.
struct ScopeReport {
  std::vector<TaskFailure> failures;
};

enum class ScopeMode : std::uint8_t {
  fail_fast,   // the first failure cancels the others
  supervised,  // failures of tasks are kept and cancel nobody; that of the body cancels them
  race         // the first task that succeeds cancels the others, and failures of others are forgotten then
};

struct ScopeOptions {
  ScopeMode mode = ScopeMode::fail_fast;
  Instant deadline = kNever;          // that of the task around it counts if it is earlier
  Duration within = Duration::max();  // the same, from now on
  ScopeReport* report = nullptr;      // gets every failure, also those that with_scope() throws
};

// Options for the most common case: `with_scope(within(200ms), body)`.
constexpr ScopeOptions within(Duration duration) noexcept { return {.within = duration}; }

// What may be kept of a scope: spawns into it as long as it is open.
//
// Thread:  loop.
class ScopeHandle {
 public:
  explicit ScopeHandle(ScopeState& scope) : link_(&scope.link()) { link_->acquire(); }
  ScopeHandle(const ScopeHandle& other) noexcept : link_(other.link_) { link_->acquire(); }
  ScopeHandle& operator=(const ScopeHandle& other) noexcept {
    ScopeHandle copy(other);
    std::swap(link_, copy.link_);
    return *this;
  }
  ~ScopeHandle() { link_->release(); }

  bool open() const noexcept { return link_->scope() != nullptr; }

  // As Scope::spawn, with no place of its own: the tasks' site is where the handle was asked.
  // Errors: Errc::closed once the last task of the scope has ended; the arguments are dropped then.
  template <typename F, typename... Args>
  auto spawn_at(const std::source_location& site, F function, Args... args)
      -> Result<decltype(detail::spawn_into(std::declval<ScopeState&>(), site, std::move(function),
                                            std::move(args)...))> {
    if (!open()) return Errc::closed;
    return detail::spawn_into(*link_->scope(), site, std::move(function), std::move(args)...);
  }
  template <typename F>
  auto spawn(F f, std::source_location site = std::source_location::current()) {
    return spawn_at(site, std::move(f));
  }
  template <typename F, typename A>
  auto spawn(F f, A a, std::source_location site = std::source_location::current()) {
    return spawn_at(site, std::move(f), std::move(a));
  }
  template <typename F, typename A, typename B>
  auto spawn(F f, A a, B b, std::source_location site = std::source_location::current()) {
    return spawn_at(site, std::move(f), std::move(a), std::move(b));
  }
  template <typename F, typename A, typename B, typename C>
  auto spawn(F f, A a, B b, C c, std::source_location site = std::source_location::current()) {
    return spawn_at(site, std::move(f), std::move(a), std::move(b), std::move(c));
  }

 private:
  ScopeLink* link_;
};

// Where tasks are spawned into; with_scope() makes it.  Valid in the body and in the tasks of the scope.
//
// Thread:  loop.
class Scope final : public Spawner<Scope> {
 public:
  explicit Scope(ScopeState& state) noexcept : state_(state) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  // Tells all tasks of the scope to stop, the body among them.
  void cancel() noexcept { state_.cancel(CancelReason::cancelled); }
  bool cancelled() const noexcept { return state_.cancelled(); }
  Instant deadline() const noexcept { return state_.deadline(); }
  ScopeHandle handle() { return ScopeHandle(state_); }
  ScopeState& spawn_scope() noexcept { return state_; }

 private:
  ScopeState& state_;
};

namespace detail {

// The wait of a task for the scope it has opened: for a body, which is a task of the scope, and all others.
class ScopeWait : public Wait, protected ScopeState {
 public:
  const char* what() const noexcept override { return "its scope"; }
  const ScopeState* scope() const noexcept override { return this; }
  void* owner() const noexcept override { return task().owner(); }

 protected:
  using ScopeState::loop;
  ScopeWait(EventLoop& loop, Instant around, const ScopeOptions& options) noexcept;
  ~ScopeWait() override;

  // Puts the body in, which begins in a unit of its own.
  void begin_body(ChildState& body, std::coroutine_handle<> first) noexcept;
  // What the scope as a whole has to say; if it returns, it is the body's turn.
  void throw_if_failed();
  // The task around was told to stop, and so are those inside.
  void cancel_from_around() noexcept;
  // Whether its own time was over before anything else told its tasks to stop.
  bool deadline_passed() const noexcept { return told_by_ == ToldBy::deadline; }
  bool on_task_ended(const TaskState& task, TaskEnd end, const std::exception_ptr& failure) noexcept override;

  Ends on_cancel() noexcept override {
    cancel_from_around();
    return Ends::no;  // it waits for all
  }

 private:
  // Who told the tasks to stop first: the scope itself, the task around it, or its time.
  enum class ToldBy : std::uint8_t { scope, around, deadline };

  // Speaks in a unit of its own, when all that is due at the same moment has had its turn: on a tie, who cancels is
  // before the deadline.
  class Deadline final : public Timer, public ReadyNode {
   public:
    explicit Deadline(ScopeWait& scope) noexcept : scope_(scope) {}

   private:
    void on_timer() override;
    void on_ready() override { scope_.cancel_for_deadline(); }
    ScopeWait& scope_;
  };

  void on_empty() noexcept override;
  void cancel_for_deadline() noexcept;
  // Into the report, if there is one.
  bool keep(const TaskState& task, const std::exception_ptr& failure) noexcept;
  // Until it is known whether somebody wins the race.
  bool remember_lost(const std::exception_ptr& failure) noexcept;

  const ScopeMode mode_;
  const bool has_deadline_;  // of its own
  ToldBy told_by_ = ToldBy::scope;
  bool cut_short_ = false;  // a task has unwound since they were told
  bool won_ = false;        // a race
  bool body_failed_ = false;
  const TaskState* body_ = nullptr;
  std::exception_ptr failure_;            // the one to throw
  std::vector<std::exception_ptr> lost_;  // of a race, the further ones
  ScopeReport* const report_;
  Deadline deadline_{*this};
};

// A scope whose body returns a T.
template <typename T>
class ScopeRun : public ScopeWait {
 public:
  ScopeRun(EventLoop& loop, Instant around, const ScopeOptions& options) noexcept
      : ScopeWait(loop, around, options), scope_(*this) {}

  // `make_frame(state, scope)` makes the body's frame.
  template <typename P, typename MakeFrame>
  bool begin(std::coroutine_handle<P> awaiting, Interruptible interruptible, MakeFrame&& make_frame) {
    // The frame first: without memory for it nothing has begun.
    const std::coroutine_handle<ChildPromise<T>> frame = make_frame(static_cast<ScopeState&>(*this), scope_);
    if (!suspend(awaiting, interruptible)) {
      frame.destroy();
      return false;
    }
    body_.emplace(frame);
    begin_body(frame.promise(), frame);
    return true;
  }
  T result() {
    throw_if_interrupted();
    throw_if_failed();
    if constexpr (!std::is_void_v<T>) return value();
  }
  T value() { return body_->take(); }

 private:
  std::optional<Child<T>> body_;
  Scope scope_;
};

template <typename T, typename Body>
ChildFrame<T> run_body(SpawnInfo, Body* body, Scope* scope) {
  co_return co_await (*body)(*scope);
}

template <typename Body>
using BodyValue = typename TaskValue<std::invoke_result_t<Body&, Scope&>>::Type;

}  // namespace detail

// What co_await with_scope(...) waits on; see there.
template <typename Body>
class [[nodiscard]] WithScope final {
  using T = detail::BodyValue<Body>;

 public:
  WithScope(const ScopeOptions& options, Body body, const std::source_location& site)
      : options_(options), body_(std::move(body)), site_(site) {}
  WithScope(const WithScope&) = delete;
  WithScope& operator=(const WithScope&) = delete;

  bool await_ready() const noexcept { return false; }
  template <TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> awaiting) {
    const TaskState& task = awaiting.promise().task();
    FLUXOR_CHECK(task.loop() != nullptr, "a task that waits lives on an event loop");
    run_.emplace(*task.loop(), task.deadline(), options_);
    return run_->begin(awaiting, Wait::Interruptible::yes, [this](ScopeState& state, Scope& scope) {
      return detail::run_body<T>(detail::SpawnInfo{state, site_}, &body_, &scope).handle;
    });
  }
  T await_resume() { return run_->result(); }

 private:
  const ScopeOptions options_;
  Body body_;
  const std::source_location site_;
  std::optional<detail::ScopeRun<T>> run_;
};

// `co_await with_scope(options, body)`: runs `body(Scope&)`, a coroutine that may spawn tasks into the scope, and goes
// on when the body and every task of the scope have ended; with the body's value.
//
//     co_await with_scope(within(200ms), [&](Scope& scope) -> Task<> {
//       scope.spawn(read_prices, std::ref(cache));
//       scope.spawn(read_stock, std::ref(cache));
//       co_return;
//     });
//
// The body is a task of the scope and begins in a unit of its own.  A lambda that is awaited in the same statement may
// capture by reference.
//
// Thread:  loop.
// Errors:  the first failure, as it was thrown; others are kept in options.report, or go to the loop's failure handler.
//          system_error of Errc::deadline if the scope's own deadline cut something short; of Errc::cancelled if it was
//          cancelled from inside and the body has no value.  Cancelled if the task around it was told to stop, before
//          or while it waited.
// Cost:    a frame from the free list beside that of the body; two places in the ready queue.
template <typename Body>
WithScope<Body> with_scope(const ScopeOptions& options, Body body,
                           std::source_location site = std::source_location::current()) {
  return WithScope<Body>(options, std::move(body), site);
}
template <typename Body>
  requires std::is_invocable_v<Body&, Scope&>
WithScope<Body> with_scope(Body body, std::source_location site = std::source_location::current()) {
  return WithScope<Body>(ScopeOptions{}, std::move(body), site);
}

}  // namespace fluxor::runtime
