#include "runtime/base/check.h"

#include <gtest/gtest.h>

namespace fluxor::runtime {
namespace {

TEST(Check, DoesNothingWhenTheConditionHolds) { FLUXOR_CHECK(1 + 1 == 2, "arithmetic holds"); }

TEST(CheckDeathTest, StopsWithOneLineThatNamesPlaceReasonAndCondition) {
  EXPECT_DEATH(FLUXOR_CHECK(1 + 1 == 3, "arithmetic holds"),
               "^[^\n]*check_test\\.cc:[0-9]+: check failed: arithmetic holds \\(1 \\+ 1 == 3\\)\n$");
}

}  // namespace
}  // namespace fluxor::runtime
