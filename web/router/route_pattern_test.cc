#include "web/router/route_pattern.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace fluxor::web {
namespace {

using Kind = RoutePattern::Segment::Kind;

// The segments in one line: "users :id *rest".
std::string shape(std::string_view text) {
  const auto pattern = RoutePattern::parse(text);
  if (!pattern) return pattern.error().text;
  std::string line;
  for (const auto& segment : pattern->segments()) {
    if (!line.empty()) line += ' ';
    line += segment.kind == Kind::param ? ":" : segment.kind == Kind::rest ? "*" : "";
    line += segment.text.empty() ? "''" : segment.text;
  }
  return line;
}

void expect_refused(std::string_view text, PatternErrc reason, std::string_view why) {
  const auto pattern = RoutePattern::parse(text);
  ASSERT_FALSE(pattern) << text;
  EXPECT_EQ(pattern.error().reason, reason) << text;
  EXPECT_TRUE(pattern.error().text.starts_with("route pattern \"" + std::string(text) + "\" ")) << pattern.error().text;
  EXPECT_NE(pattern.error().text.find(why), std::string::npos) << pattern.error().text;
}

TEST(RoutePattern, TellsLiteralsParamsAndRestApart) {
  EXPECT_EQ(shape("/users/:id/files/*rest"), "users :id files *rest");
  EXPECT_EQ(shape("/:a/:_b2"), ":a :_b2");
  EXPECT_EQ(shape("/*all"), "*all");
  EXPECT_EQ(RoutePattern::parse("/users/:id")->text(), "/users/:id");
}

TEST(RoutePattern, KeepsATrailingSlashAsAnEmptySegment) {
  EXPECT_EQ(shape("/"), "''");
  EXPECT_EQ(shape("/a/"), "a ''");
  EXPECT_EQ(shape("/:a/"), ":a ''");
}

TEST(RoutePattern, TakesLiteralsAsTheyAreInADecodedPath) {
  EXPECT_EQ(shape("/caf\xC3\xA9/a b/.well-known/50%25/a%2Fb"), "caf\xC3\xA9 a b .well-known 50%25 a%2Fb");
}

TEST(RoutePattern, BeginsWithASlash) {
  expect_refused("", PatternErrc::no_leading_slash, "must begin with '/'");
  expect_refused("users", PatternErrc::no_leading_slash, "must begin with '/'");
  expect_refused("*", PatternErrc::no_leading_slash, "must begin with '/'");
}

TEST(RoutePattern, HasNoEmptySegmentInside) {
  expect_refused("//", PatternErrc::empty_segment, "empty segment");
  expect_refused("/a//b", PatternErrc::empty_segment, "empty segment");
}

TEST(RoutePattern, NamesItsParamsLikeIdentifiers) {
  for (const auto* text : {"/:", "/*", "/:/a", "/:1", "/:a-b", "/:a.json", "/*a b", "/:a:b", "/::a", "/:\xC3\xA9"}) {
    expect_refused(text, PatternErrc::bad_name, "[A-Za-z_][A-Za-z0-9_]*");
  }
}

TEST(RoutePattern, UsesEachNameOnce) {
  expect_refused("/:a/b/:a", PatternErrc::duplicate_name, "names two params \"a\"");
  expect_refused("/:a/*a", PatternErrc::duplicate_name, "names two params \"a\"");
}

TEST(RoutePattern, HasRestOnlyAtItsEnd) {
  expect_refused("/*rest/a", PatternErrc::rest_not_last, "\"*rest\" before its last segment");
  expect_refused("/*rest/", PatternErrc::rest_not_last, "\"*rest\" before its last segment");
}

TEST(RoutePattern, HasMarkersOnlyInFrontOfASegment) {
  expect_refused("/user_:name", PatternErrc::misplaced_marker, "\"user_:name\"");
  expect_refused("/a/b*", PatternErrc::misplaced_marker, "\"b*\"");
}

TEST(RoutePattern, DescribesAPathOnly) {
  expect_refused("/a?b=:c", PatternErrc::query_or_fragment, "'?'");
  expect_refused("/a#b", PatternErrc::query_or_fragment, "'#'");
}

TEST(RoutePattern, RefusesWhatNoNormalisedPathCanBe) {
  expect_refused("/a/../b", PatternErrc::not_normal, "write \"/b\"");
  expect_refused("/a/./:b", PatternErrc::not_normal, "write \"/a/:b\"");
  expect_refused("/a%20b", PatternErrc::not_normal, "write \"/a b\"");
  expect_refused("/a%2fb", PatternErrc::not_normal, "write \"/a%2Fb\"");
  expect_refused("/100%", PatternErrc::not_normal, "malformed percent escape");
  expect_refused("/..", PatternErrc::not_normal, "above the root");
  expect_refused("/\xFF", PatternErrc::not_normal, "not UTF-8");
}

std::string repeated(std::string_view prefix, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += std::string(prefix) + std::to_string(i);
  return text;
}

TEST(RoutePattern, BoundsItsParams) {
  EXPECT_TRUE(RoutePattern::parse(repeated("/:p", kParamsMax)));
  EXPECT_TRUE(RoutePattern::parse(repeated("/:p", kParamsMax - 1) + "/*rest"));
  expect_refused(repeated("/:p", kParamsMax + 1), PatternErrc::too_many_params, "more than 16 params");
  expect_refused(repeated("/:p", kParamsMax) + "/*rest", PatternErrc::too_many_params, "more than 16 params");
}

TEST(RoutePattern, BoundsItsSegments) {
  EXPECT_TRUE(RoutePattern::parse(repeated("/s", kSegmentsMax)));
  expect_refused(repeated("/s", kSegmentsMax + 1), PatternErrc::too_many_segments, "more than 64 segments");
  expect_refused(repeated("/s", kSegmentsMax) + "/", PatternErrc::too_many_segments, "more than 64 segments");
}

}  // namespace
}  // namespace fluxor::web
