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

TEST(SleepDeathTest, StopsATaskThatIsOnNoLoop) { EXPECT_DEATH(sleep_for(1ms), "a task sleeps on an event loop"); }

}  // namespace
}  // namespace fluxor::runtime
