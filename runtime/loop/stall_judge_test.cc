#include "runtime/loop/stall_judge.h"

#include <gtest/gtest.h>

#include <chrono>

#include "runtime/testing/manual_clock.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;
using Verdict = StallJudge::Verdict;

class StallJudgeTest : public testing::Test {
 protected:
  StallJudgeTest() {
    sight.thread_id = 1;
    sight.progress = 100;
  }

  Verdict look_after(Duration passed) {
    clock.advance(passed);
    return judge.look(clock.now(), sight);
  }
  // Looks every 250 ms until just before the threshold.
  void look_until_before_threshold() {
    EXPECT_EQ(look_after(0ms), Verdict::moves);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(look_after(250ms), Verdict::moves);
    EXPECT_EQ(look_after(249ms), Verdict::moves);
  }

  ManualClock clock;
  LoopSight sight;
  StallJudge judge{1s};
};

TEST_F(StallJudgeTest, ReportsAStallExactlyAtTheThreshold) {
  look_until_before_threshold();
  EXPECT_EQ(look_after(1ms), Verdict::stalled);
  EXPECT_EQ(judge.held(), 1s);
}

TEST_F(StallJudgeTest, ReportsAStallOnceAndItsEnd) {
  look_until_before_threshold();
  EXPECT_EQ(look_after(1ms), Verdict::stalled);
  EXPECT_EQ(look_after(1s), Verdict::still_stalled);
  EXPECT_EQ(judge.held(), 2s);
  ++sight.progress;
  EXPECT_EQ(look_after(500ms), Verdict::moves_again);
  EXPECT_EQ(judge.held(), 2500ms);
  ++sight.progress;
  EXPECT_EQ(look_after(500ms), Verdict::moves);
}

TEST_F(StallJudgeTest, SeesNoStallWhereEachLookShowsProgress) {
  for (int i = 0; i < 10; ++i) {
    ++sight.progress;
    EXPECT_EQ(look_after(10s), Verdict::moves);
  }
}

TEST_F(StallJudgeTest, CountsFromTheFirstLookThatShowedTheSame) {
  look_until_before_threshold();
  ++sight.progress;
  look_until_before_threshold();
  EXPECT_EQ(look_after(1ms), Verdict::stalled);
  EXPECT_EQ(judge.held(), 1s);
}

TEST_F(StallJudgeTest, SeesNoStallInALoopThatSleeps) {
  sight.parked = true;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(look_after(10s), Verdict::moves);
  // It has been woken up, but has not come to anything yet: the sleep does not count.
  sight.parked = false;
  EXPECT_EQ(look_after(10s), Verdict::moves);
  look_until_before_threshold();
  EXPECT_EQ(look_after(1ms), Verdict::stalled);
  EXPECT_EQ(judge.held(), 1s);
}

TEST_F(StallJudgeTest, EndsAStallWhenTheLoopSleeps) {
  look_until_before_threshold();
  EXPECT_EQ(look_after(1ms), Verdict::stalled);
  sight.parked = true;
  EXPECT_EQ(look_after(250ms), Verdict::moves_again);
  EXPECT_EQ(judge.held(), 1250ms);
}

TEST_F(StallJudgeTest, SeesNoStallInALoopThatDoesNotRun) {
  sight.thread_id = 0;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(look_after(10s), Verdict::moves);
}

TEST_F(StallJudgeTest, IsNotMisledWhenTheProcessWasStopped) {
  EXPECT_EQ(look_after(0ms), Verdict::moves);
  EXPECT_EQ(look_after(250ms), Verdict::moves);
  // Stopped, and continued: nobody has run, the watcher neither.
  EXPECT_EQ(look_after(60s), Verdict::moves);
  ++sight.progress;
  EXPECT_EQ(look_after(250ms), Verdict::moves);
}

TEST_F(StallJudgeTest, ReportsAStallThatGoesOnAfterTheProcessWasStopped) {
  EXPECT_EQ(look_after(0ms), Verdict::moves);
  EXPECT_EQ(look_after(60s), Verdict::moves);
  EXPECT_EQ(look_after(250ms), Verdict::moves);
  EXPECT_EQ(look_after(250ms), Verdict::stalled);
}

TEST_F(StallJudgeTest, NamesTheWorkThatWasSeenBetweenTwoLooksAtIt) {
  sight.label = "before";
  EXPECT_EQ(look_after(0ms), Verdict::moves);
  sight.label = "during";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(look_after(250ms), Verdict::moves);
  // Read with the look that finds the stall: it may belong to what comes next already.
  sight.label = "after";
  EXPECT_EQ(look_after(250ms), Verdict::stalled);
  EXPECT_STREQ(judge.work().label, "during");
  ++sight.progress;
  sight.label = "something else";
  EXPECT_EQ(look_after(250ms), Verdict::moves_again);
  EXPECT_STREQ(judge.work().label, "during");
}

TEST_F(StallJudgeTest, SeesEachStall) {
  for (int i = 0; i < 3; ++i) {
    ++sight.progress;
    look_until_before_threshold();
    EXPECT_EQ(look_after(1ms), Verdict::stalled);
    ++sight.progress;
    EXPECT_EQ(look_after(1ms), Verdict::moves_again);
  }
}

}  // namespace
}  // namespace fluxor::runtime
