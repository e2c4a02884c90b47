#include <gtest/gtest.h>

#include <array>
#include <boost/system/system_error.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/task/scope.h"
#include "runtime/task/scope_fixture.h"
#include "runtime/testing/allocation_limit.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

class ScopeFailureTest : public ScopeFixture {
 protected:
  static Words texts_of(const ScopeReport& report) {
    Words texts;
    for (const TaskFailure& failure : report.failures) texts.push_back(text_of(failure.failure));
    return texts;
  }
};

TEST_F(ScopeFailureTest, CancelsTheOthersAndThrowsTheFirst) {
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.spawn(say_after, 1s, std::string("a"), words);
      scope.spawn(fail_after, 2ms, std::string("boom"));
      co_await say_after(1s, "body", words);
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(2ms - 1ns);
  EXPECT_FALSE(run.ready());
  loop.advance(1ns);
  EXPECT_EQ(end_of(run), "boom");
  EXPECT_EQ(words, (Words{"body cancelled", "a cancelled"}));
}

TEST_F(ScopeFailureTest, LeavesTheFurtherOnesToTheFailureHandler) {
  const auto body = []() -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.spawn(fail_when_cancelled, std::string("second"));
      scope.spawn(fail_after, 1ms, std::string("first"));
      co_return;
    });
  };
  auto run = loop.start(body());
  loop.advance(1ms);
  EXPECT_EQ(end_of(run), "first");
  EXPECT_EQ(loop.failures(), Words{"second"});
}

TEST_F(ScopeFailureTest, KeepsAllInTheReportWithTheirSpawnSites) {
  ScopeReport report;
  std::uint_least32_t line = 0;
  const auto body = [](ScopeReport* to, std::uint_least32_t* at) -> Task<> {
    co_await with_scope({.report = to}, [&](Scope& scope) -> Task<> {
      *at = __LINE__;
      scope.spawn(fail_when_cancelled, std::string("second"));
      scope.spawn(fail_after, 1ms, std::string("first"));
      co_return;
    });
  };
  auto run = loop.start(body(&report, &line));
  loop.advance(1ms);
  EXPECT_EQ(end_of(run), "first");
  EXPECT_TRUE(loop.failures().empty());
  ASSERT_EQ(texts_of(report), (Words{"first", "second"}));
  EXPECT_EQ(report.failures[0].site.line(), line + 2);
  EXPECT_EQ(report.failures[1].site.line(), line + 1);
  EXPECT_TRUE(std::string_view(report.failures[0].site.file_name()).ends_with("scope_failure_test.cc"));
  EXPECT_NE(std::string_view(report.failures[0].site.function_name()).find("operator()"), std::string_view::npos);
}

TEST_F(ScopeFailureTest, CancelsNobodyWhenItIsSupervised) {
  ScopeReport report;
  const auto body = [](ScopeReport* to, Words* words) -> Task<> {
    co_await with_scope({.mode = ScopeMode::supervised, .report = to}, [&](Scope& scope) -> Task<> {
      scope.spawn(fail_after, 1ms, std::string("one"));
      scope.spawn(fail_after, 2ms, std::string("two"));
      scope.spawn(say_after, 3ms, std::string("a"), words);
      co_await say_after(4ms, "body", words);
    });
  };
  auto run = loop.start(body(&report, &words));
  loop.advance(4ms);
  EXPECT_EQ(end_of(run), "value");
  EXPECT_EQ(words, (Words{"a", "body"}));
  EXPECT_EQ(texts_of(report), (Words{"one", "two"}));
  EXPECT_TRUE(loop.failures().empty());
}

TEST_F(ScopeFailureTest, IsToldToTheFailureHandlerWhenASupervisedScopeHasNoReport) {
  const auto body = []() -> Task<> {
    co_await with_scope({.mode = ScopeMode::supervised}, [&](Scope& scope) -> Task<> {
      scope.spawn(fail_after, 1ms, std::string("one"));
      scope.spawn(fail_after, 2ms, std::string("two"));
      co_return;
    });
  };
  auto run = loop.start(body());
  loop.advance(2ms);
  EXPECT_EQ(end_of(run), "value");
  EXPECT_EQ(loop.failures(), (Words{"one", "two"}));
}

TEST_F(ScopeFailureTest, OfTheBodyCancelsAllInEveryMode) {
  for (const ScopeMode mode : {ScopeMode::fail_fast, ScopeMode::supervised, ScopeMode::race}) {
    words.clear();
    const auto body = [](ScopeMode with, Words* told) -> Task<> {
      co_await with_scope({.mode = with}, [&](Scope& scope) -> Task<> {
        scope.spawn(say_after, 1s, std::string("a"), told);
        co_await sleep_for(1ms);
        throw std::runtime_error("boom");
      });
    };
    auto run = loop.start(body(mode, &words));
    loop.advance(1ms);
    EXPECT_EQ(end_of(run), "boom");
    EXPECT_EQ(words, Words{"a cancelled"});
  }
}

TEST_F(ScopeFailureTest, ThatTheBodyHearsOfIsToldOnce) {
  const auto body = []() -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      auto child = scope.spawn(fail_after, 1ms, std::string("boom"));
      co_await child;
    });
  };
  auto run = loop.start(body());
  loop.advance(1ms);
  EXPECT_EQ(end_of(run), "boom");
  EXPECT_TRUE(loop.failures().empty());
}

TEST_F(ScopeFailureTest, ComesBeforeTheCancellationAround) {
  const auto body = []() -> Task<> {
    co_await with_scope(within(1ms), [&](Scope&) -> Task<> {
      co_await with_scope([&](Scope& scope) -> Task<> {
        scope.spawn(fail_when_cancelled, std::string("clean-up failed"));
        co_return;
      });
    });
  };
  auto run = loop.start(body());
  loop.advance(1ms);
  EXPECT_EQ(end_of(run), "clean-up failed");
}

TEST_F(ScopeFailureTest, GoesToTheFailureHandlerWhenThereIsNoMemoryForTheReport) {
  ScopeReport report;
  std::optional<Child<>> child;
  const auto body = [](ScopeReport* to, std::optional<Child<>>* kept) -> Task<> {
    co_await with_scope({.mode = ScopeMode::supervised, .report = to}, [&](Scope& scope) -> Task<> {
      kept->emplace(scope.spawn(fail_when_cancelled, std::string("boom")));
      co_return;
    });
  };
  auto run = loop.start(body(&report, &child));
  child->cancel();
  {
    const AllocationLimit limit(sizeof(TaskFailure) - 1);
    loop.run_until_idle();
  }
  EXPECT_EQ(end_of(run), "value");
  EXPECT_TRUE(report.failures.empty());
  child.reset();
  EXPECT_EQ(loop.failures().size(), 1U);
}

TEST_F(ScopeFailureTest, IsThatOfMemoryWhenThereIsNoneForItsFrames) {
  const auto body = []() -> Task<> {
    struct Large {
      std::array<char, 8192> bytes{};  // more than is ever kept for another frame
    };
    const AllocationLimit limit(4096);
    co_await with_scope([large = Large()](Scope&) -> Task<> {
      const Large copy = large;
      co_await sleep_for(1ms);
      EXPECT_EQ(copy.bytes[0], large.bytes[0]);
    });
  };
  auto run = loop.start(body());
  EXPECT_EQ(end_of(run), "std::bad_alloc");
}

}  // namespace
}  // namespace fluxor::runtime
