#include "runtime/base/clock.h"

#include <gtest/gtest.h>

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

TEST(Clock, NeverGoesBack) {
  const SystemClock clock;
  const Instant before = clock.now();
  EXPECT_LE(before, clock.now());
  EXPECT_LT(clock.now(), kNever);
}

TEST(Clock, SaysNeverForWhatLiesBeyondTheEndOfTime) {
  const Instant now = Instant(5s);
  EXPECT_EQ(later(now, 1s), Instant(6s));
  EXPECT_EQ(later(now, -1s), Instant(4s));
  EXPECT_EQ(later(now, Duration::max()), kNever);
  EXPECT_EQ(later(kNever, 1ns), kNever);
  EXPECT_EQ(later(now, kNever - now), kNever);
}

}  // namespace
}  // namespace fluxor::runtime
