#include "runtime/task/sleep.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "runtime/net/epoll_poller.h"
#include "runtime/task/task.h"
#include "runtime/testing/manual_clock.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

TEST(Sleep, GoesOnExactlyAtItsDeadlineOnItsOwnLoop) {
  ManualClock clock;
  EventLoop loop({}, clock, EpollPoller::create().value(), nullptr);
  int steps = 0;
  const auto body = [](int& count) -> Task<> {
    co_await sleep_for(100ms);
    ++count;
    co_await sleep_for(50ms);
    EXPECT_NE(EventLoop::current(), nullptr);
    ++count;
  };
  ASSERT_TRUE(loop.post([&] { start(body(steps), [](Outcome<void>) {}); }));
  loop.run_until_idle();
  clock.advance(99ms);
  loop.run_until_idle();
  EXPECT_EQ(steps, 0);
  clock.advance(1ms);
  loop.run_until_idle();
  EXPECT_EQ(steps, 1);
  clock.advance(50ms);
  loop.run_until_idle();
  EXPECT_EQ(steps, 2);
}

TEST(Sleep, SleepsForeverWhenItsEndIsBeyondTheEndOfTime) {
  ManualClock clock;
  EventLoop loop({}, clock, EpollPoller::create().value(), nullptr);
  bool woke = false;
  const auto body = [](bool& flag) -> Task<> {
    co_await sleep_for(Duration::max());
    flag = true;
  };
  ASSERT_TRUE(loop.post([&] { start(body(woke), [](Outcome<void>) {}); }));
  loop.run_until_idle();
  EXPECT_FALSE(woke);
  clock.advance(kNever - clock.now());  // so that the frame ends
  loop.run_until_idle();
  EXPECT_TRUE(woke);
}

// Else a task that sleeps in a loop, for no time, would hold the event loop.
TEST(Sleep, LetsOthersRunAlthoughItsDeadlineHasPassed) {
  ManualClock clock;
  EventLoop loop({}, clock, EpollPoller::create().value(), nullptr);
  std::vector<int> order;
  const auto body = [](Instant deadline, std::vector<int>& log) -> Task<> {
    log.push_back(1);
    co_await sleep_until(deadline);
    log.push_back(3);
  };
  ASSERT_TRUE(loop.post([&] {
    start(body(clock.now() - 1s, order), [](Outcome<void>) {});
    order.push_back(2);
  }));
  loop.run_until_idle();
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
}

TEST(Sleep, GoesOnInTheOrderOfDeadlines) {
  ManualClock clock;
  EventLoop loop({}, clock, EpollPoller::create().value(), nullptr);
  std::vector<int> order;
  const auto body = [](Duration duration, int id, std::vector<int>& log) -> Task<> {
    co_await sleep_for(duration);
    log.push_back(id);
  };
  ASSERT_TRUE(loop.post([&] {
    start(body(30ms, 3, order), [](Outcome<void>) {});
    start(body(10ms, 1, order), [](Outcome<void>) {});
    start(body(20ms, 2, order), [](Outcome<void>) {});
  }));
  loop.run_until_idle();
  clock.advance(1s);
  loop.run_until_idle();
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
}

TEST(SleepDeathTest, StopsATaskThatIsOnNoLoop) {
  const auto sleeps = []() -> Task<> { co_await sleep_for(1ms); };
  EXPECT_DEATH(start(sleeps(), [](Outcome<>) {}), "a task that waits lives on an event loop");
}

}  // namespace
}  // namespace fluxor::runtime
