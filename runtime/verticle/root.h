#pragma once

#include <functional>
#include <memory>

#include "runtime/loop/control_lane.h"
#include "runtime/loop/timer_wheel.h"
#include "runtime/verticle/exit_reason.h"
#include "runtime/verticle/supervised_child.h"
#include "runtime/verticle/verticle_child.h"
#include "runtime/verticle/verticle_system.h"

namespace fluxor::runtime {

class EventLoop;

// The verticle at the top of the tree, which main() is: whatever is deployed is deployed by it, or by what it has
// deployed.  Nobody restarts it.
//
// Thread:  begin(), stop() and kill() any; the rest on its loop.
// Owns:    the root verticle; destroyed when it has ended, or with the loop's thread at rest.
class Root final : private ChildListener {
 public:
  // In a unit of its own, on the loop.  `exited` is the last call.
  struct Callbacks {
    std::function<void()> started{};
    std::function<void(const ExitReason&)> exited{};
  };

  Root(VerticleSystem& system, EventLoop& loop, VerticleFactory main, Duration shutdown, Callbacks callbacks);
  Root(const Root&) = delete;
  Root& operator=(const Root&) = delete;

  // False if the loop has ended.
  bool begin() noexcept { return loop_.signal(begin_); }
  // Everything ends, children first; what does not within `shutdown` is cancelled, and then left.
  bool stop() noexcept { return loop_.signal(stop_); }
  // It has no more time: cancels what still runs.
  bool kill() noexcept { return loop_.signal(kill_); }

  const VerticleChild& child() const noexcept { return child_; }
  // Thread: any.
  VerticleSystem& system() const noexcept { return system_; }
  EventLoop& loop() const noexcept { return loop_; }

 private:
  template <void (Root::*kHear)()>
  class Node final : public ControlNode {
   public:
    explicit Node(Root& root) noexcept : root_(root) {}

   private:
    void on_control() override { (root_.*kHear)(); }
    Root& root_;
  };
  class Patience final : public Timer {
   public:
    explicit Patience(Root& root) noexcept : root_(root) {}

   private:
    void on_timer() override { root_.time_is_over(); }
    Root& root_;
  };

  void on_begin();
  void on_stop();
  void on_kill();
  void time_is_over();
  void on_child_started(SupervisedChild&) override;
  void on_child_ending(SupervisedChild&) override;
  void on_child_exited(SupervisedChild&, const ExitReason& reason) override;

  VerticleSystem& system_;
  EventLoop& loop_;
  const Duration shutdown_;
  const Callbacks callbacks_;
  VerticleChild child_;
  Node<&Root::on_begin> begin_{*this};
  Node<&Root::on_stop> stop_{*this};
  Node<&Root::on_kill> kill_{*this};
  Patience patience_{*this};
  bool stopping_ = false;
  bool killed_ = false;
  bool ended_ = false;
};

}  // namespace fluxor::runtime
