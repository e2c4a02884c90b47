#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/loop/event_loop.h"
#include "runtime/net/memory_network.h"
#include "runtime/task/task.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/started.h"

namespace fluxor::runtime {

// One event loop on the test's own thread and time: it runs only when told to, and nothing passes between two calls.
//
//     ManualClock clock;
//     TestLoop loop(clock);
//     auto slept = loop.start(nap());          // sleeps for 5 ms
//     loop.advance(4ms);  EXPECT_FALSE(slept.ready());
//     loop.advance(1ms);  EXPECT_TRUE(slept.ready());
//
// Its poller belongs to a network in memory, which has its own end of every connection there is.
//
// Thread:  the test's.
// Owns:    loop and network.  Tasks that have not ended when it is destroyed are left behind, and a leak checker tells.
class TestLoop {
 public:
  explicit TestLoop(ManualClock& clock, const EventLoopOptions& options = {})
      : clock_(clock),
        network_(clock),
        loop_(options, clock, network_.make_poller(),
              [this](EventLoop&, const std::exception_ptr& failure) { failures_.push_back(text_of(failure)); }) {}
  TestLoop(const TestLoop&) = delete;
  TestLoop& operator=(const TestLoop&) = delete;

  EventLoop& loop() noexcept { return loop_; }
  MemoryNetwork& network() noexcept { return network_; }

  // Begins the task and runs whatever can run now.
  template <typename T>
  Started<T> start(Task<T> task) {
    auto started = Started<T>::on(loop_, std::move(task));
    run_until_idle();
    return started;
  }

  // Runs what can run without time passing; returns how many units that were.
  std::size_t run_until_idle() { return loop_.run_until_idle(); }
  // Lets time pass, moment by moment: each timer fires, and all bytes arrive, exactly when due.
  void advance(Duration by);

  // What came out of events, timers and handlers as exceptions, so far.
  const std::vector<std::string>& failures() const noexcept { return failures_; }

  static std::string text_of(const std::exception_ptr& failure);

 private:
  ManualClock& clock_;
  MemoryNetwork network_;
  std::vector<std::string> failures_;
  EventLoop loop_;
};

}  // namespace fluxor::runtime
