#include "web/router/route_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/testing/allocations.h"
#include "web/router/route_pattern.h"

namespace fluxor::web {
namespace {

using Outcome = RouteMatch::Outcome;

RouteTree tree_of(const std::vector<Route>& routes) {
  auto tree = RouteTree::build(routes);
  if (!tree) {
    ADD_FAILURE() << tree.error().text;
    std::abort();
  }
  return std::move(*tree);
}

// GET routes, each with its position in the list as handler.
RouteTree tree_of_gets(const std::vector<std::string_view>& patterns) {
  std::vector<Route> routes;
  routes.reserve(patterns.size());
  for (const auto pattern : patterns) {
    routes.push_back({.method = Method::get, .pattern = pattern, .handler = static_cast<std::uint32_t>(routes.size())});
  }
  return tree_of(routes);
}

// A match in one line: "3 id=7 rest=a/b", "404", or "405 GET, HEAD, OPTIONS".
std::string outcome(const RouteTree& tree, Method method, std::string_view path) {
  const auto match = tree.match(method, path);
  if (match.outcome == Outcome::not_found) return "404";
  if (match.outcome == Outcome::method_not_allowed) return "405 " + allow_text(match.allowed);
  auto line = std::to_string(match.handler);
  for (std::size_t i = 0; i < match.params.size(); ++i) {
    line += " " + std::string(match.params[i].name) + "=" + std::string(match.params[i].value);
  }
  return line;
}

std::string get(const RouteTree& tree, std::string_view path) { return outcome(tree, Method::get, path); }

void expect_refused(const std::vector<Route>& routes, RouteErrc reason, std::string_view text) {
  const auto tree = RouteTree::build(routes);
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().reason, reason);
  EXPECT_EQ(tree.error().text, text);
}

TEST(RouteTree, FindsNothingWithoutRoutes) {
  const auto tree = tree_of({});
  for (const auto* path : {"", "/", "/a", "*"}) EXPECT_EQ(get(tree, path), "404");
}

TEST(RouteTree, FindsALiteralExactly) {
  const auto tree = tree_of_gets({"/", "/api", "/api/status", "/api/stats", "/apia", "/b/"});
  EXPECT_EQ(get(tree, "/"), "0");
  EXPECT_EQ(get(tree, "/api"), "1");
  EXPECT_EQ(get(tree, "/api/status"), "2");
  EXPECT_EQ(get(tree, "/api/stats"), "3");
  EXPECT_EQ(get(tree, "/apia"), "4");
  EXPECT_EQ(get(tree, "/b/"), "5");
  for (const auto* path : {"/ap", "/api/", "/api/stat", "/api/statuses", "/API", "/b", "//", "/api//status", "/b//"}) {
    EXPECT_EQ(get(tree, path), "404") << path;
  }
}

TEST(RouteTree, FindsNothingThatDoesNotBeginWithASlash) {
  const auto tree = tree_of_gets({"/", "/a", "/*rest"});
  for (const auto* path : {"", "*", "a", "xa"}) EXPECT_EQ(get(tree, path), "404") << path;
}

TEST(RouteTree, GivesAParamOneWholeSegment) {
  const auto tree = tree_of_gets({"/users/:id", "/users/:id/posts/:post"});
  EXPECT_EQ(get(tree, "/users/7"), "0 id=7");
  EXPECT_EQ(get(tree, "/users/7/posts/x%2Fy"), "1 id=7 post=x%2Fy");
  for (const auto* path : {"/users/", "/users", "/users/7/", "/users//posts/1", "/users/7/posts/"}) {
    EXPECT_EQ(get(tree, path), "404") << path;
  }
}

TEST(RouteTree, GivesRestEverythingBehindItsSlashEvenNothing) {
  const auto tree = tree_of_gets({"/files/*rest", "/u/:id/*rest"});
  EXPECT_EQ(get(tree, "/files/a/b//c/"), "0 rest=a/b//c/");
  EXPECT_EQ(get(tree, "/files/"), "0 rest=");
  EXPECT_EQ(get(tree, "/files//"), "0 rest=/");
  EXPECT_EQ(get(tree, "/files"), "404");
  EXPECT_EQ(get(tree, "/u/1/"), "1 id=1 rest=");
  EXPECT_EQ(get(tree, "/u/1/x"), "1 id=1 rest=x");
  EXPECT_EQ(get(tree, "/u/1"), "404");
  EXPECT_EQ(get(tree_of_gets({"/*all"}), "/"), "0 all=");
}

TEST(RouteTree, PrefersALiteralToAParamAndAParamToRest) {
  const auto tree = tree_of_gets({"/a/*rest", "/a/:x", "/a/b", "/a/"});
  EXPECT_EQ(get(tree, "/a/b"), "2");
  EXPECT_EQ(get(tree, "/a/bc"), "1 x=bc");
  EXPECT_EQ(get(tree, "/a/b/c"), "0 rest=b/c");
  EXPECT_EQ(get(tree, "/a/"), "3");
}

TEST(RouteTree, TakesTheNextWayWhereThePreferredOneLeadsNowhere) {
  const auto tree = tree_of_gets({"/a/:x/c", "/a/b/d", "/a/*rest", "/:y/b/e", "/*all"});
  EXPECT_EQ(get(tree, "/a/b/d"), "1");
  EXPECT_EQ(get(tree, "/a/b/c"), "0 x=b");
  EXPECT_EQ(get(tree, "/a/b/x"), "2 rest=b/x");
  EXPECT_EQ(get(tree, "/a/b/e"), "2 rest=b/e");  // the first segment decides first
  EXPECT_EQ(get(tree, "/z/b/e"), "3 y=z");
  EXPECT_EQ(get(tree, "/z/b/f"), "4 all=z/b/f");
}

TEST(RouteTree, ForgetsTheParamsOfAWayThatLedNowhere) {
  const auto tree = tree_of_gets({"/:a/:b/:c/x", "/:a/*rest", "/p/:q/r"});
  EXPECT_EQ(get(tree, "/1/2/3/y"), "1 a=1 rest=2/3/y");
  EXPECT_EQ(get(tree, "/p/2/s"), "1 a=p rest=2/s");
}

TEST(RouteTree, ComparesLiteralsInsideASegmentBeforeItGivesThemToAParam) {
  const auto tree = tree_of_gets({"/prefix", "/pre", "/:x", "/prefix/:x/y"});
  EXPECT_EQ(get(tree, "/prefix"), "0");
  EXPECT_EQ(get(tree, "/pre"), "1");
  EXPECT_EQ(get(tree, "/pref"), "2 x=pref");
  EXPECT_EQ(get(tree, "/prefixed"), "2 x=prefixed");
  EXPECT_EQ(get(tree, "/prefix/1/y"), "3 x=1");
}

TEST(RouteTree, ComparesBytesThatAreNotAscii) {
  const auto tree = tree_of_gets({"/caf\xC3\xA9", "/caf\xC3\xA8", "/a%2Fb"});
  EXPECT_EQ(get(tree, "/caf\xC3\xA9"), "0");
  EXPECT_EQ(get(tree, "/caf\xC3\xA8"), "1");
  EXPECT_EQ(get(tree, "/a%2Fb"), "2");
  EXPECT_EQ(get(tree, "/a/b"), "404");
}

TEST(RouteTree, LetsEachRouteNameItsParamsAsItLikes) {
  const auto tree = tree_of({{.method = Method::get, .pattern = "/users/:id", .handler = 0},
                             {.method = Method::put, .pattern = "/users/:name", .handler = 1},
                             {.method = Method::get, .pattern = "/users/:user/posts", .handler = 2}});
  EXPECT_EQ(outcome(tree, Method::get, "/users/7"), "0 id=7");
  EXPECT_EQ(outcome(tree, Method::put, "/users/7"), "1 name=7");
  EXPECT_EQ(outcome(tree, Method::get, "/users/7/posts"), "2 user=7");
}

TEST(RouteTree, AnswersHeadWhereGetIs) {
  const auto tree = tree_of({{.method = Method::get, .pattern = "/a", .handler = 0},
                             {.method = Method::post, .pattern = "/a", .handler = 1},
                             {.method = Method::head, .pattern = "/b", .handler = 2},
                             {.method = Method::get, .pattern = "/b", .handler = 3},
                             {.method = Method::post, .pattern = "/c", .handler = 4},
                             {.method = Method::head, .pattern = "/:x", .handler = 5}});
  EXPECT_EQ(outcome(tree, Method::head, "/a"), "0");
  EXPECT_EQ(outcome(tree, Method::head, "/b"), "2");
  EXPECT_EQ(outcome(tree, Method::get, "/b"), "3");
  EXPECT_EQ(outcome(tree, Method::head, "/c"), "5 x=c");
  EXPECT_EQ(outcome(tree, Method::get, "/z"), "405 HEAD, OPTIONS");  // a HEAD brings no GET
}

TEST(RouteTree, SaysWhichMethodsAPathTakes) {
  const auto tree = tree_of({{.method = Method::get, .pattern = "/a", .handler = 0},
                             {.method = Method::put, .pattern = "/a", .handler = 1},
                             {.method = Method::delete_, .pattern = "/:x", .handler = 2},
                             {.method = Method::patch, .pattern = "/*rest", .handler = 3},
                             {.method = Method::trace, .pattern = "/b", .handler = 4}});
  EXPECT_EQ(outcome(tree, Method::post, "/a"), "405 GET, HEAD, PUT, DELETE, PATCH, OPTIONS");
  EXPECT_EQ(outcome(tree, Method::post, "/c"), "405 DELETE, PATCH, OPTIONS");
  EXPECT_EQ(outcome(tree, Method::post, "/c/d"), "405 PATCH, OPTIONS");
  EXPECT_EQ(outcome(tree, Method::other, "/b"), "405 DELETE, PATCH, OPTIONS, TRACE");
}

TEST(RouteTree, LetsAMethodPassAMoreSpecificRouteThatDoesNotTakeIt) {
  const auto tree = tree_of({{.method = Method::get, .pattern = "/a/b", .handler = 0},
                             {.method = Method::post, .pattern = "/a/:x", .handler = 1},
                             {.method = Method::options, .pattern = "/*rest", .handler = 2}});
  EXPECT_EQ(outcome(tree, Method::post, "/a/b"), "1 x=b");
  EXPECT_EQ(outcome(tree, Method::options, "/a/b"), "2 rest=a/b");
}

TEST(RouteTree, LeavesOptionsWithoutARouteToItsCallerWithTheMethods) {
  const auto tree = tree_of_gets({"/a"});
  EXPECT_EQ(outcome(tree, Method::options, "/a"), "405 GET, HEAD, OPTIONS");
  EXPECT_EQ(outcome(tree, Method::options, "/b"), "404");
}

TEST(RouteTree, KnowsAllItsMethods) {
  EXPECT_EQ(allow_text(tree_of({}).methods()), "OPTIONS");
  EXPECT_EQ(allow_text(tree_of_gets({"/a"}).methods()), "GET, HEAD, OPTIONS");
}

TEST(RouteTree, RefusesTwoRoutesForTheSameRequests) {
  expect_refused(
      {{.method = Method::get, .pattern = "/a", .handler = 0}, {.method = Method::get, .pattern = "/a", .handler = 0}},
      RouteErrc::conflict, R"(GET "/a" and GET "/a" take the same requests)");
  expect_refused({{.method = Method::put, .pattern = "/users/:id/x", .handler = 0},
                  {.method = Method::get, .pattern = "/users/:id/x", .handler = 1},
                  {.method = Method::put, .pattern = "/users/:name/x", .handler = 2}},
                 RouteErrc::conflict, R"(PUT "/users/:id/x" and PUT "/users/:name/x" take the same requests)");
  expect_refused({{.method = Method::get, .pattern = "/f/*rest", .handler = 0},
                  {.method = Method::get, .pattern = "/f/*path", .handler = 1}},
                 RouteErrc::conflict, R"(GET "/f/*rest" and GET "/f/*path" take the same requests)");
}

TEST(RouteTree, RefusesAMalformedPatternWithItsReason) {
  expect_refused({{.method = Method::get, .pattern = "a", .handler = 0}}, RouteErrc::bad_pattern,
                 R"(route pattern "a" must begin with '/')");
}

TEST(RouteTree, RefusesMethodsThatNeverReachIt) {
  expect_refused({{.method = Method::connect, .pattern = "/a", .handler = 0}}, RouteErrc::unroutable_method,
                 R"(CONNECT "/a": this method is never routed)");
  expect_refused({{.method = Method::other, .pattern = "/a", .handler = 0}}, RouteErrc::unroutable_method,
                 R"(OTHER "/a": this method is never routed)");
}

TEST(RouteTree, KeepsNothingOfThePatternsItWasBuiltFrom) {
  std::string pattern = "/users/:identifier_longer_than_a_short_string/x";
  auto tree = tree_of({{.method = Method::get, .pattern = pattern, .handler = 0}});
  pattern.assign(pattern.size(), '#');
  const auto moved = std::move(tree);
  EXPECT_EQ(get(moved, "/users/7/x"), "0 identifier_longer_than_a_short_string=7");
}

TEST(RouteTree, ViewsTheValuesOfParamsInThePath) {
  const auto tree = tree_of_gets({"/:a/*rest"});
  const std::string path = "/x/y/z";
  const auto match = tree.match(Method::get, path);
  EXPECT_EQ(match.params[0].value.data(), path.data() + 1);
  EXPECT_EQ(match.params[1].value.data(), path.data() + 3);
  EXPECT_EQ(match.params.find("rest"), "y/z");
  EXPECT_EQ(match.params.find("b"), std::nullopt);
}

TEST(RouteTree, NeverAllocatesInALookup) {
  const auto tree = tree_of_gets({"/a/:x/c", "/a/b/d", "/a/*rest", "/:y/b/e/:z"});
  const auto seen = runtime::allocations_of([&tree] {
    for (const auto* path : {"/a/b/d", "/a/1/c", "/a/b/x", "/z/b/e/f", "/nothing/here"}) {
      (void)tree.match(Method::get, path);
      (void)tree.match(Method::post, path);
    }
  });
  EXPECT_EQ(seen.count, 0U);
}

TEST(RouteTree, TakesPatternsOfTheGreatestDepthAndFitsTheirForks) {
  // Every level has a literal, a param (for as many as there may be) and a rest, so that every level is a fork.
  std::vector<std::string> patterns;
  std::string prefix;
  for (std::size_t i = 0; i + 1 < kSegmentsMax; ++i) {
    patterns.push_back(prefix + "/*rest");
    patterns.push_back(prefix + "/:p/x");
    prefix += "/s";
  }
  patterns.push_back(prefix + "/*rest");
  patterns.push_back(prefix + "/end");
  const auto tree = tree_of_gets({patterns.begin(), patterns.end()});
  EXPECT_EQ(get(tree, prefix + "/end"), std::to_string(patterns.size() - 1));
  EXPECT_EQ(get(tree, prefix + "/other"), std::to_string(patterns.size() - 2) + " rest=other");
  EXPECT_EQ(outcome(tree, Method::post, prefix + "/end"), "405 GET, HEAD, OPTIONS");

  std::string params;
  std::string path;
  for (std::size_t i = 0; i < kParamsMax; ++i) {
    params += "/:p" + std::to_string(i);
    path += "/v";
  }
  EXPECT_EQ(tree_of_gets({params}).match(Method::get, path).params.size(), kParamsMax);
}

// The rules once more, written for shortness: try every route, keep the most preferred.
struct NaiveMatch {
  std::uint32_t handler = 0;
  std::vector<RoutePattern::Segment::Kind> ways;
  std::vector<std::pair<std::string, std::string>> params;
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

std::optional<NaiveMatch> naive_match(const RoutePattern& pattern, const std::string& path) {
  using Kind = RoutePattern::Segment::Kind;
  NaiveMatch match;
  const auto parts = split(path);
  std::size_t i = 0;
  for (const auto& segment : pattern.segments()) {
    if (i == parts.size()) return std::nullopt;
    match.ways.push_back(segment.kind);
    if (segment.kind == Kind::rest) {
      std::string rest = parts[i];
      while (++i < parts.size()) rest += "/" + parts[i];
      match.params.emplace_back(segment.text, rest);
      return match;
    }
    if (segment.kind == Kind::literal && parts[i] != segment.text) return std::nullopt;
    if (segment.kind == Kind::param) {
      if (parts[i].empty()) return std::nullopt;
      match.params.emplace_back(segment.text, parts[i]);
    }
    ++i;
  }
  if (i != parts.size()) return std::nullopt;
  return match;
}

struct NaiveRoute {
  Method method;
  std::uint32_t handler;
  std::string text;
  RoutePattern pattern;
};

std::optional<NaiveMatch> naive_match(const std::vector<NaiveRoute>& routes, Method method, const std::string& path) {
  std::optional<NaiveMatch> best;
  for (const bool exact : {true, false}) {  // a HEAD of its own first: on a tie the earlier one stays
    for (const auto& route : routes) {
      if (exact ? route.method != method : method != Method::head || route.method != Method::get) continue;
      auto match = naive_match(route.pattern, path);
      if (!match || (best && best->ways <= match->ways)) continue;
      match->handler = route.handler;
      best = std::move(match);
    }
  }
  return best;
}

TEST(RouteTree, AgreesWithANaiveMatcherOnRandomRoutesAndPaths) {
  static constexpr std::uint32_t kSeed = 20240608;
  std::cout << "seed " << kSeed << '\n';
  std::mt19937 random(kSeed);
  static constexpr const char* kLiterals[] = {"a", "b", "ab", "abc", "ac", "a%2Fb", "\xC3\xA9", "\xC3\xA8"};
  static constexpr Method kMethods[] = {Method::get, Method::get, Method::head, Method::post, Method::options};
  std::size_t found = 0;
  std::size_t not_found = 0;
  std::size_t not_allowed = 0;
  for (int round = 0; round < 1000; ++round) {
    std::vector<NaiveRoute> naive;
    std::set<std::pair<Method, std::string>> shapes;
    for (auto count = random() % 24; count > 0; --count) {
      std::string text;
      std::string shape;
      const auto depth = 1 + random() % 4;
      for (std::size_t i = 0; i < depth; ++i) {
        const bool is_last = i + 1 == depth;
        const auto kind = random() % 6;
        if (kind < 2) {
          text += "/:p" + std::to_string(i) + (random() % 2 == 0 ? "" : "x");
          shape += "/:";
        } else if (kind == 2 && is_last) {
          text += "/*rest";
          shape += "/*";
        } else if (kind == 3 && is_last) {
          text += "/";
          shape += "/";
        } else {
          const std::string literal = kLiterals[random() % std::size(kLiterals)];
          text += "/" + literal;
          shape += "/" + literal;
        }
      }
      const auto method = kMethods[random() % std::size(kMethods)];
      if (!shapes.emplace(method, shape).second) continue;
      naive.push_back({.method = method,
                       .handler = static_cast<std::uint32_t>(naive.size()),
                       .text = text,
                       .pattern = *RoutePattern::parse(text)});
    }
    std::vector<Route> routes;
    routes.reserve(naive.size());
    for (const auto& route : naive) {
      routes.push_back({.method = route.method, .pattern = route.text, .handler = route.handler});
    }
    const auto tree = tree_of(routes);
    // Half of the lookups see the routes in another order, which must not matter.
    std::ranges::shuffle(routes, random);
    const auto shuffled = tree_of(routes);

    for (int lookup = 0; lookup < 40; ++lookup) {
      std::string path;
      const auto depth = 1 + random() % 5;
      for (std::size_t i = 0; i < depth; ++i) {
        const auto kind = random() % 12;
        path += "/";
        if (kind == 0) path += "other";
        if (kind > 1) path += kLiterals[random() % std::size(kLiterals)];
      }
      const auto method = kMethods[random() % std::size(kMethods)];
      const auto match = (lookup % 2 == 0 ? tree : shuffled).match(method, path);
      const auto expected = naive_match(naive, method, path);
      ASSERT_EQ(match.outcome == Outcome::found, expected.has_value()) << method_name(method) << ' ' << path;
      if (expected) {
        ++found;
        ASSERT_EQ(match.handler, expected->handler) << method_name(method) << ' ' << path;
        ASSERT_EQ(match.params.size(), expected->params.size()) << path;
        for (std::size_t i = 0; i < match.params.size(); ++i) {
          ASSERT_EQ(match.params[i].name, expected->params[i].first) << path;
          ASSERT_EQ(match.params[i].value, expected->params[i].second) << path;
        }
        continue;
      }
      MethodSet allowed;
      for (std::size_t i = 0; i < kMethodCount; ++i) {
        if (naive_match(naive, static_cast<Method>(i), path)) allowed.insert(static_cast<Method>(i));
      }
      if (allowed.empty()) {
        ++not_found;
        ASSERT_EQ(match.outcome, Outcome::not_found) << path;
      } else {
        ++not_allowed;
        allowed.insert(Method::options);
        ASSERT_EQ(match.outcome, Outcome::method_not_allowed) << path;
        ASSERT_EQ(match.allowed, allowed) << path;
      }
    }
  }
  // The edges were common.
  EXPECT_GT(found, 6'000U);
  EXPECT_GT(not_found, 6'000U);
  EXPECT_GT(not_allowed, 3'000U);
}

}  // namespace
}  // namespace fluxor::web
