#include "runtime/task/shield.h"

#include <gtest/gtest.h>

#include <string>

#include "runtime/task/scope.h"
#include "runtime/task/scope_fixture.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;
using ShieldTest = ScopeFixture;

// Cancelled after a millisecond.
template <typename F>
Task<> cancelled_after_1ms(F function, Words* words) {
  co_await with_scope([&](Scope& scope) -> Task<> {
    auto child = scope.spawn(function, words);
    co_await sleep_for(1ms);
    child.cancel();
  });
}

TEST_F(ShieldTest, GivesCleanUpABoundedTime) {
  struct Work {
    static Task<> run(Words* words) {
      try {
        co_await sleep_for(1s);
      } catch (const Cancelled&) {
      }
      co_await shield(10ms, say_after, 3ms, std::string("clean"), words);
      co_await shield(10ms, say_after, 30ms, std::string("too long"), words);
      words->push_back("not reached");
    }
  };
  auto run = loop.start(cancelled_after_1ms(&Work::run, &words));
  loop.advance(1ms + 3ms + 10ms - 1ns);
  EXPECT_EQ(words, Words{"clean"});
  loop.advance(1ns);
  EXPECT_EQ(words, (Words{"clean", "too long cancelled"}));
  EXPECT_EQ(end_of(run), "value");
}

TEST_F(ShieldTest, CountsTheTimeFromTheCancellationOn) {
  struct Work {
    static Task<> run(Words* words) { co_await shield(10ms, say_after, 1s, std::string("work"), words); }
  };
  auto run = loop.start(cancelled_after_1ms(&Work::run, &words));
  loop.advance(11ms - 1ns);
  EXPECT_TRUE(words.empty());
  loop.advance(1ns);
  EXPECT_EQ(words, Words{"work cancelled"});
}

TEST_F(ShieldTest, CountsFromTheFirstCancellationOfSeveral) {
  struct Work {
    static Task<> run(Words* words) { co_await shield(10ms, say_after, 1s, std::string("work"), words); }
  };
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope(within(5ms), [&](Scope& scope) -> Task<> {
      auto child = scope.spawn(&Work::run, words);
      co_await sleep_for(1ms);
      child.cancel();
      co_await sleep_for(1s);
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(11ms - 1ns);
  EXPECT_TRUE(words.empty());
  loop.advance(1ns);
  EXPECT_EQ(words, Words{"work cancelled"});
}

TEST_F(ShieldTest, LeavesWorkAloneThatIsNotCancelled) {
  const auto body = []() -> Task<int> { co_return co_await shield(1ms, value_after, 50ms, 7); };
  auto run = loop.start(body());
  loop.advance(50ms);
  EXPECT_EQ(run.get(), 7);
}

TEST_F(ShieldTest, ReturnsTheValueThoughTheTaskWasCancelledMeanwhile) {
  struct Work {
    static Task<> run(Words* words) {
      const int value = co_await shield(10ms, value_after, 5ms, 7);
      words->push_back(std::to_string(value));
      co_await sleep_for(1s);
      words->push_back("not reached");
    }
  };
  auto run = loop.start(cancelled_after_1ms(&Work::run, &words));
  loop.advance(5ms);
  EXPECT_EQ(words, Words{"7"});
  EXPECT_EQ(end_of(run), "value");
}

TEST_F(ShieldTest, KnowsNothingOfTheDeadlineAround) {
  struct Note {
    static Task<> run(Instant* to) {
      *to = TaskState::current()->deadline();
      co_return;
    }
  };
  Instant noted{};
  const auto body = [](Instant* to) -> Task<> {
    co_await with_scope(within(5ms), [&](Scope&) -> Task<> { co_await shield(1ms, &Note::run, to); });
  };
  auto run = loop.start(body(&noted));
  EXPECT_EQ(noted, kNever);
}

TEST_F(ShieldTest, ThrowsWhatIsThrownInside) {
  struct Work {
    static Task<> run(Words* words) {
      try {
        co_await shield(10ms, fail_after, 5ms, std::string("boom"));
      } catch (const std::runtime_error& error) {
        words->push_back(error.what());
      }
    }
  };
  auto run = loop.start(cancelled_after_1ms(&Work::run, &words));
  loop.advance(5ms);
  EXPECT_EQ(words, Words{"boom"});
}

}  // namespace
}  // namespace fluxor::runtime
