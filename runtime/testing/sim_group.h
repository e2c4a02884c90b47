#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "runtime/loop/event_loop.h"
#include "runtime/loop/loop_faults.h"
#include "runtime/net/memory_network.h"
#include "runtime/task/task.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/seeded_random.h"
#include "runtime/testing/sim_options.h"
#include "runtime/testing/started.h"

namespace fluxor::runtime {

// What an event throws that the simulation crashes.
class InjectedCrash final : public std::runtime_error {
 public:
  InjectedCrash() : std::runtime_error("crash injected by the simulation") {}
};

// Several event loops on one thread and one virtual time, run by a seeded scheduler: which loop runs its next unit, how
// many in a row, which producer is suspended half way, what is refused, delayed, cut or crashed, all comes from the
// seed. The same seed gives the same run; another seed another interleaving.
//
// It permutes what loops on threads of their own could interleave, unit by unit (a unit is an event, a signal, a
// coroutine's resumption, a timer, a word of a stream).  What it cannot show are races inside a unit: those are for the
// thread sanitizer.
//
// Thread:  the test's.
// Owns:    clock, network and loops.  Tasks that have not ended when it is destroyed are left behind.
class SimGroup final : private LoopFaults, private NetworkModel {
 public:
  SimGroup(std::uint64_t seed, const SimOptions& options);
  SimGroup(const SimGroup&) = delete;
  SimGroup& operator=(const SimGroup&) = delete;
  ~SimGroup();

  std::size_t size() const noexcept { return loops_.size(); }
  EventLoop& at(std::size_t index) noexcept { return *loops_[index].loop; }
  ManualClock& clock() noexcept { return clock_; }
  MemoryNetwork& network() noexcept { return network_; }
  // For what a test itself draws; another sequence than the scheduler's.
  SeededRandom& random() noexcept { return test_random_; }

  // Starts a task on a loop, whatever faults are on: by a control signal, when the loop runs next.
  template <typename T>
  Started<T> start(std::size_t loop, Task<T> task) {
    return Started<T>::on(at(loop), std::move(task));
  }
  // Something else that takes part: a thread that is no loop.  `step` is called between units, again and again until it
  // returns false.
  void add_actor(std::function<bool()> step) { actors_.push_back({std::move(step), Instant{}}); }
  // The same, for what happens once, at or after `due`.  Actors may add others.
  void add_actor_at(Instant due, std::function<void()> step) {
    actors_.push_back({[step = std::move(step)] { return step(), false; }, due});
  }

  // Runs what can run without time passing (beyond what units themselves take, and loops are stalled).
  void run_until_idle();
  // Runs until `done`, letting time jump from one due thing to the next; false if `limit` passes first.
  bool run_until(const std::function<bool()>& done, Duration limit);
  // Runs all that is due in the next `duration`.
  void run_for(Duration duration);

  // No faults from now on, so that a run can come to its end: what is held is published, what is refused is taken.
  void stop_faults() noexcept { faults_on_ = false; }

  // A number for the order in which units ran; two runs with the same one were, most probably, interleaved alike.
  std::uint64_t schedule() const noexcept { return schedule_; }
  std::uint64_t units() const noexcept { return units_; }
  std::uint64_t crashes() const noexcept { return crashes_; }
  // What came out of units as exceptions, injected crashes left out.
  const std::vector<std::string>& failures() const noexcept { return failures_; }

 private:
  struct SimLoop {
    std::unique_ptr<EventLoop> loop;
    Instant stalled_until{};
    bool idle = false;
  };
  struct Actor {
    std::function<bool()> step;
    Instant due;
  };
  struct Held {
    RingBuffer<Event>::Claim claim;
    std::uint64_t until_step;
  };
  // LoopFaults
  bool refuses_post(const EventLoop& loop) noexcept override;
  void may_hold(const EventLoop& loop, RingBuffer<Event>::Claim& claim) noexcept override;
  void before_event(const EventLoop& loop) override;
  // NetworkModel
  Duration delay(const Endpoint& from, const Endpoint& to) override;
  std::size_t piece(std::size_t offered) override;
  Fate fate(const Endpoint& from, const Endpoint& to) override;

  // One pick of the scheduler; false if nobody can run now.
  bool step();
  bool run_loop(std::size_t index);
  bool run_actor(std::size_t index);
  void release_held(bool all) noexcept;
  Instant next_due() const noexcept;
  bool happens(double share) noexcept { return faults_on_ && share > 0 && random_.chance(share); }
  void remember(std::uint64_t who) noexcept;

  const SimOptions options_;
  ManualClock clock_;
  SeededRandom random_;
  SeededRandom test_random_;
  MemoryNetwork network_;
  std::vector<std::string> failures_;
  std::vector<SimLoop> loops_;
  std::vector<Actor> actors_;
  std::list<Held> held_;         // claims cannot be assigned
  std::uint64_t burst_max_ = 1;  // units of one loop in a row; of this run
  std::uint64_t steps_ = 0;
  std::uint64_t units_ = 0;
  std::uint64_t crashes_ = 0;
  std::uint64_t schedule_ = 0xcbf29ce484222325;
  bool faults_on_ = true;
};

}  // namespace fluxor::runtime
