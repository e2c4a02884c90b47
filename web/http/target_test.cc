#include "web/http/target.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <iostream>
#include <iterator>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

namespace fluxor::web {
namespace {

// The path of an origin-form target, or why it was refused.
std::variant<std::string, TargetErrc> path_of(std::string_view raw) {
  std::string buffer;
  const auto target = parse_target(raw, Method::get, buffer);
  if (!target) return target.error();
  return std::string(target->path);
}

std::variant<std::string, TargetErrc> is(std::string_view path) { return std::string(path); }
std::variant<std::string, TargetErrc> fails(TargetErrc reason) { return reason; }

TEST(Target, TakesAnOriginFormApart) {
  std::string buffer;
  const auto target = parse_target("/api/status?verbose=1&a=%zz?", Method::get, buffer);
  ASSERT_TRUE(target);
  EXPECT_EQ(target->form, TargetForm::origin);
  EXPECT_EQ(target->authority, "");
  EXPECT_EQ(target->path, "/api/status");
  EXPECT_EQ(target->query, "verbose=1&a=%zz?");
}

TEST(Target, ViewsAnOrdinaryPathInPlaceWithoutTouchingTheBuffer) {
  for (const std::string_view raw : {"/", "/api/status", "/.well-known/x", "/a..b/...", "/a//b?q=%2e/..", "//"}) {
    std::string buffer = "kept";
    const auto target = parse_target(raw, Method::get, buffer);
    ASSERT_TRUE(target);
    EXPECT_EQ(target->path.data(), raw.data());
    EXPECT_EQ(target->path, raw.substr(0, raw.find('?')));
    EXPECT_EQ(buffer, "kept");
  }
}

TEST(Target, KeepsTheCapacityOfTheBuffer) {
  std::string buffer;
  ASSERT_TRUE(parse_target("/" + std::string(200, 'a') + "%41", Method::get, buffer));
  const auto capacity = buffer.capacity();
  const auto* const data = buffer.data();
  for (const std::string_view raw : {"/%41", "/a/../b", "/%2F%25", "/%zz"}) {
    (void)parse_target(raw, Method::get, buffer);
    EXPECT_EQ(buffer.capacity(), capacity);
    EXPECT_EQ(buffer.data(), data);
  }
}

TEST(Target, RefusesEveryByteThatNoPathOrQueryHas) {
  std::string legal =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
      "-._~!$&'()*+,;=:@/?%";
  for (int byte = 0; byte < 256; ++byte) {
    const auto c = static_cast<char>(byte);
    const bool is_legal = legal.find(c) != std::string::npos;
    const std::string in_path = std::string("/a") + c + "41";
    const std::string in_query = "/a?" + std::string(1, c);
    const bool in_brackets = c == '[' || c == ']';
    if (is_legal) {
      EXPECT_TRUE(std::holds_alternative<std::string>(path_of(in_path))) << byte;
    } else {
      EXPECT_EQ(path_of(in_path), fails(TargetErrc::illegal_character)) << byte;
    }
    if (is_legal || in_brackets) {
      EXPECT_EQ(path_of(in_query), is("/a")) << byte;
    } else {
      EXPECT_EQ(path_of(in_query), fails(TargetErrc::illegal_character)) << byte;
    }
  }
}

TEST(Target, DecodesEachEscapeExactlyOnce) {
  EXPECT_EQ(path_of("/a%20b"), is("/a b"));
  EXPECT_EQ(path_of("/%41%6a%6A"), is("/Ajj"));
  EXPECT_EQ(path_of("/caf%C3%A9"), is("/caf\xC3\xA9"));
  EXPECT_EQ(path_of("/%2541"), is("/%2541"));
  EXPECT_EQ(path_of("/%252e%252e/x"), is("/%252e%252e/x"));
  EXPECT_EQ(path_of("/a%3Fb%23c"), is("/a?b#c"));
}

TEST(Target, KeepsAnEncodedSlashAsData) {
  EXPECT_EQ(path_of("/a%2fb/c%2Fd"), is("/a%2Fb/c%2Fd"));
  EXPECT_EQ(path_of("/..%2F..%2Fetc"), is("/..%2F..%2Fetc"));
  EXPECT_EQ(path_of("/%2e%2e%2fetc/.."), is("/"));
  EXPECT_EQ(path_of("/a%252Fb"), is("/a%252Fb"));
}

TEST(Target, RefusesABrokenEscape) {
  for (const auto* raw : {"/%", "/%4", "/a%/b", "/%4g", "/%g4", "/%%41", "/%4/1", "/% 1", "/%+1", "/%4?1"}) {
    const auto path = path_of(raw);
    EXPECT_TRUE(path == fails(TargetErrc::bad_escape) || path == fails(TargetErrc::illegal_character)) << raw;
  }
  EXPECT_EQ(path_of("/%"), fails(TargetErrc::bad_escape));
  EXPECT_EQ(path_of("/%4/1"), fails(TargetErrc::bad_escape));
}

TEST(Target, RefusesAnEncodedNul) {
  EXPECT_EQ(path_of("/%00"), fails(TargetErrc::nul));
  EXPECT_EQ(path_of("/a/%00/../b%00"), fails(TargetErrc::nul));
}

TEST(Target, RefusesWhatIsNotUtf8AfterDecoding) {
  for (const auto* raw : {
           "/%80",                                    // a continuation alone
           "/%C3",                                    // cut short
           "/%C3/%A9",                                // cut by a segment
           "/%C3%2F",                                 // cut by data
           "/%C0%AF",       "/%C1%BF",                // overlong: '/' in two bytes
           "/%E0%80%AF",    "/%E0%9F%BF",             // overlong: in three
           "/%F0%80%80%AF",                           // overlong: in four
           "/%F0%8F%BF%BF",                           // overlong: the last of them
           "/%ED%A0%80",    "/%ED%BF%BF",             // surrogates
           "/%F4%90%80%80", "/%F5%80%80%80", "/%FF",  // above U+10FFFF
           "/%E2%82",       "/%E2%82x",      "/%F0%9F%98", "/%F0%9F%98x",
       }) {
    EXPECT_EQ(path_of(raw), fails(TargetErrc::bad_utf8)) << raw;
  }
}

TEST(Target, TakesTheFirstAndLastCharacterOfEveryUtf8Length) {
  for (const auto* raw : {"/%01", "/%7F", "/%C2%80", "/%DF%BF", "/%E0%A0%80", "/%ED%9F%BF", "/%EE%80%80", "/%EF%BF%BF",
                          "/%F0%90%80%80", "/%F4%8F%BF%BF"}) {
    EXPECT_TRUE(std::holds_alternative<std::string>(path_of(raw))) << raw;
  }
}

TEST(Target, RemovesDotSegmentsWhicheverWayTheyAreWritten) {
  EXPECT_EQ(path_of("/."), is("/"));
  EXPECT_EQ(path_of("/./"), is("/"));
  EXPECT_EQ(path_of("/a/."), is("/a/"));
  EXPECT_EQ(path_of("/a/./b"), is("/a/b"));
  EXPECT_EQ(path_of("/a/.."), is("/"));
  EXPECT_EQ(path_of("/a/../"), is("/"));
  EXPECT_EQ(path_of("/a/b/.."), is("/a/"));
  EXPECT_EQ(path_of("/a/b/../../c"), is("/c"));
  EXPECT_EQ(path_of("/a/b/c/./../../g"), is("/a/g"));
  EXPECT_EQ(path_of("/a/%2e%2E/b/.%2e/%2e"), is("/"));
  EXPECT_EQ(path_of("/a/%2e/b"), is("/a/b"));
  EXPECT_EQ(path_of("/a/.?x=.."), is("/a/"));
}

TEST(Target, KeepsSegmentsThatOnlyLookLikeDots) {
  for (const auto* raw : {"/...", "/.a", "/..a", "/a.", "/a..", "/a/.../b", "/.a./"}) EXPECT_EQ(path_of(raw), is(raw));
}

TEST(Target, RefusesToLeaveTheRoot) {
  for (const auto* raw : {"/..", "/../", "/../a", "/a/../..", "/%2e%2e", "/./..", "/a/b/../../../c", "/a/../../a"}) {
    EXPECT_EQ(path_of(raw), fails(TargetErrc::above_root)) << raw;
  }
}

TEST(Target, KeepsEmptySegmentsAndCountsThemAsSegments) {
  EXPECT_EQ(path_of("//a///b/"), is("//a///b/"));
  EXPECT_EQ(path_of("/a//../b"), is("/a/b"));
  EXPECT_EQ(path_of("//.."), is("/"));
  EXPECT_EQ(path_of("//../.."), fails(TargetErrc::above_root));
}

TEST(Target, NeverReadsAnAuthorityOutOfAnOriginForm) {
  std::string buffer;
  const auto target = parse_target("//evil.example/x", Method::get, buffer);
  ASSERT_TRUE(target);
  EXPECT_EQ(target->form, TargetForm::origin);
  EXPECT_EQ(target->authority, "");
  EXPECT_EQ(target->path, "//evil.example/x");
}

TEST(Target, TakesAnAbsoluteFormApart) {
  std::string buffer;
  const auto target = parse_target("HTTPS://example.com:8443/a/../b?c", Method::post, buffer);
  ASSERT_TRUE(target);
  EXPECT_EQ(target->form, TargetForm::absolute);
  EXPECT_EQ(target->authority, "example.com:8443");
  EXPECT_EQ(target->path, "/b");
  EXPECT_EQ(target->query, "c");
}

TEST(Target, ReadsAnEmptyPathOfAnAbsoluteFormAsTheRoot) {
  std::string buffer;
  const auto bare = parse_target("http://h", Method::get, buffer);
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->form, TargetForm::absolute);
  EXPECT_EQ(bare->path, "/");
  const auto query = parse_target("http://h?a/../b", Method::options, buffer);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->form, TargetForm::absolute);
  EXPECT_EQ(query->authority, "h");
  EXPECT_EQ(query->path, "/");
  EXPECT_EQ(query->query, "a/../b");
}

TEST(Target, RefusesAnAbsoluteFormThatIsNotOfThisServersKind) {
  std::string buffer;
  for (const auto* raw : {"ftp://h/", "httpx://h/", "http:/h/", "http:h", "://h/", "mailto:a@b", "ht tp://h/"}) {
    EXPECT_EQ(parse_target(raw, Method::get, buffer).error(), TargetErrc::wrong_form) << raw;
  }
  for (const auto* raw :
       {"http://", "http:///a", "http://u@h/", "http://h:x/", "http://:80/", "http://h#f", "http://[::1/"}) {
    EXPECT_EQ(parse_target(raw, Method::get, buffer).error(), TargetErrc::bad_authority) << raw;
  }
  EXPECT_EQ(parse_target("http://h?#", Method::get, buffer).error(), TargetErrc::illegal_character);
  EXPECT_EQ(parse_target("http://h/#", Method::get, buffer).error(), TargetErrc::illegal_character);
}

TEST(Target, TakesAnAsteriskWithOptionsOnly) {
  std::string buffer;
  const auto target = parse_target("*", Method::options, buffer);
  ASSERT_TRUE(target);
  EXPECT_EQ(target->form, TargetForm::asterisk);
  EXPECT_EQ(target->path, "*");
  for (std::size_t i = 0; i < kMethodCount; ++i) {
    if (const auto method = static_cast<Method>(i); method != Method::options) {
      EXPECT_FALSE(parse_target("*", method, buffer)) << method_name(method);
    }
  }
  EXPECT_EQ(parse_target("*?a", Method::options, buffer).error(), TargetErrc::wrong_form);
}

TEST(Target, ReadsOptionsOfABareAuthorityAsTheAsterisk) {
  std::string buffer;
  const auto target = parse_target("http://example.com:8001", Method::options, buffer);
  ASSERT_TRUE(target);
  EXPECT_EQ(target->form, TargetForm::asterisk);
  EXPECT_EQ(target->authority, "example.com:8001");
  EXPECT_EQ(target->path, "*");
}

TEST(Target, TakesAnAuthorityWithConnectOnly) {
  std::string buffer;
  const auto target = parse_target("[::1]:443", Method::connect, buffer);
  ASSERT_TRUE(target);
  EXPECT_EQ(target->form, TargetForm::authority);
  EXPECT_EQ(target->authority, "[::1]:443");
  EXPECT_EQ(target->path, "");
  for (const auto* raw : {"h:443", "h", "h:443/"}) {
    EXPECT_EQ(parse_target(raw, Method::get, buffer).error(), TargetErrc::wrong_form) << raw;
  }
}

TEST(Target, TakesNothingButHostAndPortWithConnect) {
  std::string buffer;
  for (const auto* raw : {"/", "/a", "http://h:80/", "h:80?q"}) {
    EXPECT_EQ(parse_target(raw, Method::connect, buffer).error(), TargetErrc::wrong_form) << raw;
  }
  for (const auto* raw : {"", "*", "h", "h:", "h:0", ":80", "u@h:80", "h:80 "}) {
    EXPECT_EQ(parse_target(raw, Method::connect, buffer).error(), TargetErrc::bad_authority) << raw;
  }
}

TEST(Target, RefusesAnEmptyOrRelativeTarget) {
  std::string buffer;
  for (const auto* raw : {"", "a", "a/b", "?q", ".", "..", "%2Fa", "**"}) {
    EXPECT_EQ(parse_target(raw, Method::get, buffer).error(), TargetErrc::wrong_form) << raw;
    EXPECT_FALSE(parse_target(raw, Method::options, buffer)) << raw;
  }
}

TEST(Target, HasAFixedTextForEachRefusal) {
  std::vector<std::string_view> texts;
  for (const auto reason : {TargetErrc::illegal_character, TargetErrc::wrong_form, TargetErrc::bad_authority,
                            TargetErrc::bad_escape, TargetErrc::nul, TargetErrc::bad_utf8, TargetErrc::above_root}) {
    texts.push_back(target_errc_text(reason));
  }
  std::ranges::sort(texts);
  EXPECT_EQ(std::ranges::adjacent_find(texts), texts.end());
}

TEST(NormalisePath, RefusesAPathWithoutASlashInFront) {
  std::string buffer;
  EXPECT_EQ(normalise_path("", buffer).error(), TargetErrc::wrong_form);
  EXPECT_EQ(normalise_path("a", buffer).error(), TargetErrc::wrong_form);
}

// Inputs in which every second token is one that some rule is about.
class RandomPaths {
 public:
  explicit RandomPaths(std::uint32_t seed) : random_(seed) { std::cout << "seed " << seed << '\n'; }

  std::string next() {
    static constexpr std::string_view kTokens[] = {
        "/",   "/",   "/",     "/",   ".", "..",  "/..", "/.",  "%2e",       "%2E",      "%2F",
        "%2f", "%25", "%252e", "a",   "b", "%41", "%C3", "%A9", "%C3%A9",    "\xC3\xA9", "\xC3",
        "%",   "%2",  "%5C",   "%0a", "?", "#",   " ",   "\\",  "%ED%9F%BF", "%ED%BF%BF"};
    std::string path = one_in(20) ? "" : "/";
    for (auto count = random_() % 10; count > 0; --count) path += kTokens[random_() % std::size(kTokens)];
    if (one_in(50)) path += "%00";
    if (one_in(50)) path += '\0';
    if (one_in(20)) path += static_cast<char>(random_());
    return path;
  }

 private:
  bool one_in(unsigned n) { return random_() % n == 0; }

  std::mt19937 random_;
};

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> segments(1);
  for (const char c : path.substr(1)) {
    if (c == '/') {
      segments.emplace_back();
    } else {
      segments.back() += c;
    }
  }
  return segments;
}

// The rules once more, written for shortness: split, decode, drop.  Says nothing of UTF-8 and NUL.
std::optional<std::string> naive_normal_form(std::string_view path) {
  std::vector<std::string> kept;
  bool ends_in_dots = false;
  for (const auto& segment : split(path)) {
    std::string decoded;
    for (std::size_t i = 0; i < segment.size(); ++i) {
      if (segment[i] != '%') {
        decoded += segment[i];
        continue;
      }
      const auto digits = segment.substr(i + 1, 2);
      if (digits.size() < 2 || !std::ranges::all_of(digits, [](unsigned char c) { return std::isxdigit(c) != 0; })) {
        return std::nullopt;
      }
      const auto c = static_cast<char>(std::stoi(digits, nullptr, 16));
      decoded += c == '/' ? "%2F" : c == '%' ? "%25" : std::string(1, c);
      i += 2;
    }
    ends_in_dots = decoded == "." || decoded == "..";
    if (decoded == "..") {
      if (kept.empty()) return std::nullopt;
      kept.pop_back();
    } else if (decoded != ".") {
      kept.push_back(decoded);
    }
  }
  std::string text;
  for (const auto& segment : kept) text += "/" + segment;
  return ends_in_dots ? text + "/" : text;
}

TEST(NormalisePath, AgreesWithANaiveOneOnRandomPaths) {
  RandomPaths paths(20240607);
  int accepted = 0;
  for (int i = 0; i < 200'000; ++i) {
    const auto path = paths.next();
    if (!path.starts_with('/')) continue;
    std::string buffer;
    const auto result = normalise_path(path, buffer);
    const auto naive = naive_normal_form(path);
    if (result) {
      ++accepted;
      ASSERT_EQ(*result, naive) << path;
    } else if (naive) {
      ASSERT_TRUE(result.error() == TargetErrc::nul || result.error() == TargetErrc::bad_utf8) << path;
    }
  }
  EXPECT_GT(accepted, 20'000);
}

TEST(NormalisePath, LeavesItsOwnResultAsItIsAndFreeOfDotSegmentsAndNul) {
  RandomPaths paths(7);
  for (int i = 0; i < 200'000; ++i) {
    const auto path = paths.next();
    std::string buffer;
    const auto once = normalise_path(path, buffer);
    if (!once) continue;
    std::string second;
    const auto twice = normalise_path(*once, second);
    ASSERT_TRUE(twice) << path;
    ASSERT_EQ(*twice, *once) << path;
    ASSERT_EQ(once->find('\0'), std::string_view::npos) << path;
    ASSERT_LE(once->size(), path.size()) << path;
    for (const auto& segment : split(*once)) ASSERT_TRUE(segment != "." && segment != "..") << path;
  }
}

TEST(Target, HasTheSamePathAsNormalisePathOnRandomTargets) {
  RandomPaths paths(11);
  int accepted = 0;
  for (int i = 0; i < 200'000; ++i) {
    const auto raw = paths.next();
    std::string buffer;
    const auto target = parse_target(raw, Method::get, buffer);
    if (!target) continue;
    ++accepted;
    std::string second;
    const auto path = normalise_path(std::string_view(raw).substr(0, raw.find('?')), second);
    ASSERT_TRUE(path) << raw;
    ASSERT_EQ(target->path, *path) << raw;
    ASSERT_TRUE(std::ranges::all_of(raw, [](char c) { return c > 0x20 && c < 0x7F && c != '#' && c != '\\'; })) << raw;
  }
  EXPECT_GT(accepted, 10'000);
}

TEST(DecodeSegment, GivesBackTheTextThatTheClientEncoded) {
  std::string buffer;
  EXPECT_EQ(decode_segment("a%2Fb%25c%252F", buffer), "a/b%c%2F");
  EXPECT_EQ(decode_segment("%25%2F", buffer), "%/");
}

TEST(DecodeSegment, ViewsAnOrdinarySegmentInPlace) {
  std::string buffer = "kept";
  const std::string_view segment = "ordinary";
  EXPECT_EQ(decode_segment(segment, buffer).data(), segment.data());
  EXPECT_EQ(buffer, "kept");
}

TEST(DecodeSegment, UndoesTheEncodingOfAnyText) {
  std::mt19937 random(3);
  for (int i = 0; i < 10'000; ++i) {
    std::string text;
    std::string raw = "/x";  // in front, so that no text is a dot segment
    for (auto count = random() % 6; count > 0; --count) {
      const char c = "/%2F5ae."[random() % 8];
      text += c;
      static constexpr std::string_view kHex = "0123456789abcdef";
      raw += std::string("%") + kHex[static_cast<std::size_t>(c) / 16] + kHex[static_cast<std::size_t>(c) % 16];
    }
    std::string path;
    std::string segment;
    const auto target = parse_target(raw, Method::get, path);
    ASSERT_TRUE(target);
    ASSERT_EQ(decode_segment(target->path.substr(1), segment), "x" + text) << raw;
  }
}

}  // namespace
}  // namespace fluxor::web
