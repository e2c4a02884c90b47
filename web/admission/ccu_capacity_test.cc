#include "web/admission/ccu_capacity.h"

#include <gtest/gtest.h>

#include <tuple>

namespace fluxor::web {
namespace {

auto parts(std::size_t max, unsigned utilization) {
  const CcuCapacity capacity = CcuCapacity::of(max, utilization).value();
  return std::tuple(capacity.normal, capacity.running, capacity.waiting);
}

TEST(CcuCapacity, FollowsTheExamplesOfTheProduct) {
  EXPECT_EQ(parts(5000, 67), std::tuple(3350U, 335U, 3015U));
  EXPECT_EQ(parts(100, 67), std::tuple(67U, 50U, 17U));
  EXPECT_EQ(parts(27, 67), std::tuple(18U, 18U, 0U));
}

TEST(CcuCapacity, AdmitsAtLeastOne) {
  EXPECT_EQ(parts(1, 1), std::tuple(1U, 1U, 0U));
  EXPECT_EQ(parts(1, 67), std::tuple(1U, 1U, 0U));
}

TEST(CcuCapacity, RunsAtMostFiveHundredAtOnce) { EXPECT_EQ(parts(100'000, 100), std::tuple(100'000U, 500U, 99'500U)); }

TEST(CcuCapacity, RefusesWhatMakesNoSense) {
  EXPECT_FALSE(CcuCapacity::of(0, 67));
  EXPECT_FALSE(CcuCapacity::of(100, 0));
  EXPECT_FALSE(CcuCapacity::of(100, 101));
  EXPECT_FALSE(CcuCapacity::of(~std::size_t{0}, 67));
}

}  // namespace
}  // namespace fluxor::web
