#include "runtime/task/notification.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <thread>

#include "runtime/base/clock.h"
#include "runtime/loop/event_loop_group.h"
#include "runtime/task/scope.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/test_loop.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

Task<> wait_for(Notification& notification) { co_await notification.wait(); }

TEST(Notification, WakesWhoWaits) {
  ManualClock clock;
  TestLoop loop(clock);
  Notification happened(loop.loop());
  auto waits = loop.start(wait_for(happened));
  EXPECT_FALSE(waits.ready());
  happened.notify();
  EXPECT_FALSE(waits.ready());  // in a unit of its own
  loop.run_until_idle();
  EXPECT_TRUE(waits.ready());
}

TEST(Notification, IsNotMissedByWhoComesLater) {
  ManualClock clock;
  TestLoop loop(clock);
  Notification happened(loop.loop());
  happened.notify();
  loop.run_until_idle();
  EXPECT_TRUE(happened.notified());
  EXPECT_TRUE(loop.start(wait_for(happened)).ready());
}

TEST(Notification, LetsACancelledTaskGoAndCanBeAwaitedAgain) {
  ManualClock clock;
  TestLoop loop(clock);
  Notification happened(loop.loop());
  const auto body = [](Notification& notification) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      auto child = scope.spawn(wait_for, std::ref(notification));
      co_await sleep_for(1ms);
      child.cancel();
    });
    co_await notification.wait();
  };
  auto waits = loop.start(body(happened));
  loop.advance(1ms);
  EXPECT_FALSE(waits.ready());
  happened.notify();
  loop.run_until_idle();
  EXPECT_TRUE(waits.ready());
}

TEST(NotificationThreads, ComesFromAnotherThreadAndMayBeDestroyedAtOnce) {
  const SystemClock clock;
  const auto group = EventLoopGroup::create({.loops = 1}, clock, nullptr).value();
  ASSERT_TRUE(group->start());
  for (int i = 0; i < 200; ++i) {
    std::promise<Notification*> made;
    std::promise<void> ended;
    const auto body = [](EventLoop& loop, std::promise<Notification*>& told, std::promise<void>& done) -> Task<> {
      {
        Notification happened(loop);
        told.set_value(&happened);
        co_await happened.wait();
      }
      done.set_value();
    };
    ASSERT_TRUE(group->at(0).post([&] { start(body(group->at(0), made, ended), [](Outcome<>) {}); }));
    made.get_future().get()->notify();
    ended.get_future().get();
  }
  group->stop();
}

}  // namespace
}  // namespace fluxor::runtime
