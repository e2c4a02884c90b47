#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/loop/ready_queue.h"
#include "runtime/loop/timer_wheel.h"
#include "runtime/verticle/backoff.h"
#include "runtime/verticle/exit_reason.h"
#include "runtime/verticle/restart_intensity.h"
#include "runtime/verticle/supervised_child.h"
#include "runtime/verticle/supervisor_spec.h"

namespace fluxor::runtime {

class EventLoop;
class Supervisor;
class SupervisorSlot;
class VerticleSystem;

enum class SlotState : std::uint8_t { down, starting, up, stopping, waiting };

std::string_view slot_state_name(SlotState state) noexcept;

// Who has put a child into a supervisor at run time, and wants to hear what became of it.
class SlotObserver {
 public:
  // It runs for the first time.
  virtual void on_slot_started(SupervisorSlot& slot) = 0;
  // It is no more, and will not be restarted; the slot is destroyed after this.
  virtual void on_slot_gone(SupervisorSlot& slot, const ExitReason& reason) = 0;
  // Whether somebody is told what the slot's stop() has thrown, if it has.
  virtual bool hears_stop(const SupervisorSlot& slot) const noexcept = 0;

 protected:
  ~SlotObserver() = default;
};

// The place of a child in its supervisor, through all restarts.
class SupervisorSlot final : private ChildListener, private Timer {
 public:
  SupervisorSlot(Supervisor& supervisor, std::shared_ptr<const ChildSpec> spec,
                 std::unique_ptr<SupervisedChild> child) noexcept;

  const ChildSpec& spec() const noexcept { return *spec_; }
  SupervisedChild& child() const noexcept { return *child_; }
  SlotState state() const noexcept { return state_; }
  std::uint64_t restarts() const noexcept { return lives_ == 0 ? 0 : lives_ - 1; }
  const ExitReason& last_exit() const noexcept { return last_exit_; }
  // Whether it has ended at least once.
  bool has_exited() const noexcept { return has_exited_; }
  // Whether it has started since its supervisor was.
  bool has_run() const noexcept { return has_run_; }
  // For the observer's own use.
  void* tag() const noexcept { return tag_; }
  std::size_t index() const noexcept { return index_; }
  void set_tag(void* tag, std::size_t index) noexcept {
    tag_ = tag;
    index_ = index;
  }
  const SupervisorSlot* next() const noexcept { return next_; }

 private:
  friend class Supervisor;
  void on_child_started(SupervisedChild&) override;
  void on_child_ending(SupervisedChild&) override;
  void on_child_exited(SupervisedChild&, const ExitReason& reason) override;
  void on_timer() override;

  void start();
  void start_after(Duration delay);
  void stop();
  void kill();
  void order_kill();

  Supervisor& supervisor_;
  const std::shared_ptr<const ChildSpec> spec_;
  const std::unique_ptr<SupervisedChild> child_;
  SupervisorSlot* previous_ = nullptr;
  SupervisorSlot* next_ = nullptr;
  SlotObserver* observer_ = nullptr;
  void* tag_ = nullptr;
  std::size_t index_ = 0;
  std::uint64_t group_ = 0;  // those of one group stop together
  SlotState state_ = SlotState::down;
  bool wanted_ = true;    // not told to go for good
  bool has_run_ = false;  // since its supervisor was started
  bool retired_ = false;  // until its supervisor is started anew
  bool killed_ = false;
  bool refused_ = false;  // could not be started; the timer is armed to say so
  bool has_exited_ = false;
  std::uint64_t lives_ = 0;
  ExitReason last_exit_;
  Backoff backoff_;
};

struct SupervisorOptions {
  std::string name{};
  Strategy strategy = Strategy::one_for_one;
  std::optional<IntensityOptions> intensity{};  // none: it never gives up
  std::optional<BackoffOptions> backoff{};
  AutoShutdown auto_shutdown = AutoShutdown::never;
  // A child that is a supervisor and gives up is one failure too many.
  bool escalation_is_the_end = false;
};

// OTP's supervisor: starts its children in order, restarts them as its strategy says, and when they fail too often
// stops them in reverse order and fails upward.
//
// It is driven by what happens to its children and never waits: while a restart is tried again and again it answers,
// and a slow child holds up only those that have to be started after it.
//
// Thread:  loop.
// Owns:    its slots, and through them its children.  It is destroyed when it is down.
class Supervisor final : public SupervisedChild, private ReadyNode {
 public:
  Supervisor(VerticleSystem& system, EventLoop& loop, std::shared_ptr<const SupervisorOptions> options);
  ~Supervisor() override;

  // With the children of a spec.  Errors: Errc::invalid (a child without a factory; instances other than one; a worker
  // where there are no worker loops).
  static Result<std::unique_ptr<Supervisor>> create(VerticleSystem& system, EventLoop& loop,
                                                    const SupervisorSpec& spec);

  [[nodiscard]] std::optional<ExitReason> start(ChildListener& listener) override;
  void stop() override;
  void kill() override;

  // A child at run time, which starts at once.  What observes outlives the slot.
  // `group`: those of one stop together; else each by itself, the youngest first.
  SupervisorSlot& add(std::shared_ptr<const ChildSpec> spec, std::unique_ptr<SupervisedChild> child,
                      SlotObserver* observer, std::uint64_t group);
  // It shall go; on_slot_gone() tells when it has.
  //
  // Cost: nothing in proportion to the others.
  void remove(SupervisorSlot& slot);
  // A new child for a spec, not yet in a slot.  Errors: as create().
  Result<std::unique_ptr<SupervisedChild>> make_child(const std::shared_ptr<const ChildSpec>& spec);
  std::uint64_t new_group() noexcept { return ++last_group_; }

  const std::string& name() const noexcept { return options_->name; }
  Strategy strategy() const noexcept { return options_->strategy; }
  EventLoop& loop() const noexcept { return loop_; }
  bool running() const noexcept { return phase_ != Phase::off && !ending_; }
  const SupervisorSlot* first() const noexcept { return first_; }
  std::size_t size() const noexcept { return size_; }
  std::uint64_t restarts() const noexcept { return restarts_; }

  // For one that is nobody's child: told, in a unit of its own, when it has ended.
  using Ended = std::function<void(const ExitReason&)>;
  void run(Ended ended);

 private:
  friend class SupervisorSlot;
  // off: not started, or ended.  down, up: children from `from_` on are stopped, or started, in order.
  enum class Phase : std::uint8_t { off, steady, down, up };

  class DelayTimer final : public Timer {
   public:
    explicit DelayTimer(Supervisor& supervisor) noexcept : supervisor_(supervisor) {}

   private:
    void on_timer() override { supervisor_.advance(); }
    Supervisor& supervisor_;
  };

  void on_ready() override;
  void child_started(SupervisorSlot& slot);
  void child_exited(SupervisorSlot& slot, const ExitReason& reason);
  void failed(SupervisorSlot& slot, const ExitReason& reason);
  void ended_for_good(SupervisorSlot& slot, const ExitReason& reason);
  bool is_before(const SupervisorSlot& slot, const SupervisorSlot& other) const noexcept;
  void begin_end(ExitReason reason);
  void give_up(SupervisorSlot& slot, const ExitReason& reason);
  // Goes on with a phase; called whenever something has changed.
  void advance();
  bool advance_down();
  bool advance_up();
  // It is not started any more: what came at run time is gone, and what is temporary waits for our own restart.
  void retire(SupervisorSlot& slot, const ExitReason& reason);
  void destroy(SupervisorSlot& slot, const ExitReason& reason);
  bool significant_end(const SupervisorSlot& slot) const noexcept;
  std::string path_of(const SupervisorSlot& slot) const;

  VerticleSystem& system_;
  EventLoop& loop_;
  const std::shared_ptr<const SupervisorOptions> options_;  // all Deployments have the same
  std::unique_ptr<RestartIntensity> intensity_;             // null: it never gives up
  Backoff group_backoff_;
  ChildListener* listener_ = nullptr;
  Ended ended_;
  SupervisorSlot* first_ = nullptr;
  SupervisorSlot* last_ = nullptr;
  std::size_t size_ = 0;
  std::size_t stopping_ = 0;  // slots in that state
  std::uint64_t last_group_ = 0;
  std::uint64_t restarts_ = 0;
  Phase phase_ = Phase::off;
  SupervisorSlot* from_ = nullptr;
  std::unique_ptr<DelayTimer> delay_;  // before a group comes up again, for the strategies that have groups
  Duration group_delay_{0};
  bool starting_ = false;  // for the first time: who fails now fails us
  bool ending_ = false;
  bool tell_started_ = false, tell_exited_ = false;
  ExitReason reason_;
};

}  // namespace fluxor::runtime
