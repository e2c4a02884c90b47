#include "runtime/ring/wait_strategy.h"

#include <gtest/gtest.h>

namespace fluxor::runtime {
namespace {

// Counts instead of waiting.
struct CountingProcessor {
  static inline int pauses = 0;
  static inline int yields = 0;
  static void pause() noexcept { ++pauses; }
  static void yield() noexcept { ++yields; }
};

class WaitStrategies : public testing::Test {
 protected:
  WaitStrategies() { CountingProcessor::pauses = CountingProcessor::yields = 0; }

  // The pauses that `act` takes.
  template <typename Act>
  static int pauses_of(Act act) {
    const int before = CountingProcessor::pauses;
    act();
    return CountingProcessor::pauses - before;
  }
};

using BusySpinStrategy = WaitStrategies;
using YieldStrategy = WaitStrategies;
using AdaptiveStrategy = WaitStrategies;
using Pace = WaitStrategies;

TEST_F(BusySpinStrategy, PollsForEverWithAPauseBetween) {
  BasicBusySpin<CountingProcessor> wait;
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(wait.idle(), Idle::poll_again);
  EXPECT_EQ(CountingProcessor::pauses, 10'000);
  EXPECT_EQ(CountingProcessor::yields, 0);
}

TEST_F(YieldStrategy, SpinsOneHundredPollsThenYieldsBetweenPolls) {
  BasicYield<CountingProcessor> wait;
  for (int i = 0; i < 100; ++i) ASSERT_EQ(wait.idle(), Idle::poll_again);
  EXPECT_EQ(CountingProcessor::pauses, 100);
  EXPECT_EQ(CountingProcessor::yields, 0);
  for (int i = 0; i < 50; ++i) ASSERT_EQ(wait.idle(), Idle::poll_again);
  EXPECT_EQ(CountingProcessor::pauses, 100);
  EXPECT_EQ(CountingProcessor::yields, 50);
}

TEST_F(YieldStrategy, SpinsAgainAfterAnEvent) {
  BasicYield<CountingProcessor> wait;
  for (int i = 0; i < 150; ++i) wait.idle();
  wait.found(1);
  const int yields = CountingProcessor::yields;
  for (int i = 0; i < 100; ++i) wait.idle();
  EXPECT_EQ(CountingProcessor::yields, yields);
  wait.idle();
  EXPECT_EQ(CountingProcessor::yields, yields + 1);
}

TEST_F(AdaptiveStrategy, ParksAtOnceWhenThereWasNoEvent) {
  BasicAdaptive<CountingProcessor> wait(200);
  EXPECT_EQ(wait.idle(), Idle::park);
  EXPECT_EQ(CountingProcessor::pauses, 0);
}

TEST_F(AdaptiveStrategy, SpinsABoundedNumberOfPollsAfterAnEventThenParks) {
  BasicAdaptive<CountingProcessor> wait(200);
  wait.found(1);
  for (int i = 0; i < 200; ++i) ASSERT_EQ(wait.idle(), Idle::poll_again) << i;
  EXPECT_EQ(CountingProcessor::pauses, 200);
  EXPECT_EQ(wait.idle(), Idle::park);
  EXPECT_EQ(CountingProcessor::yields, 0);
}

TEST_F(AdaptiveStrategy, StaysParkedUntilTheNextEvent) {
  BasicAdaptive<CountingProcessor> wait(2);
  wait.found(1);
  wait.idle();
  wait.idle();
  // Woken for something else, again and again: it does not spin for that.
  for (int i = 0; i < 10; ++i) EXPECT_EQ(wait.idle(), Idle::park);
  wait.found(1);
  EXPECT_EQ(wait.idle(), Idle::poll_again);
}

TEST_F(AdaptiveStrategy, BeginsANewSpinWithEachEvent) {
  BasicAdaptive<CountingProcessor> wait(3);
  for (int round = 0; round < 5; ++round) {
    wait.found(1);
    EXPECT_EQ(wait.idle(), Idle::poll_again);
    EXPECT_EQ(wait.idle(), Idle::poll_again);
  }
  EXPECT_EQ(wait.idle(), Idle::poll_again);
  EXPECT_EQ(wait.idle(), Idle::park);
}

TEST_F(AdaptiveStrategy, NeverSpinsWhenToldNotTo) {
  BasicAdaptive<CountingProcessor> wait(0);
  wait.found(1);
  EXPECT_EQ(wait.idle(), Idle::park);
}

TEST_F(Pace, PausesOnceBetweenPollsInADialogue) {
  BasicBusySpin<CountingProcessor> wait;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(pauses_of([&] { wait.idle(); }), 1) << "after event " << i;
    wait.found(1);
  }
}

TEST_F(Pace, PausesLongerBeforeTheFirstLookWhileThatBringsMoreEvents) {
  BasicBusySpin<CountingProcessor> wait;
  for (const int expected : {1, 2, 4, 8, 16, 32, 64, 64, 64}) {
    EXPECT_EQ(pauses_of([&] { wait.idle(); }), expected);
    EXPECT_EQ(pauses_of([&] { wait.idle(); }), 1) << "the second fruitless poll";
    wait.found(100);
  }
}

TEST_F(Pace, PausesLessAgainWhenLongerPausesBringNoMore) {
  BasicBusySpin<CountingProcessor> wait;
  for (int i = 0; i < 6; ++i) {
    wait.idle();
    wait.found(100);
  }
  for (const int expected : {64, 32, 16, 8, 4, 2, 1, 1}) {
    EXPECT_EQ(pauses_of([&] { wait.idle(); }), expected);
    wait.found(1);
  }
}

TEST_F(Pace, LearnsNothingFromAPollThatFollowedAnotherFruitfulOne) {
  BasicBusySpin<CountingProcessor> wait;
  for (int i = 0; i < 10; ++i) wait.found(100);
  EXPECT_EQ(pauses_of([&] { wait.idle(); }), 1);
}

TEST(Waiter, IsTheStrategyThatWasNamed) {
  Waiter spinning(WaitKind::busy_spin);
  Waiter yielding(WaitKind::yield);
  Waiter adaptive(WaitKind::adaptive, 2);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(spinning.idle(), Idle::poll_again);
    ASSERT_EQ(yielding.idle(), Idle::poll_again);
    ASSERT_EQ(adaptive.idle(), Idle::park);
  }
  spinning.found(1);
  yielding.found(1);
  adaptive.found(1);
  EXPECT_EQ(spinning.idle(), Idle::poll_again);
  EXPECT_EQ(yielding.idle(), Idle::poll_again);
  EXPECT_EQ(adaptive.idle(), Idle::poll_again);
  EXPECT_EQ(adaptive.idle(), Idle::poll_again);
  EXPECT_EQ(adaptive.idle(), Idle::park);
}

TEST(Waiter, IsAdaptiveUnlessToldOtherwise) {
  Waiter wait;
  EXPECT_EQ(wait.idle(), Idle::park);
  wait.found(1);
  for (std::uint32_t i = 0; i < Adaptive::kSpinPolls; ++i) ASSERT_EQ(wait.idle(), Idle::poll_again);
  EXPECT_EQ(wait.idle(), Idle::park);
}

}  // namespace
}  // namespace fluxor::runtime
