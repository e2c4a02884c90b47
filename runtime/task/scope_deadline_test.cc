#include <gtest/gtest.h>

#include <boost/system/system_error.hpp>
#include <string>
#include <vector>

#include "runtime/task/scope.h"
#include "runtime/task/scope_fixture.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;
using ScopeDeadlineTest = ScopeFixture;

Task<> cancel_after(Duration delay, Scope* scope) {
  co_await sleep_for(delay);
  scope->cancel();
}

Task<> note_deadline(std::vector<Instant>* deadlines) {
  deadlines->push_back(TaskState::current()->deadline());
  co_return;
}

TEST_F(ScopeDeadlineTest, IsExact) {
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope(within(5ms), [&](Scope& scope) -> Task<> {
      scope.spawn(say_after, 5ms - 1ns, std::string("before"), words);
      scope.spawn(say_after, 5ms + 1ns, std::string("after"), words);
      co_return;
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(5ms - 1ns);
  EXPECT_FALSE(run.ready());
  EXPECT_EQ(words, Words{"before"});
  loop.advance(1ns);
  EXPECT_EQ(words, (Words{"before", "after late"}));
  EXPECT_EQ(end_of(run), kDeadlineText);
}

TEST_F(ScopeDeadlineTest, IsNoFailureWhenNothingWasCutShort) {
  const auto body = [](Words* words) -> Task<int> {
    co_return co_await with_scope(within(5ms), [&](Scope& scope) -> Task<int> {
      scope.spawn(succeed_when_cancelled);
      scope.spawn(say_after, 1ms, std::string("a"), words);
      co_return 7;
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(5ms);
  EXPECT_EQ(run.get(), 7);
}

TEST_F(ScopeDeadlineTest, NestsByMinimum) {
  std::vector<Instant> deadlines;
  const Instant start = clock.now();
  const auto body = [](std::vector<Instant>* all) -> Task<> {
    co_await with_scope(within(5ms), [&](Scope& outer) -> Task<> {
      outer.spawn(note_deadline, all);
      co_await with_scope(within(3ms), [&](Scope& inner) -> Task<> {
        inner.spawn(note_deadline, all);
        co_return;
      });
      co_await with_scope(within(8ms), [&](Scope& inner) -> Task<> {
        inner.spawn(note_deadline, all);
        co_return;
      });
      co_await with_scope({.deadline = outer.deadline() - 1ms, .within = 8ms}, [&](Scope& inner) -> Task<> {
        inner.spawn(note_deadline, all);
        co_return;
      });
    });
  };
  auto run = loop.start(body(&deadlines));
  EXPECT_EQ(end_of(run), "value");
  EXPECT_EQ(deadlines, (std::vector{start + 5ms, start + 3ms, start + 5ms, start + 4ms}));
}

TEST_F(ScopeDeadlineTest, OfTheScopeAroundCancelsTheOneInside) {
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope(within(3ms), [&](Scope&) -> Task<> {
      try {
        co_await with_scope(within(8ms), [&](Scope&) -> Task<> { co_await say_after(1s, "inner", words); });
      } catch (const Cancelled& cancelled) {
        words->push_back(cancelled.reason == CancelReason::deadline ? "outer's" : "cancelled");
        throw;
      }
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(3ms);
  EXPECT_EQ(end_of(run), kDeadlineText);
  EXPECT_EQ(words, (Words{"inner late", "outer's"}));
}

TEST_F(ScopeDeadlineTest, OfTheInnerScopeIsAnErrorForTheOuterOne) {
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope(within(8ms), [&](Scope&) -> Task<> {
      try {
        co_await with_scope(within(3ms), [&](Scope&) -> Task<> { co_await sleep_for(1s); });
      } catch (const boost::system::system_error& error) {
        words->push_back(error.code() == Errc::deadline ? "deadline" : "?");
      }
      co_await say_after(1ms, "goes on", words);
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(4ms);
  EXPECT_EQ(end_of(run), "value");
  EXPECT_EQ(words, (Words{"deadline", "goes on"}));
}

TEST_F(ScopeDeadlineTest, ComesAfterACancellationAtTheSameMoment) {
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope(within(5ms), [&](Scope& scope) -> Task<> {
      scope.spawn(say_after, 1s, std::string("a"), words);
      scope.spawn(cancel_after, 5ms, &scope);  // its timer is armed after that of the scope
      co_return;
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(5ms);
  EXPECT_EQ(end_of(run), "value");
  EXPECT_EQ(words, Words{"a cancelled"});
}

TEST_F(ScopeDeadlineTest, ThatHasPassedCancelsBeforeAnythingBegins) {
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope(within(0ms), [&](Scope& scope) -> Task<> {
      words->push_back(scope.cancelled() ? "cancelled" : "goes on");
      co_await sleep_for(0ms);
    });
  };
  auto run = loop.start(body(&words));
  EXPECT_EQ(end_of(run), kDeadlineText);
  EXPECT_EQ(words, Words{"cancelled"});
}

TEST_F(ScopeDeadlineTest, LeavesNoTimerBehind) {
  const auto body = []() -> Task<> { co_await with_scope(within(1h), [&](Scope&) -> Task<> { co_return; }); };
  auto run = loop.start(body());
  EXPECT_TRUE(run.ready());
  EXPECT_EQ(loop.loop().next_expiry(), kNever);
}

}  // namespace
}  // namespace fluxor::runtime
