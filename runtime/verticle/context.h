#pragma once

#include <any>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/task/scope_state.h"
#include "runtime/task/spawn.h"
#include "runtime/task/task.h"
#include "runtime/verticle/deployment_options.h"
#include "runtime/verticle/directory.h"
#include "runtime/verticle/supervisor_spec.h"
#include "runtime/verticle/verticle_timer.h"

namespace fluxor::runtime {

class BlockingExecutor;
class Context;
class EventLoop;
class Incarnation;
class OrderedBlocking;
class VerticleSystem;

// Something that belongs to a verticle and has to be let go of before it is destroyed: a consumer, a server.  It embeds
// its place in the verticle's list.
//
// Thread:  loop.
// Owns:    whoever derives from it; destroying it takes it out.
class VerticleResource {
 public:
  explicit VerticleResource(Context& context) noexcept;
  VerticleResource(const VerticleResource&) = delete;
  VerticleResource& operator=(const VerticleResource&) = delete;
  virtual ~VerticleResource();

 protected:
  // The verticle ends: its tasks have.  It is no longer in the list, and may destroy itself.
  virtual void on_verticle_end() noexcept = 0;

 private:
  friend class Incarnation;
  Incarnation* owner_;
  VerticleResource* previous_ = nullptr;
  VerticleResource* next_ = nullptr;
};

// What a verticle has of the runtime: all that is begun through it belongs to the verticle and ends with it.
//
//     context.spawn(&PriceVerticle::poll, this);          a task; see Spawner
//     context.every(1s, [this] { publish_prices(); });
//     const DeploymentId child = (co_await context.deploy<Feed>({.name = "feed"}, url)).value();
//
// Thread:  loop.
class Context final : public Spawner<Context> {
 public:
  explicit Context(Incarnation& incarnation) noexcept : incarnation_(incarnation) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // Of the verticle whose code runs: null outside of one.  Thread: any.
  static Context* current() noexcept;

  EventLoop& loop() const noexcept;
  VerticleId id() const noexcept;
  const std::string& name() const noexcept;
  VerticleState state() const noexcept;
  VerticleSystem& system() const noexcept;
  // What the deployment's config holds, if it holds that.
  template <typename T>
  const T* config() const noexcept {
    return std::any_cast<T>(config_any());
  }

  // The verticle is done: it stops, as if it were told to, and its end is a normal one.
  void exit() noexcept;
  // It crashes, as if a task of it had thrown this.
  void crash(std::exception_ptr failure) noexcept;

  // Calls or spawns `function(arguments…)` as a task of the verticle, once, or again and again: what it throws crashes
  // the verticle.  An interval keeps to its schedule; a tick whose predecessor still runs is left out, and counted.
  // A function that returns nothing may have captures; one that returns a Task may not.
  // Errors:  a period that is not positive is thrown as Errc::invalid.
  // Cost:    one allocation; each tick that of a spawn.
  template <typename F>
  TimerHandle after(Duration delay, F f, std::source_location site = std::source_location::current()) {
    return begin_timer(delay, Duration::zero(), site, std::move(f));
  }
  template <typename F, typename A>
  TimerHandle after(Duration delay, F f, A a, std::source_location site = std::source_location::current()) {
    return begin_timer(delay, Duration::zero(), site, std::move(f), std::move(a));
  }
  template <typename F, typename A, typename B>
  TimerHandle after(Duration delay, F f, A a, B b, std::source_location site = std::source_location::current()) {
    return begin_timer(delay, Duration::zero(), site, std::move(f), std::move(a), std::move(b));
  }
  template <typename F>
  TimerHandle every(Duration period, F f, std::source_location site = std::source_location::current()) {
    return begin_timer(period, checked(period), site, std::move(f));
  }
  template <typename F, typename A>
  TimerHandle every(Duration period, F f, A a, std::source_location site = std::source_location::current()) {
    return begin_timer(period, checked(period), site, std::move(f), std::move(a));
  }
  template <typename F, typename A, typename B>
  TimerHandle every(Duration period, F f, A a, B b, std::source_location site = std::source_location::current()) {
    return begin_timer(period, checked(period), site, std::move(f), std::move(a), std::move(b));
  }

  // For `co_await blocking(context.workers(), function, arguments…)`: on another thread, beside others.  Errc::closed
  // where there are no workers.
  BlockingExecutor& workers() const noexcept;
  // The same for this verticle's blocking work in order: `co_await blocking(context.in_order(), …)`.
  OrderedBlocking& in_order() const;

  // Deploys children: they end before this verticle does, in reverse order.  Goes on when all instances have started;
  // when one fails, the others are stopped first.  Whoever has no supervisor of its own is restarted with backoff.
  //
  // Errors:  what start() or the factory threw is thrown; Errc::invalid (no instance; the factory gave null or the same
  //          object twice; a worker where there are no worker loops), Errc::exists (the name is taken), Errc::closed
  //          (this verticle ends).
  template <typename V, typename... Args>
  Task<Result<DeploymentId>> deploy(DeploymentOptions options, Args... args) {
    return deploy([args...] { return std::make_unique<V>(args...); }, std::move(options));
  }
  Task<Result<DeploymentId>> deploy(VerticleFactory factory, DeploymentOptions options);
  // A supervisor and its children.  Goes on when all have started.
  Task<Result<DeploymentId>> deploy(SupervisorSpec spec);
  // One more child of a supervisor that this verticle has deployed.
  Task<Result<DeploymentId>> start_child(DeploymentId supervisor, ChildSpec spec);

  // Stops what this verticle has deployed, and goes on when it has ended.
  //
  // Errors:  what stop() threw is thrown; Errc::timeout (it did not stop in its time and was cancelled, and perhaps
  //          left: see the report), Errc::not_found (there was never such an id), Errc::closed (it has ended, or is
  //          ending, or is not this verticle's), Errc::try_again (it has not started yet).
  Task<Result<void>> undeploy(DeploymentId id);

  // Calls or spawns `function(const Down&, arguments…)` once, as a task of this verticle, when that verticle is no more
  // and its resources are released; at once, with ExitKind::unknown, if it is no more already.  Returns a key for
  // demonitor().  The rule for captures is that of timers.
  template <typename F>
  std::uint64_t monitor(VerticleId of, F f, std::source_location site = std::source_location::current()) {
    return begin_monitor(of, down_handler(std::move(f)), site);
  }
  template <typename F, typename A>
  std::uint64_t monitor(VerticleId of, F f, A a, std::source_location site = std::source_location::current()) {
    return begin_monitor(of, down_handler(std::move(f), std::move(a)), site);
  }
  // Nothing is called any more, also if it has happened already.
  void demonitor(std::uint64_t key) noexcept;

  // When one of the two ends abnormally the other crashes.  One that is no more counts as that.
  void link(VerticleId with);
  void unlink(VerticleId with) noexcept;
  // From now on the end of a linked verticle, also a normal one, is a call like that of a monitor, and no crash.
  template <typename F>
  void trap_exits(F f, std::source_location site = std::source_location::current()) {
    set_trap(down_handler(std::move(f)), site);
  }
  template <typename F, typename A>
  void trap_exits(F f, A a, std::source_location site = std::source_location::current()) {
    set_trap(down_handler(std::move(f), std::move(a)), site);
  }

  // By name; the incarnation that runs now.
  std::optional<VerticleId> find(std::string_view name) const;

  ScopeState& spawn_scope() const noexcept;

 private:
  friend class VerticleResource;
  using DownHandler = std::function<Task<>(const Down& down)>;

  const std::any* config_any() const noexcept;
  std::uint64_t begin_monitor(VerticleId of, DownHandler handler, const std::source_location& site);
  void set_trap(DownHandler handler, const std::source_location& site);

  template <typename F, typename... Args>
  TimerHandle begin_timer(Duration delay, Duration period, const std::source_location& site, F function, Args... args) {
    static_assert(!detail::kIsTask<detail::SpawnResult<F, Args...>> || kSpawnable<F>,
                  "a timer that makes a Task takes a function or a lambda without captures");
    auto* const timer =
        new detail::VerticleTimerOf<F, Args...>(spawn_scope(), period, site, std::move(function), std::move(args)...);
    return begin_timer(*timer, delay);
  }
  TimerHandle begin_timer(VerticleTimer& timer, Duration delay);
  static Duration checked(Duration period);
  template <typename F, typename... Args>
  static DownHandler down_handler(F function, Args... args) {
    using Result = detail::SpawnResult<F, Down, Args...>;
    static_assert(!detail::kIsTask<Result> || kSpawnable<F>,
                  "a handler that makes a Task is a function or a lambda without captures");
    return [function = std::move(function), args...](const Down& down) {
      if constexpr (detail::kIsTask<Result>) {
        return detail::call_as_task<F, Down, Args...>(F(function), Down(down), Args(args)...);
      } else {
        return detail::call_in_task<F, Down, Args...>(F(function), Down(down), Args(args)...);
      }
    };
  }

  Incarnation& incarnation_;
};

}  // namespace fluxor::runtime
