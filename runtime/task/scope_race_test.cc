#include <gtest/gtest.h>

#include <string>

#include "runtime/task/scope.h"
#include "runtime/task/scope_fixture.h"
#include "runtime/task/shield.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;
using ScopeRaceTest = ScopeFixture;

constexpr ScopeOptions kRace{.mode = ScopeMode::race};

Task<> clean_up_for(Duration duration, Words* words) {
  bool told = false;
  try {
    co_await sleep_for(1s);
  } catch (const Cancelled&) {
    told = true;
  }
  if (told) co_await shield(1s, say_after, duration, std::string("clean"), words);
  co_await sleep_for(1s);
}

TEST_F(ScopeRaceTest, IsWonByTheFirstThatSucceeds) {
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope(kRace, [&](Scope& scope) -> Task<> {
      scope.spawn(say_after, 3ms, std::string("slow"), words);
      scope.spawn(fail_after, 1ms, std::string("boom"));
      scope.spawn(say_after, 2ms, std::string("quick"), words);
      co_return;
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(2ms);
  EXPECT_EQ(end_of(run), "value");
  EXPECT_EQ(words, (Words{"quick", "slow cancelled"}));
  EXPECT_TRUE(loop.failures().empty());  // to have lost is nobody's concern
}

TEST_F(ScopeRaceTest, IsNotWonByItsBody) {
  const auto body = [](Words* words) -> Task<int> {
    co_return co_await with_scope(kRace, [&](Scope& scope) -> Task<int> {
      scope.spawn(say_after, 1ms, std::string("a"), words);
      co_return 7;
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(1ms);
  EXPECT_EQ(run.get(), 7);
  EXPECT_EQ(words, Words{"a"});
}

TEST_F(ScopeRaceTest, ThrowsTheFirstFailureWhenNobodyWins) {
  for (const bool with_report : {false, true}) {
    ScopeReport report;
    const std::size_t before = loop.failures().size();
    const auto body = [](ScopeReport* to) -> Task<> {
      co_await with_scope({.mode = ScopeMode::race, .report = to}, [&](Scope& scope) -> Task<> {
        for (const int ms : {1, 2, 3}) scope.spawn(fail_after, std::chrono::milliseconds(ms), std::to_string(ms));
        co_return;
      });
    };
    auto run = loop.start(body(with_report ? &report : nullptr));
    loop.advance(3ms);
    EXPECT_EQ(end_of(run), "1");
    EXPECT_EQ(report.failures.size(), with_report ? 3U : 0U);
    EXPECT_EQ(loop.failures().size() - before, with_report ? 0U : 2U);  // the others are kept all the same
  }
}

TEST_F(ScopeRaceTest, JoinsItsLosersAndIsNotCutByADeadlineMeanwhile) {
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope({.mode = ScopeMode::race, .within = 3ms}, [&](Scope& scope) -> Task<> {
      scope.spawn(value_after, 1ms, 1);
      scope.spawn(clean_up_for, 5ms, words);
      co_return;
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(6ms - 1ns);
  EXPECT_FALSE(run.ready());
  loop.advance(1ns);
  EXPECT_EQ(words, Words{"clean"});
  EXPECT_EQ(end_of(run), "value");
}

TEST_F(ScopeRaceTest, IsLostByABodyThatFailsThoughATaskSucceedsAfterThat) {
  const auto body = []() -> Task<> {
    co_await with_scope(kRace, [&](Scope& scope) -> Task<> {
      scope.spawn(succeed_when_cancelled);
      co_await sleep_for(1ms);
      throw std::runtime_error("boom");
    });
  };
  auto run = loop.start(body());
  loop.advance(1ms);
  EXPECT_EQ(end_of(run), "boom");
}

TEST_F(ScopeRaceTest, ThrowsWhatItsBodyThrowsAfterItWasWon) {
  const auto body = []() -> Task<> {
    co_await with_scope(kRace, [&](Scope& scope) -> Task<> {
      scope.spawn(fail_after, 1ms, std::string("lost"));
      scope.spawn(value_after, 2ms, 1);
      co_await fail_when_cancelled("boom");
    });
  };
  auto run = loop.start(body());
  loop.advance(2ms);
  EXPECT_EQ(end_of(run), "boom");
  EXPECT_TRUE(loop.failures().empty());
}

}  // namespace
}  // namespace fluxor::runtime
