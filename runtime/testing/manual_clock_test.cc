#include "runtime/testing/manual_clock.h"

#include <gtest/gtest.h>

#include <chrono>

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

TEST(ManualClock, MovesOnlyWhenToldAndBothItsTimesTogether) {
  ManualClock clock;
  const Instant begin = clock.now();
  EXPECT_EQ(clock.now(), begin);
  EXPECT_EQ(clock.wall_now(), WallTime());
  clock.advance(1500ms);
  EXPECT_EQ(clock.now(), begin + 1500ms);
  EXPECT_EQ(clock.wall_now(), WallTime(1500ms));
}

// So that a test can speak of what was before.
TEST(ManualClock, BeginsLongAfterTheBeginningOfTime) { EXPECT_GE(ManualClock().now(), Instant(1000s)); }

}  // namespace
}  // namespace fluxor::runtime
