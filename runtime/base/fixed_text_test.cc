#include "runtime/base/fixed_text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace fluxor::runtime {
namespace {

TEST(FixedText, JoinsTextsAndNumbers) {
  FixedText<64> text;
  text.add("signal ").add_decimal(11).add(" at ").add_hex(0xdeadbeef).add(", ").add_decimal(-3);
  EXPECT_EQ(text.view(), "signal 11 at 0xdeadbeef, -3");
}

TEST(FixedText, HoldsTheLargestNumbers) {
  FixedText<64> text;
  text.add_decimal(std::numeric_limits<std::int64_t>::min()).add(" ").add_hex(UINTPTR_MAX);
  EXPECT_EQ(text.view(), "-9223372036854775808 0xffffffffffffffff");
}

TEST(FixedText, CutsOffWhatDoesNotFit) {
  FixedText<8> text;
  text.add("12345").add("6789").add("more").add_decimal(1);
  EXPECT_EQ(text.view(), "12345678");
}

TEST(FixedText, IsEmptyAtFirst) { EXPECT_EQ(FixedText<1>().view(), ""); }

}  // namespace
}  // namespace fluxor::runtime
