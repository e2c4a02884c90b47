#include "runtime/loop/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include "runtime/testing/allocations.h"

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

TEST(TimerWheelDeathTest, StopsWhenATimerAdvancesItsWheel) {
  TimerWheel wheel(kStart);
  TestTimer timer([&] { wheel.advance(kStart + 2s); });
  wheel.arm(timer, kStart + 1ms);
  EXPECT_DEATH(wheel.advance(kStart + 1s), "not advanced by a timer");
}

TEST(TimerWheel, KnowsTheNextExpiryAfterTheEarliestWasCancelled) {
  for (const bool in_order : {true, false}) {
    TimerWheel wheel(kStart);
    std::vector<std::unique_ptr<TestTimer>> timers;
    for (int i = 0; i < 100; ++i) timers.push_back(std::make_unique<TestTimer>([] {}));
    const auto deadline_of = [](int i) { return kStart + 10min + i * 1us; };
    for (int i = 0; i < 100; ++i) {
      const int id = in_order ? i : i * 37 % 100;
      wheel.arm(*timers[static_cast<std::size_t>(id)], deadline_of(id));
    }
    for (int i = 0; i < 100; ++i) {
      ASSERT_EQ(wheel.next_expiry(), deadline_of(i));
      wheel.cancel(*timers[static_cast<std::size_t>(i)]);
    }
    EXPECT_EQ(wheel.next_expiry(), kNever);
  }
}

TEST(TimerWheel, KnowsTheNextExpiryAfterTheEarliestWasArmedAnew) {
  TimerWheel wheel(kStart);
  TestTimer first([] {});
  TestTimer second([] {});
  wheel.arm(first, kStart + 10min);
  wheel.arm(second, kStart + 10min + 5ns);
  wheel.arm(first, kStart + 10min + 9ns);
  EXPECT_EQ(wheel.next_expiry(), kStart + 10min + 5ns);
  wheel.arm(second, kStart + 11min);
  EXPECT_EQ(wheel.next_expiry(), kStart + 10min + 9ns);
}

TEST(TimerWheel, FiresAtMostAsManyAsToldAndGoesOnInOrder) {
  TimerWheel wheel(kStart);
  std::vector<int> order;
  std::vector<std::unique_ptr<TestTimer>> timers;
  // Of one deadline, of one slot, of several slots and of an upper level.
  const std::vector<Duration> deadlines = {1ms, 1ms, 1ms, 1ms + 1ns, 1ms + 2ns, 9ms, 40ms, 2s, 3s, 3s + 1ns};
  for (std::size_t i = 0; i < deadlines.size(); ++i) {
    timers.push_back(std::make_unique<TestTimer>([&order, i] { order.push_back(static_cast<int>(i)); }));
    wheel.arm(*timers.back(), kStart + deadlines[i]);
  }
  const Instant now = kStart + 3s;
  EXPECT_EQ(wheel.advance(now, 0), 0U);
  EXPECT_TRUE(wheel.due(now));
  EXPECT_EQ(wheel.advance(now, 2), 2U);
  EXPECT_EQ(order, (std::vector{0, 1}));
  EXPECT_EQ(wheel.next_expiry(), kStart + 1ms);
  EXPECT_EQ(wheel.advance(now, 6), 6U);
  EXPECT_TRUE(wheel.due(now));
  EXPECT_EQ(wheel.advance(now, 6), 1U);
  EXPECT_EQ(order, (std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_FALSE(wheel.due(now));
  EXPECT_EQ(wheel.next_expiry(), now + 1ns);
}

TEST(TimerWheel, FiresWhatIsLeftOverBeforeWhatIsArmedForAMomentThatHasPassed) {
  TimerWheel wheel(kStart);
  std::vector<int> order;
  std::vector<std::unique_ptr<TestTimer>> timers;
  for (int i = 0; i < 6; ++i) timers.push_back(std::make_unique<TestTimer>([&order, i] { order.push_back(i); }));
  wheel.arm(*timers[0], kStart + 1ms);
  wheel.arm(*timers[1], kStart + 2ms);
  wheel.arm(*timers[2], kStart + 5s);
  const Instant now = kStart + 5s;
  EXPECT_EQ(wheel.advance(now, 1), 1U);
  wheel.arm(*timers[3], kStart + 3ms);  // late, and among themselves by deadline
  wheel.arm(*timers[4], kStart + 1ms);
  wheel.arm(*timers[5], now + 1ns);
  EXPECT_EQ(wheel.advance(now + 1ns), 5U);
  EXPECT_EQ(order, (std::vector{0, 1, 2, 4, 3, 5}));
}

TEST(TimerWheel, ServesThoseThatWaitAlthoughOneArmsItselfForThePastAgainAndAgain) {
  for (const Duration step : {Duration(0), Duration(1ms), Duration(70ms)}) {
    TimerWheel wheel(kStart);
    std::unique_ptr<TestTimer> greedy;
    greedy = std::make_unique<TestTimer>([&] { wheel.arm(*greedy, kStart); });
    wheel.arm(*greedy, kStart);
    int fired = 0;
    std::vector<std::unique_ptr<TestTimer>> others;
    for (int i = 0; i < 200; ++i) {
      others.push_back(std::make_unique<TestTimer>([&fired] { ++fired; }));
      wheel.arm(*others.back(), kStart + i * 7ms);
    }
    Instant now = kStart + 2s;
    for (int i = 0; i < 402; ++i) {
      wheel.advance(now, 1);
      now += step;
    }
    EXPECT_EQ(fired, 200) << step.count();
  }
}

TEST(TimerWheel, AllocatesNothingToArmCancelAndFire) {
  TimerWheel wheel(kStart);
  std::vector<std::unique_ptr<TestTimer>> timers;
  for (int i = 0; i < 1000; ++i) timers.push_back(std::make_unique<TestTimer>([] {}));
  std::mt19937_64 random(3);
  const Allocations seen = allocations_of([&] {
    Instant now = kStart;
    for (int round = 0; round < 10; ++round) {
      for (const auto& timer : timers) wheel.arm(*timer, now + Duration(static_cast<std::int64_t>(random() >> 32)));
      for (std::size_t i = 0; i < timers.size(); i += 3) wheel.cancel(*timers[i]);
      now = std::max(wheel.next_expiry(), now + 2s);
      wheel.advance(now);
    }
  });
  EXPECT_EQ(seen.count, 0U);
  EXPECT_GT(wheel.fired(), 1000U);
}

// The plainest model there is: a list that is searched.
class TimerModel {
 public:
  void arm(int id, Instant deadline) {
    cancel(id);
    entries_.push_back({std::max(deadline, advanced_to_), round_, deadline, next_order_++, id});
  }
  void cancel(int id) {
    std::erase_if(entries_, [id](const Entry& entry) { return entry.id == id; });
  }
  // A call of advance() begins; what is armed from now on belongs to the next.
  void begin(Instant now) {
    advanced_to_ = now;
    ++round_;
  }
  // The timer that has to fire now, or -1.
  int take() {
    auto next = entries_.end();
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      const bool fires = entry->deadline <= advanced_to_ && entry->round < round_;
      if (fires && (next == entries_.end() || *entry < *next)) next = entry;
    }
    if (next == entries_.end()) return -1;
    const int id = next->id;
    entries_.erase(next);
    return id;
  }
  Instant earliest_deadline() const {
    Instant earliest = kNever;
    for (const Entry& entry : entries_) earliest = std::min(earliest, entry.deadline);
    return earliest;
  }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Instant turn;
    std::uint64_t round;
    Instant deadline;
    std::uint64_t order;
    int id;
    auto operator<=>(const Entry&) const = default;
  };
  std::vector<Entry> entries_;
  Instant advanced_to_ = kStart;
  std::uint64_t round_ = 0;
  std::uint64_t next_order_ = 0;
};

// Wheel and model side by side: timers that, when they fire, arm, cancel and destroy others and themselves, and throw.
class RandomHistory {
 public:
  explicit RandomHistory(unsigned seed) : random_(seed) {
    for (int id = 0; id < kTimers; ++id) make(id);
  }

  void step() {
    switch (random_() % 6) {
      case 0:
      case 1:
      case 2: arm(); break;
      case 3: cancel(); break;
      case 4: destroy(-1); break;
      default: now_ += random_span() / 2; advance(random_() % 3 == 0 ? TimerWheel::kNoLimit : random_() % 6);
    }
    ASSERT_EQ(wheel_.armed_count(), model_.size());
    // Exact but for what is late, of which nobody has to know more.
    if (model_.earliest_deadline() > now_) {
      ASSERT_EQ(wheel_.next_expiry(), model_.earliest_deadline());
    } else {
      ASSERT_LE(wheel_.next_expiry(), now_);
    }
    ASSERT_EQ(wheel_.due(now_), model_.earliest_deadline() <= now_);
  }

 private:
  static constexpr int kTimers = 40;

  Duration random_span() { return Duration(static_cast<std::int64_t>(random_() >> (24 + random_() % 38))); }
  int random_id() { return static_cast<int>(random_() % kTimers); }
  TestTimer& timer(int id) { return *timers_[static_cast<std::size_t>(id)]; }

  void make(int id) {
    auto timer = std::make_unique<TestTimer>([this, id] { fire(id); });
    if (timers_.size() <= static_cast<std::size_t>(id)) timers_.resize(static_cast<std::size_t>(id) + 1);
    timers_[static_cast<std::size_t>(id)] = std::move(timer);
  }
  void arm() {
    const int id = random_id();
    Instant deadline = now_ + random_span();
    if (random_() % 8 == 0) deadline = now_ - random_span() / 1000;  // late
    if (random_() % 8 == 0) deadline = last_deadline_;               // of the same moment as another
    last_deadline_ = deadline;
    wheel_.arm(timer(id), deadline);
    model_.arm(id, deadline);
  }
  void cancel() {
    const int id = random_id();
    wheel_.cancel(timer(id));
    model_.cancel(id);
  }
  void destroy(int running) {
    const int id = random_id();
    if (id == running) return;  // it destroys itself below, as its last act
    make(id);
    model_.cancel(id);
  }

  void advance(std::size_t limit) {
    model_.begin(now_);
    fired_ = 0;
    try {
      const std::size_t told = wheel_.advance(now_, limit);
      EXPECT_EQ(told, fired_);
      if (fired_ < limit) EXPECT_EQ(model_.take(), -1) << "a timer was left out";
    } catch (const std::runtime_error&) {
    }
    EXPECT_LE(fired_, limit);
  }
  void fire(int id) {
    ++fired_;
    EXPECT_EQ(model_.take(), id);
    EXPECT_FALSE(timer(id).armed());
    for (auto acts = random_() % 4; acts > 0; --acts) {
      switch (random_() % 4) {
        case 0:
        case 1: arm(); break;
        case 2: cancel(); break;
        default: destroy(id);
      }
    }
    const bool throws = random_() % 16 == 0;
    if (random_() % 8 == 0) {
      model_.cancel(id);
      make(id);
      return;
    }
    if (throws) throw std::runtime_error("boom");
  }

  std::mt19937_64 random_;
  TimerWheel wheel_{kStart};
  TimerModel model_;
  Instant now_ = kStart;
  Instant last_deadline_ = kStart;
  std::size_t fired_ = 0;
  std::vector<std::unique_ptr<TestTimer>> timers_;
};

TEST(TimerWheel, AgreesWithASearchedListOverRandomHistories) {
  for (unsigned seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomHistory history(seed);
    for (int step = 0; step < 400; ++step) {
      history.step();
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace fluxor::runtime
