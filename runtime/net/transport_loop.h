#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/loop/event_loop.h"
#include "runtime/net/poller.h"
#include "runtime/net/tested_transports.h"
#include "runtime/task/task.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/started.h"
#include "runtime/testing/test_loop.h"

namespace fluxor::runtime {

// A loop of a test, on the test's thread, over one of the transports; its timers are on a time of their own.
class TransportLoop {
 public:
  explicit TransportLoop(TestedTransport& transport)
      : transport_(transport),
        loop_({}, clock_, transport.make_poller(), [this](EventLoop&, const std::exception_ptr& failure) {
          failures.push_back(TestLoop::text_of(failure));
        }) {}

  EventLoop& loop() noexcept { return loop_; }
  Poller& poller() noexcept { return loop_.poller(); }
  ManualClock& clock() noexcept { return clock_; }

  // Starts a task, and runs what can run at once.
  template <typename T>
  Started<T> start(Task<T> task) {
    auto started = Started<T>::on(loop_, std::move(task));
    loop_.run_until_idle();
    return started;
  }
  // Lets bytes move until the condition holds; false if it does not within thousands of turns.
  bool run_until(const std::function<bool()>& condition) {
    for (int i = 0; i < 10'000; ++i) {
      loop_.run_until_idle();
      if (condition()) return true;
      transport_.pass_time();
      loop_.poller().wait(transport_.patience());
    }
    return false;
  }
  // What would happen has happened.
  void settle() {
    int left = 20;
    static_cast<void>(run_until([&left] { return --left == 0; }));
  }

  std::vector<std::string> failures;

 private:
  TestedTransport& transport_;
  ManualClock clock_;
  EventLoop loop_;
};

}  // namespace fluxor::runtime
