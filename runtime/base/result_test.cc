#include "runtime/base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace fluxor::runtime {
namespace {

Result<std::unique_ptr<int>> make(bool room) {
  if (!room) return Errc::overloaded;
  return std::make_unique<int>(7);
}

TEST(Result, HoldsAValueThatCannotBeCopied) { EXPECT_EQ(*make(true).value(), 7); }

TEST(Result, TakesAnErrcByItself) {
  EXPECT_FALSE(make(false));
  EXPECT_EQ(make(false).error(), Errc::overloaded);
}

TEST(Result, HandsAnErrorOfTheKernelThroughUnchanged) {
  const Result<void> refused = error_code(ECONNREFUSED, boost::system::system_category());
  EXPECT_EQ(refused.error(), boost::system::errc::connection_refused);
}

}  // namespace
}  // namespace fluxor::runtime
