#include "observability/log/log_line.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace fluxor::observability {
namespace {

using namespace std::string_view_literals;

std::string json(std::string_view message, const std::vector<runtime::LogField>& fields = {}) {
  return log_line(LogFormat::json, message, fields);
}

std::string text(std::string_view message, const std::vector<runtime::LogField>& fields = {}) {
  return log_line(LogFormat::text, message, fields);
}

std::string json_of_message(std::string_view inside) { return "\"message\":\"" + std::string(inside) + "\"}"; }

TEST(LogLine, ListsMessageAndFieldsInOrder) {
  EXPECT_EQ(json("hello"), R"("message":"hello"})");
  EXPECT_EQ(json("hello", {{"b", "1"}, {"a", "two words"}}), R"("message":"hello","b":"1","a":"two words"})");
  EXPECT_EQ(text("hello there"), "hello there");
  EXPECT_EQ(text("hello there", {{"b", "1"}, {"a", "two"}}), "hello there b=1 a=two");
}

TEST(LogLine, EscapesInJsonWhatJsonForbids) {
  EXPECT_EQ(json(R"(a"b\c)"), json_of_message(R"(a\"b\\c)"));
  EXPECT_EQ(json("\n\r\t\b\f\0\x1f"sv), json_of_message(R"(\n\r\t\u0008\u000c\u0000\u001f)"));
  EXPECT_EQ(json("x", {{"k\"\n", "v\"\n"}}), R"("message":"x","k\"\n":"v\"\n"})");
}

TEST(LogLine, EscapesInJsonWhatCommandsATerminal) {
  EXPECT_EQ(json("\x7f\xC2\x9b!"), json_of_message(R"(\u007f\u009b!)"));
}

TEST(LogLine, KeepsUtf8) {
  const std::string_view words =
      "Zo\xC3\xAB \xE2\x82\xAC \xF0\x9F\x98\x80 \xED\x9F\xBF \xEE\x80\x80 \xF4\x8F\xBF\xBF \xEF\xBF\xBD";
  EXPECT_EQ(json(words), json_of_message(words));
  EXPECT_EQ(text(words), words);
}

TEST(LogLine, ReplacesInJsonWhatIsNoUtf8) {
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(json("a\x80z"), json_of_message("a" + bad + "z"));                            // a stray continuation
  EXPECT_EQ(json("a\xFFz"), json_of_message("a" + bad + "z"));                            // never in UTF-8
  EXPECT_EQ(json("\xC0\xAF"), json_of_message(bad + bad));                                // overlong, two bytes
  EXPECT_EQ(json("\xE0\x9F\xBF"), json_of_message(bad + bad + bad));                      // overlong, three bytes
  EXPECT_EQ(json("\xF0\x8F\xBF\xBF"), json_of_message(bad + bad + bad + bad));            // overlong, four bytes
  EXPECT_EQ(json("\xED\xA0\x80"), json_of_message(bad + bad + bad));                      // a surrogate
  EXPECT_EQ(json("\xF4\x90\x80\x80"), json_of_message(bad + bad + bad + bad));            // beyond U+10FFFF
  EXPECT_EQ(json("\xE2\x82"), json_of_message(bad));                                      // cut off at the end
  EXPECT_EQ(json("\xF0\x9F\x98z\xC3\"", {}), json_of_message(bad + "z" + bad + "\\\""));  // cut off by something else
}

TEST(LogLine, DoesNotReadPastTheEndForTheRestOfACharacter) {
  const std::string_view euro = "\xE2\x82\xAC";
  EXPECT_EQ(json(euro.substr(0, 2)), json_of_message("\xEF\xBF\xBD"));
  EXPECT_EQ(text(euro.substr(0, 2)), R"(\xe2\x82)");
}

TEST(LogLine, EscapesInTextWhatCouldForgeALineOrCommandATerminal) {
  EXPECT_EQ(text("a\nb\rc\td\x1b[2J\0\x7f"sv), R"(a\nb\rc\td\x1b[2J\x00\x7f)");
  EXPECT_EQ(text("\xC2\x9b!"), R"(\u009b!)");
  EXPECT_EQ(text("a\xFF\xE2\x82z"), R"(a\xff\xe2\x82z)");
  EXPECT_EQ(text(R"(C:\x1b)"), R"(C:\\x1b)");
  EXPECT_EQ(text("x", {{"k\n", "v"}}), R"(x k\n=v)");
}

TEST(LogLine, QuotesInTextAValueThatCouldBeMistaken) {
  EXPECT_EQ(text("m", {{"k", "two words"}}), R"(m k="two words")");
  EXPECT_EQ(text("m", {{"k", ""}}), R"(m k="")");
  EXPECT_EQ(text("m", {{"k", "a=b"}}), R"(m k="a=b")");
  EXPECT_EQ(text("m", {{"k", R"(say "x")"}}), R"(m k="say \"x\"")");
  EXPECT_EQ(text("m", {{"k", "a\nb"}}), R"(m k="a\nb")");
  EXPECT_EQ(text("m", {{"k", R"(a\"b)"}}), R"(m k="a\\\"b")");
}

TEST(LogLine, MakesEveryByteOneLineOfPlainAscii) {
  for (int byte = 0; byte < 256; ++byte) {
    for (const LogFormat format : {LogFormat::json, LogFormat::text}) {
      const std::string one(1, static_cast<char>(byte));
      const std::vector<runtime::LogField> fields = {{one, one}};
      const std::string line = log_line(format, one, fields);
      for (const char shown : line) {
        const auto code = static_cast<unsigned char>(shown);
        EXPECT_TRUE((code >= 0x20 && code < 0x7F) || (format == LogFormat::json && byte >= 0x80))
            << byte << " " << line;
      }
    }
  }
}

TEST(Printable, EscapesButDoesNotQuote) {
  EXPECT_EQ(printable("two words"), "two words");
  EXPECT_EQ(printable("a\nb"), R"(a\nb)");
  EXPECT_EQ(printable(""), "");
}

}  // namespace
}  // namespace fluxor::observability
