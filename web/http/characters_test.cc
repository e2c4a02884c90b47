#include "web/http/characters.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fluxor::web {
namespace {

TEST(Characters, CountSeventySevenTokenCharacters) {
  int tokens = 0;
  for (int c = 0; c < 256; ++c) tokens += is_token_char(static_cast<char>(c)) ? 1 : 0;
  EXPECT_EQ(tokens, 26 + 26 + 10 + 15);
  for (const char c : std::string_view("\"(),/:;<=>?@[\\]{} \t\r\n\x7f\x80")) EXPECT_FALSE(is_token_char(c)) << c;
}

TEST(Characters, KeepEveryControlButTheTabOutOfValues) {
  for (int c = 0; c < 256; ++c) {
    const bool control = (c < 0x20 && c != '\t') || c == 0x7f;
    EXPECT_EQ(is_value_char(static_cast<char>(c)), !control) << c;
  }
}

TEST(Characters, CompareNamesByLettersOnly) {
  EXPECT_TRUE(equals_ignoring_case("Content-Length", "cONTENT-lENGTH"));
  EXPECT_FALSE(equals_ignoring_case("[", "{"));  // differ by the bit that makes letters lower case
  EXPECT_FALSE(equals_ignoring_case("host", "hosts"));
}

TEST(Characters, SplitListsAndSkipEmptyElements) {
  std::vector<std::string> seen;
  for_each_in_list(" close ,, keep-alive\t,", [&](std::string_view element) { seen.emplace_back(element); });
  EXPECT_EQ(seen, (std::vector<std::string>{"close", "keep-alive"}));
}

}  // namespace
}  // namespace fluxor::web
