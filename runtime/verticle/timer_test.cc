#include "runtime/verticle/verticle_timer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>

#include "runtime/verticle/tree_fixture.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

class TimerTest : public TreeTest {
 protected:
  TimerTest() {
    deploy({.name = "a", .restart = Restart::temporary}, tree.says("a"));
    tree.said();
  }
  Context& a() { return tree.at("a"); }
  int ticks = 0;
};

Task<> count(int* ticks, Duration takes) {
  ++*ticks;
  co_await sleep_for(takes);
}

TEST_F(TimerTest, FiresOnceExactlyWhenDue) {
  const TimerHandle handle = a().after(100ms, [this] { ++ticks; });
  EXPECT_TRUE(handle.active());
  loop.advance(100ms - 1ns);
  EXPECT_EQ(ticks, 0);
  loop.advance(1ns);
  EXPECT_EQ(ticks, 1);
  EXPECT_FALSE(handle.active());
  loop.advance(1min);
  EXPECT_EQ(ticks, 1);
}

TEST_F(TimerTest, FiresAgainAndAgainAndKeepsToItsSchedule) {
  a().every(100ms, [this] { ++ticks; });
  loop.advance(1s);
  EXPECT_EQ(ticks, 10);
  EXPECT_EQ(loop.loop().next_expiry(), tree.clock.in(100ms));
}

TEST_F(TimerTest, LeavesOutATickWhoseForerunnerRuns) {
  const TimerHandle handle = a().every(100ms, count, &ticks, Duration(250ms));
  loop.advance(700ms);
  EXPECT_EQ(ticks, 3);  // at 100, 400 and 700
  EXPECT_EQ(handle.skipped(), 4u);
}

TEST_F(TimerTest, CountsTheTicksThatALateLoopLeavesOut) {
  const TimerHandle handle = a().every(100ms, [this] { ++ticks; });
  tree.clock.advance(350ms);
  loop.run_until_idle();
  EXPECT_EQ(ticks, 1);
  EXPECT_EQ(handle.skipped(), 2u);
  loop.advance(50ms);
  EXPECT_EQ(ticks, 2);
}

TEST_F(TimerTest, FiresNoMoreOnceCancelledButLetsItsTaskGoOn) {
  TimerHandle handle = a().every(100ms, count, &ticks, Duration(50ms));
  loop.advance(100ms);
  handle.cancel();
  EXPECT_FALSE(handle.active());
  loop.advance(1s);
  EXPECT_EQ(ticks, 1);
  handle.cancel();
  EXPECT_EQ(loop.loop().next_expiry(), kNever);
}

TEST_F(TimerTest, CancelsItselfFromItsOwnTask) {
  std::optional<TimerHandle> handle;
  handle.emplace(a().every(100ms, [&] {
    if (++ticks == 2) handle->cancel();
  }));
  loop.advance(1s);
  EXPECT_EQ(ticks, 2);
}

TEST_F(TimerTest, CrashesItsVerticleByWhatItThrows) {
  a().after(1s, [] { throw std::runtime_error("late"); });
  loop.advance(1s);
  EXPECT_EQ(tree.said(), Words{"~a"});
  EXPECT_EQ(tree.verticles.log(), Words{"error child ended verticle=a reason=crashed: late"});
}

TEST_F(TimerTest, CrashesItsVerticleByAnInterval) {
  a().every(1s, [this] {
    if (++ticks == 3) throw std::runtime_error("third");
  });
  loop.advance(10s);
  EXPECT_EQ(ticks, 3);
  EXPECT_EQ(tree.said(), Words{"~a"});
}

TEST_F(TimerTest, EndsWithItsVerticleThoughItsHandleIsKept) {
  TimerHandle handle = a().every(1s, [this] { ++ticks; });
  tree.crash("a");
  EXPECT_FALSE(handle.active());
  loop.advance(10s);
  EXPECT_EQ(ticks, 0);
  handle.cancel();
}

struct CannotBeCopied {
  CannotBeCopied() = default;
  CannotBeCopied(CannotBeCopied&&) noexcept = default;
  CannotBeCopied(const CannotBeCopied&) { throw std::runtime_error("no copy"); }
  void operator()() const {}
  void operator()(const Down&) const {}
};

TEST_F(TimerTest, CrashesItsVerticleWhenATickCannotBegin) {
  a().every(1s, CannotBeCopied());
  loop.advance(1s);
  EXPECT_EQ(tree.said(), Words{"~a"});
  EXPECT_EQ(tree.verticles.log(), Words{"error child ended verticle=a reason=crashed: no copy"});
}

TEST_F(TimerTest, IsNotCalledWhenItsVerticleCrashesBeforeItsTaskBegins) {
  // Both are due at once: the first ends the verticle, the second has its task in the queue by then.
  a().after(1s, [] { throw std::runtime_error("first"); });
  a().after(1s, [this] { ++ticks; });
  loop.advance(1s);
  EXPECT_EQ(ticks, 0);
  EXPECT_EQ(tree.said(), Words{"~a"});
}

TEST_F(TimerTest, RefusesAPeriodThatIsNotPositive) {
  EXPECT_THROW(a().every(0s, [] {}), std::exception);
  EXPECT_THROW(a().every(-1s, [] {}), std::exception);
  loop.advance(1s);
}

TEST_F(TimerTest, DoesNotBeginInAVerticleWhoseTasksWereToldToStop) {
  bool active = true;
  struct Late {
    Context& context;
    bool& active;
    ~Late() {
      active = context.every(1s, [] {}).active();
    }
  };
  a().spawn(
      [](Context* context, bool* active) -> Task<> {
        const Late late{*context, *active};
        co_await sleep_for(1h);
      },
      &a(), &active);
  loop.run_until_idle();
  tree.crash("a");
  EXPECT_FALSE(active);
}

}  // namespace
}  // namespace fluxor::runtime
