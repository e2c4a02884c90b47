#include "runtime/loop/stage_meter.h"

#include <gtest/gtest.h>

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

TEST(StageMeter, LooksAfterEveryUnitOfWhatItDoesNotKnow) { EXPECT_EQ(StageMeter().units(), 1U); }

TEST(StageMeter, LooksMoreSeldomStepByStepAtCheapWork) {
  StageMeter meter;
  for (std::size_t expected = 1; expected < 64; expected *= 2) {
    EXPECT_EQ(meter.units(), expected);
    meter.measured(expected, 10ns * expected);
  }
  meter.measured(64, 640ns);
  EXPECT_EQ(meter.units(), 64U);
}

TEST(StageMeter, FitsAsManyUnitsAsItsSpanHolds) {
  StageMeter meter;
  for (int i = 0; i < 10; ++i) meter.measured(meter.units(), 1us * meter.units());
  EXPECT_EQ(meter.units(), 20U);
}

TEST(StageMeter, LooksAfterEveryUnitAtOnceWhenOneWasSlow) {
  StageMeter meter;
  for (int i = 0; i < 10; ++i) meter.measured(meter.units(), 10ns);
  meter.measured(64, 10ms);
  EXPECT_EQ(meter.units(), 1U);
}

TEST(StageMeter, LooksAfterEveryUnitOfWhatIsSuspect) {
  StageMeter meter;
  meter.measured(1, 1ns);
  meter.suspect();
  EXPECT_EQ(meter.units(), 1U);
}

TEST(StageMeter, CountsWorkThatTakesNoTimeAsCheap) {
  StageMeter meter;
  for (int i = 0; i < 10; ++i) meter.measured(meter.units(), 0ns);
  EXPECT_EQ(meter.units(), 64U);
  meter.measured(64, -1ns);
  EXPECT_EQ(meter.units(), 64U);
}

}  // namespace
}  // namespace fluxor::runtime
