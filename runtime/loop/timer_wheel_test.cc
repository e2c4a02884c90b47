#include "runtime/loop/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

const Instant kStart = Instant{} + 5s;

class TestTimer final : public Timer {
 public:
  explicit TestTimer(std::function<void()> fire) : fire_(std::move(fire)) {}

 private:
  void on_timer() override { fire_(); }
  std::function<void()> fire_;
};

TEST(TimerWheel, FiresExactlyAtTheDeadlineAndNotBefore) {
  TimerWheel wheel(kStart);
  int fired = 0;
  TestTimer timer([&] { ++fired; });
  wheel.arm(timer, kStart + 200ms);
  EXPECT_EQ(wheel.advance(kStart + 200ms - 1ns), 0U);
  EXPECT_EQ(wheel.advance(kStart + 200ms), 1U);
  EXPECT_EQ(wheel.advance(kStart + 10s), 0U);
  EXPECT_EQ(fired, 1);
  EXPECT_FALSE(timer.armed());
}

TEST(TimerWheel, FiresInOrderOfDeadlineThenOfArming) {
  TimerWheel wheel(kStart);
  std::vector<int> order;
  TestTimer late([&] { order.push_back(4); });
  TestTimer second([&] { order.push_back(2); });
  TestTimer third([&] { order.push_back(3); });
  TestTimer first([&] { order.push_back(1); });
  wheel.arm(late, kStart + 5ms);
  wheel.arm(second, kStart + 3ms + 2ns);
  wheel.arm(third, kStart + 3ms + 2ns);
  wheel.arm(first, kStart + 3ms + 1ns);
  EXPECT_EQ(wheel.advance(kStart + 1s), 4U);
  EXPECT_EQ(order, (std::vector{1, 2, 3, 4}));
}

TEST(TimerWheel, FiresManyOfOneDeadlineInOrderOfArming) {
  TimerWheel wheel(kStart);
  std::vector<int> order;
  std::vector<int> expected;
  std::vector<std::unique_ptr<TestTimer>> timers;
  for (int i = 0; i < 200; ++i) {
    timers.push_back(std::make_unique<TestTimer>([&order, i] { order.push_back(i); }));
    wheel.arm(*timers.back(), kStart + 3s);
    expected.push_back(i);
  }
  wheel.advance(kStart + 3s);
  EXPECT_EQ(order, expected);
}

TEST(TimerWheel, HoldsStillWhenTimeGoesBack) {
  TimerWheel wheel(kStart);
  std::vector<int> order;
  TestTimer first([&] { order.push_back(1); });
  TestTimer second([&] { order.push_back(2); });
  TestTimer third([&] { order.push_back(3); });
  wheel.arm(third, kStart + 310s);
  wheel.advance(kStart + 300s);
  EXPECT_EQ(wheel.advance(kStart), 0U);
  wheel.arm(second, kStart + 305s);
  wheel.arm(first, kStart + 301s);
  EXPECT_EQ(wheel.next_expiry(), kStart + 301s);
  wheel.advance(kStart + 310s);
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
}

TEST(TimerWheel, KnowsTheNextExpiryToTheNanosecondAtEveryDistance) {
  for (const Duration distance : {Duration(1ns), Duration(1ms), Duration(63ms), Duration(70ms), Duration(5s),
                                  Duration(10min), Duration(30h), Duration(24h * 400), Duration(24h * 2000)}) {
    TimerWheel wheel(kStart);
    EXPECT_EQ(wheel.next_expiry(), kNever);
    int fired = 0;
    TestTimer timer([&] { ++fired; });
    wheel.arm(timer, kStart + distance);
    EXPECT_EQ(wheel.next_expiry(), kStart + distance);
    wheel.advance(kStart + distance - 1ns);
    EXPECT_EQ(fired, 0);
    EXPECT_EQ(wheel.next_expiry(), kStart + distance);
    wheel.advance(kStart + distance);
    EXPECT_EQ(fired, 1) << distance.count();
  }
}

TEST(TimerWheel, NeverFiresACancelledTimer) {
  TimerWheel wheel(kStart);
  TestTimer timer([] { ADD_FAILURE(); });
  wheel.arm(timer, kStart + 1ms);
  wheel.cancel(timer);
  wheel.cancel(timer);
  EXPECT_EQ(wheel.armed_count(), 0U);
  EXPECT_EQ(wheel.next_expiry(), kNever);
  EXPECT_EQ(wheel.advance(kStart + 1s), 0U);
}

TEST(TimerWheel, ArmsAnewWithoutFiringTheOldDeadline) {
  TimerWheel wheel(kStart);
  int fired = 0;
  TestTimer timer([&] { ++fired; });
  wheel.arm(timer, kStart + 1ms);
  wheel.arm(timer, kStart + 2s);
  EXPECT_EQ(wheel.armed_count(), 1U);
  wheel.advance(kStart + 1s);
  EXPECT_EQ(fired, 0);
  wheel.advance(kStart + 2s);
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheel, LeavesATimerArmedWhileFiringToTheNextCall) {
  TimerWheel wheel(kStart);
  int fired = 0;
  std::unique_ptr<TestTimer> timer;
  timer = std::make_unique<TestTimer>([&] {
    ++fired;
    wheel.arm(*timer, kStart);  // long past
  });
  wheel.arm(*timer, kStart + 1ms);
  EXPECT_EQ(wheel.advance(kStart + 1s), 1U);
  EXPECT_EQ(wheel.advance(kStart + 1s), 1U);
  EXPECT_EQ(fired, 2);
}

TEST(TimerWheel, LetsATimerCancelAnotherThatIsDueInTheSameCall) {
  TimerWheel wheel(kStart);
  TestTimer victim([] { ADD_FAILURE(); });
  TestTimer first([&] { wheel.cancel(victim); });
  wheel.arm(first, kStart + 1ms);
  wheel.arm(victim, kStart + 1ms);
  EXPECT_EQ(wheel.advance(kStart + 1s), 1U);
}

TEST(TimerWheel, LetsATimerCancelWhatItHasArmedForThePast) {
  TimerWheel wheel(kStart);
  TestTimer victim([] { ADD_FAILURE(); });
  TestTimer first([&] {
    wheel.arm(victim, kStart);
    wheel.cancel(victim);
  });
  wheel.arm(first, kStart + 1ms);
  EXPECT_EQ(wheel.advance(kStart + 1s), 1U);
  EXPECT_EQ(wheel.advance(kStart + 1s), 0U);
  EXPECT_FALSE(victim.armed());
}

TEST(TimerWheel, LetsATimerDestroyItself) {
  TimerWheel wheel(kStart);
  std::unique_ptr<TestTimer> timer;
  timer = std::make_unique<TestTimer>([&] { timer.reset(); });
  wheel.arm(*timer, kStart + 1ms);
  EXPECT_EQ(wheel.advance(kStart + 1s), 1U);
}

TEST(TimerWheel, CancelsATimerThatIsDestroyed) {
  TimerWheel wheel(kStart);
  {
    TestTimer timer([] { ADD_FAILURE(); });
    wheel.arm(timer, kStart + 1ms);
  }
  EXPECT_EQ(wheel.armed_count(), 0U);
  EXPECT_EQ(wheel.advance(kStart + 1s), 0U);
}

TEST(TimerWheel, OutlivedByATimerLeavesItDisarmed) {
  TestTimer timer([] { ADD_FAILURE(); });
  {
    TimerWheel wheel(kStart);
    wheel.arm(timer, kStart + 1ms);
  }
  EXPECT_FALSE(timer.armed());
}

TEST(TimerWheel, GoesOnWithTheRestAfterOneThrew) {
  TimerWheel wheel(kStart);
  int fired = 0;
  TestTimer bad([] { throw std::runtime_error("boom"); });
  TestTimer good([&] { ++fired; });
  wheel.arm(bad, kStart + 1ms);
  wheel.arm(good, kStart + 1ms);
  EXPECT_THROW(wheel.advance(kStart + 1s), std::runtime_error);
  EXPECT_LE(wheel.next_expiry(), kStart + 1s) << "it must not be slept over";
  EXPECT_EQ(wheel.advance(kStart + 1s), 1U);
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheel, OutlivedByATimerThatWasAboutToFireLeavesItDisarmed) {
  TestTimer rest([] { ADD_FAILURE(); });
  {
    TimerWheel wheel(kStart);
    TestTimer bad([] { throw std::runtime_error("boom"); });
    wheel.arm(bad, kStart + 1ms);
    wheel.arm(rest, kStart + 1ms);
    EXPECT_THROW(wheel.advance(kStart + 1s), std::runtime_error);
  }
  EXPECT_FALSE(rest.armed());
}

TEST(TimerWheelDeathTest, StopsWhenATimerIsCancelledOnAnotherWheel) {
  TimerWheel wheel(kStart);
  TimerWheel other(kStart);
  TestTimer timer([] {});
  wheel.arm(timer, kStart + 1ms);
  EXPECT_DEATH(other.cancel(timer), "cancelled on the wheel that holds it");
}

// As long as nothing is cancelled; else it may be told too early, never too late.
TEST(TimerWheel, KnowsTheNextExpiryExactlyOverRandomHistoriesWithoutCancelling) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    TimerWheel wheel(kStart);
    Instant now = kStart;
    std::vector<std::unique_ptr<TestTimer>> timers;
    for (int id = 0; id < 40; ++id) timers.push_back(std::make_unique<TestTimer>([] {}));
    for (int step = 0; step < 200; ++step) {
      const Duration span(static_cast<std::int64_t>(random() >> (24 + random() % 38)));
      TestTimer& timer = *timers[random() % timers.size()];
      if (!timer.armed() && random() % 2 == 0) {
        wheel.arm(timer, now + span);
      } else {
        now += span / 4;
        wheel.advance(now);
      }
      Instant earliest = kNever;
      for (const auto& each : timers) {
        if (each->armed()) earliest = std::min(earliest, each->deadline());
      }
      ASSERT_EQ(wheel.next_expiry(), earliest);
    }
  }
}

// Against the plainest model there is: a sorted list.
TEST(TimerWheel, AgreesWithASortedListOverRandomHistories) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    TimerWheel wheel(kStart);
    Instant now = kStart;
    struct Entry {
      Instant deadline;
      std::uint64_t order;
      int id;
      auto operator<=>(const Entry&) const = default;
    };
    std::vector<Entry> model;
    std::vector<int> fired;
    std::vector<std::unique_ptr<TestTimer>> timers;
    for (int id = 0; id < 40; ++id)
      timers.push_back(std::make_unique<TestTimer>([&fired, id] { fired.push_back(id); }));
    std::uint64_t order = 0;
    const auto forget = [&model](int id) { std::erase_if(model, [id](const Entry& entry) { return entry.id == id; }); };
    for (int step = 0; step < 200; ++step) {
      const int id = static_cast<int>(random() % timers.size());
      const Duration span(static_cast<std::int64_t>(random() >> (24 + random() % 38)));
      switch (random() % 4) {
        case 0:
        case 1:
          wheel.arm(*timers[static_cast<std::size_t>(id)], now + span);
          forget(id);
          model.push_back({now + span, order++, id});
          break;
        case 2:
          wheel.cancel(*timers[static_cast<std::size_t>(id)]);
          forget(id);
          break;
        default: {
          std::sort(model.begin(), model.end());
          if (!model.empty()) ASSERT_LE(wheel.next_expiry(), model.front().deadline);
          now += span;
          std::vector<int> expected;
          for (const Entry& entry : model) {
            if (entry.deadline <= now) expected.push_back(entry.id);
          }
          std::erase_if(model, [now](const Entry& entry) { return entry.deadline <= now; });
          fired.clear();
          ASSERT_EQ(wheel.advance(now), expected.size());
          ASSERT_EQ(fired, expected);
        }
      }
      ASSERT_EQ(wheel.armed_count(), model.size());
    }
  }
}

}  // namespace
}  // namespace fluxor::runtime
