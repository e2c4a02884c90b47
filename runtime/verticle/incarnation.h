#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/loop/control_lane.h"
#include "runtime/task/scope_state.h"
#include "runtime/verticle/context.h"
#include "runtime/verticle/deployment_options.h"
#include "runtime/verticle/directory.h"
#include "runtime/verticle/exit_reason.h"
#include "runtime/verticle/supervisor_spec.h"
#include "runtime/verticle/verticle.h"
#include "runtime/verticle/verticle_timer.h"

namespace fluxor::runtime {

class Deployments;
class EventLoop;
class Incarnation;
class OrderedBlocking;
class Supervisor;
class VerticleCounts;
class VerticleSystem;

// Who has made an incarnation, on its own loop, "home".
class IncarnationOwner {
 public:
  virtual void on_started() = 0;
  // It ends by itself; how long that may take is home's to say.
  virtual void on_ending() = 0;
  virtual void on_exited(const ExitReason& reason) = 0;

 protected:
  ~IncarnationOwner() = default;
};

// One life of a verticle: the scope that it is, from start() to its end.
//
//           order start                      start() returned                 order stop, exit()
//   made ───────────────► starting ─────────────────────────────► running ─────────────────────► stopping ──► ended
//                            │ start() failed                         │ a task, a timer, a link       │ children stop,
//                            └──────────────► failing ◄───────────────┘                               │ stop(), tasks
//                                                │ tasks are cancelled, children stop                 │ are cancelled
//                                                └────────────────────────────────────────────────► ended
//
// It lives on two loops.  Home orders (start, stop, kill) and hears (started, exited), by nodes of the control lanes
// that lie in here, so nothing can be refused.  Orders are flags and one node.  The last that each side has to say is
// no flag, since whoever reads one would not know whether the other side has let go of the node: the loop's `exited_`,
// and the order to free, for which home sends back `started_`, whose word it has heard.  What was pushed before runs
// before, so nothing is on its way when it is freed.
//
// Thread:  as said at each part.
// Owns:    the verticle, its children, timers and monitors; itself from order_start() on, until home knows
//          that it has ended.
class Incarnation final : public DirectoryEntry, private ControlNode, private ScopeState {
 public:
  // Thread: home.
  Incarnation(VerticleSystem& system, std::shared_ptr<const ChildSpec> spec, std::string name,
              std::unique_ptr<Verticle> verticle, EventLoop& loop, EventLoop& home, IncarnationOwner& owner);
  ~Incarnation() override;

  // All orders: thread home.
  //
  // Errors: Errc::exists if the name is taken, Errc::closed if the loop has ended; then it is still the caller's.
  Result<void, Errc> order_start();
  void order_stop() noexcept { order(kStop); }
  void order_kill() noexcept { order(kKill); }
  // It is given up: for everybody else it is no more, and its name is free.  It frees itself when it ends.
  void disown() noexcept;

  // All below: thread loop.

  EventLoop& loop() const noexcept { return ScopeState::loop(); }
  VerticleSystem& system() const noexcept { return system_; }
  const ChildSpec& spec() const noexcept { return *spec_; }
  Context& context() noexcept { return context_; }
  ScopeState& scope() noexcept { return *this; }
  const ScopeState& scope() const noexcept { return *this; }
  VerticleTimers& timers() noexcept { return timers_; }
  const VerticleTimers& timers() const noexcept { return timers_; }
  // Made when first asked for, both.
  OrderedBlocking& in_order();
  Deployments& children();
  const Deployments* children_if_any() const noexcept { return children_.get(); }
  // Of its children; null if it never had one.
  const Supervisor* supervisor_if_any() const noexcept;
  // Whether it takes children, monitors and the like.
  bool alive() const noexcept { return state() == VerticleState::starting || state() == VerticleState::running; }

  void exit() noexcept { begin_stop(ExitKind::normal); }
  void crash(std::exception_ptr failure) noexcept;

  using DownHandler = std::function<Task<>(const Down&)>;
  std::uint64_t monitor(VerticleId of, DownHandler handler, const std::source_location& site);
  void demonitor(std::uint64_t key) noexcept;
  void trap_exits(DownHandler handler, const std::source_location& site) {
    extras().trap = std::move(handler);
    extras_->trap_site = site;
  }

  void add(VerticleResource& resource) noexcept;
  void remove(VerticleResource& resource) noexcept;

  std::size_t resources() const noexcept { return resources_; }
  // "start()" or "stop()" if the task is that; else nothing.
  std::string_view role_of(const TaskState& task) const noexcept;
  // What runs in it, a line each.
  std::vector<std::string> held() const;

 private:
  friend class Context;
  static constexpr std::uint8_t kStart = 1, kStop = 2, kKill = 4, kNotices = 8, kFinish = 16;

  // A signal that calls one function of ours.
  template <void (Incarnation::*kHear)()>
  class Node final : public ControlNode {
   public:
    explicit Node(Incarnation& incarnation) noexcept : incarnation_(incarnation) {}

   private:
    void on_control() override { (incarnation_.*kHear)(); }
    Incarnation& incarnation_;
  };
  struct Monitor {
    std::uint64_t key;
    DownHandler handler;
    std::source_location site;
  };
  // What few verticles have.
  struct Extras {
    std::unique_ptr<OrderedBlocking> in_order;
    std::vector<Monitor> monitors;
    std::uint64_t last_monitor = 0;
    DownHandler trap;
    std::source_location trap_site{};
  };
  Extras& extras();

  // Thread: any.  False if the loop has ended.
  bool order(std::uint8_t what) noexcept;
  void wake_for_notices() noexcept override { order(kNotices); }
  // Thread: home; then, as the order to free it, loop, or home if that has ended.
  void hear_started();
  // Thread: home.
  void hear_ending();
  void hear_exited();
  // Thread: loop.
  void set_state(VerticleState state) noexcept;

  // ControlNode: orders.
  void on_control() override;
  // ScopeState
  bool on_task_ended(const TaskState& task, TaskEnd end, const std::exception_ptr& failure) noexcept override;
  void on_empty() noexcept override { proceed(); }
  void* owner() const noexcept override { return const_cast<Context*>(&context_); }

  static Task<> run_start(Incarnation* self);
  static Task<> run_stop(Incarnation* self);
  void begin();
  void begin_stop(ExitKind kind) noexcept;
  void fail(ExitKind kind, std::exception_ptr failure) noexcept;
  void hear_notices() noexcept;
  static Task<> tell_down(Incarnation* self, std::uint64_t key, Down down);
  static Task<> tell_trap(Incarnation* self, Down down);
  std::vector<Monitor>::iterator find_monitor(std::uint64_t key) noexcept;
  void kill() noexcept;
  void end_tasks() noexcept;
  // Goes on towards the end: children, stop(), tasks; called whenever one of them is done.
  void proceed() noexcept;
  void finish();

  VerticleSystem& system_;
  const std::shared_ptr<const ChildSpec> spec_;
  VerticleCounts& counts_;
  EventLoop& home_loop_;
  IncarnationOwner* owner_;   // home's
  bool to_be_freed_ = false;  // home's, until it says so
  std::atomic<std::uint8_t> orders_{0};
  Node<&Incarnation::hear_started> started_{*this};
  Node<&Incarnation::hear_ending> ending_{*this};
  Node<&Incarnation::hear_exited> exited_{*this};

  Context context_{*this};
  std::unique_ptr<Verticle> verticle_;
  std::unique_ptr<Deployments> children_;
  std::unique_ptr<Extras> extras_;  // for who needs one of them
  VerticleTimers timers_;
  VerticleResource* last_resource_ = nullptr;
  std::size_t resources_ = 0;
  const TaskState* start_task_ = nullptr;
  const TaskState* stop_task_ = nullptr;
  bool stop_called_ = false;
  bool killed_ = false;
  bool finishing_ = false;
  ExitReason reason_;
};

}  // namespace fluxor::runtime
