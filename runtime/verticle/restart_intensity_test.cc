#include "runtime/verticle/restart_intensity.h"

#include <gtest/gtest.h>

#include <chrono>

#include "runtime/base/clock.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

constexpr Instant kBegin = Instant(1000s);

TEST(RestartIntensity, AdmitsSoManyWithinItsPeriodAndNoMore) {
  RestartIntensity intensity({.restarts_max = 2, .period = 5s});
  EXPECT_TRUE(intensity.admit(kBegin));
  EXPECT_TRUE(intensity.admit(kBegin + 1s));
  EXPECT_FALSE(intensity.admit(kBegin + 5s));
}

TEST(RestartIntensity, ForgetsWhatIsOlderThanItsPeriod) {
  RestartIntensity intensity({.restarts_max = 2, .period = 5s});
  EXPECT_TRUE(intensity.admit(kBegin));
  EXPECT_TRUE(intensity.admit(kBegin + 1s));
  EXPECT_TRUE(intensity.admit(kBegin + 5s + 1ns));
  EXPECT_FALSE(intensity.admit(kBegin + 6s));
  EXPECT_FALSE(intensity.admit(kBegin + 6s));
}

TEST(RestartIntensity, AdmitsNoneIfNoneIsAllowed) {
  RestartIntensity intensity({.restarts_max = 0, .period = 5s});
  EXPECT_FALSE(intensity.admit(kBegin));
  EXPECT_FALSE(intensity.admit(kBegin + 1h));
}

TEST(RestartIntensity, BeginsAnewWhenItIsReset) {
  RestartIntensity intensity({.restarts_max = 1, .period = 5s});
  EXPECT_TRUE(intensity.admit(kBegin));
  intensity.reset();
  EXPECT_TRUE(intensity.admit(kBegin));
  EXPECT_FALSE(intensity.admit(kBegin));
}

}  // namespace
}  // namespace fluxor::runtime
