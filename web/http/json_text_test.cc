#include "web/http/json_text.h"

#include <gtest/gtest.h>

#include <string>

namespace fluxor::web {
namespace {

using namespace std::string_view_literals;

std::string json_of(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonText, QuotesPlainText) {
  EXPECT_EQ(json_of(""), R"("")");
  EXPECT_EQ(json_of("not found"), R"("not found")");
}

TEST(JsonText, EscapesWhatWouldEndTheStringOrTheLine) {
  EXPECT_EQ(json_of("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(json_of("\b\f\n\r\t"), R"("\b\f\n\r\t")");
  EXPECT_EQ(json_of("\0\x1b\x7f"sv), R"("\u0000\u001b\u007f")");
}

TEST(JsonText, LetsUtf8Pass) { EXPECT_EQ(json_of("\u00e9\u20ac\U0001f600"), "\"\u00e9\u20ac\U0001f600\""); }

TEST(JsonText, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(json_of("a\xff"
                    "b"),
            "\"a\ufffd"
            "b\"");
  EXPECT_EQ(json_of("\xc0\xaf"), "\"\ufffd\ufffd\"");            // overlong slash
  EXPECT_EQ(json_of("\xed\xa0\x80"), "\"\ufffd\ufffd\ufffd\"");  // surrogate
  EXPECT_EQ(json_of("\xe2\x82"), "\"\ufffd\ufffd\"");            // cut off
}

}  // namespace
}  // namespace fluxor::web
