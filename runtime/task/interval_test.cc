#include "runtime/task/interval.h"

#include <gtest/gtest.h>

#include <optional>
#include <utility>
#include <vector>

#include "runtime/task/scope.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/test_loop.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

struct Tick {
  Duration at;  // since the start
  std::uint64_t skipped;
  bool operator==(const Tick&) const = default;
  friend void PrintTo(const Tick& tick, std::ostream* out) { *out << tick.at.count() << " skipped " << tick.skipped; }
};

class IntervalTest : public testing::Test {
 protected:
  // Ticks every 10 ms; after the nth one it is busy for works[n].
  Task<> tick(std::vector<Duration> works) {
    Interval ticks(10ms);
    for (const Duration work : works) {
      const std::uint64_t skipped = co_await ticks.next();
      seen.push_back({clock.now() - start, skipped});
      planned = ticks.planned() - start;
      if (work != Duration::zero()) co_await sleep_for(work);
    }
  }

  ManualClock clock;
  TestLoop loop{clock};
  const Instant start = clock.now();
  std::vector<Tick> seen;
  Duration planned{};
};

TEST_F(IntervalTest, TicksAtExactMultiplesHoweverLongTheWorkTakes) {
  auto run = loop.start(tick({3ms, 9ms, 10ms - 1ns, 0ms}));
  loop.advance(40ms);
  EXPECT_EQ(seen, (std::vector<Tick>{{10ms, 0}, {20ms, 0}, {30ms, 0}, {40ms, 0}}));
  EXPECT_EQ(planned, 50ms);
  EXPECT_TRUE(run.ready());
}

TEST_F(IntervalTest, GivesTheLatestTickThatIsDueAtOnceAndCountsThoseSkipped) {
  auto run = loop.start(tick({25ms, 10ms, 1ms, 20ms, 0ms, 0ms}));
  loop.advance(100ms);
  // Due at 20 and 30 by 35; at 40 by 45; at 50; at 60 and 70 by 70.
  EXPECT_EQ(seen, (std::vector<Tick>{{10ms, 0}, {35ms, 1}, {45ms, 0}, {50ms, 0}, {70ms, 1}, {80ms, 0}}));
}

TEST_F(IntervalTest, CountsThePeriodsInWhichTheLoopWasHeldUp) {
  auto run = loop.start(tick({0ms, 0ms, 0ms}));
  clock.advance(45ms);  // nothing ran meanwhile
  loop.run_until_idle();
  EXPECT_EQ(seen, (std::vector<Tick>{{45ms, 3}}));
  loop.advance(15ms);
  EXPECT_EQ(seen, (std::vector<Tick>{{45ms, 3}, {50ms, 0}, {60ms, 0}}));
}

TEST_F(IntervalTest, LetsOthersRunWhenItIsLate) {
  int other = 0;
  const auto late = [](ManualClock& time, EventLoop& home, int& count) -> Task<int> {
    Interval ticks(10ms);
    time.advance(15ms);
    EXPECT_TRUE(home.post([&count] { ++count; }));
    co_await ticks.next();
    co_return count;
  };
  auto run = loop.start(late(clock, loop.loop(), other));
  loop.run_until_idle();
  EXPECT_EQ(run.get(), 1);
}

TEST_F(IntervalTest, KeepsTheTickOfAWaitThatIsCancelled) {
  const auto twice = [](Instant begin, Duration stop) -> Task<Duration> {
    Interval ticks(10ms);
    co_await with_scope([&](Scope& scope) -> Task<> {
      auto waits = scope.spawn([](Interval& interval) -> Task<> { co_await interval.next(); }, std::ref(ticks));
      co_await sleep_for(stop);
      waits.cancel();
    });
    EXPECT_EQ(co_await ticks.next(), 0U);
    co_return EventLoop::current()->now() - begin;
  };
  auto before = loop.start(twice(start, 5ms));
  auto just_then = loop.start(twice(start, 10ms));  // before the tick, which is due, too
  loop.advance(10ms);
  EXPECT_EQ(before.get(), 10ms);
  EXPECT_EQ(just_then.get(), 10ms);
}

TEST_F(IntervalTest, MayTakeForever) {
  const auto forever = []() -> Task<> {
    Interval ticks(Duration::max());
    EXPECT_EQ(ticks.period(), Duration::max());
    co_await with_scope([&](Scope& scope) -> Task<> {
      auto waits = scope.spawn([](Interval& interval) -> Task<> { co_await interval.next(); }, std::ref(ticks));
      co_await sleep_for(24h);
      EXPECT_FALSE(waits.done());
      waits.cancel();
    });
  };
  auto run = loop.start(forever());
  loop.advance(24h);
  EXPECT_TRUE(run.ready());
}

TEST(IntervalDeathTest, TakesTimeAndLivesOnALoop) {
  EXPECT_DEATH(Interval(1ms), "an interval lives on an event loop");
  ManualClock clock;
  const auto none = []() -> Task<> {
    const Interval ticks(0ms);
    co_return;
  };
  EXPECT_DEATH(
      {
        TestLoop loop(clock);
        static_cast<void>(loop.start(none()));
      },
      "an interval takes time");
}

}  // namespace
}  // namespace fluxor::runtime
