#include "runtime/task/scope.h"

#include <gtest/gtest.h>

#include <boost/system/system_error.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/task/frame_pool.h"
#include "runtime/task/shield.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/task/task_local.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/test_loop.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

Task<> say_after(Duration delay, std::string word, Words* words) {
  try {
    co_await sleep_for(delay);
    words->push_back(word);
  } catch (const Cancelled&) {
    words->push_back(word + " cancelled");
    throw;
  }
}

Task<> fail_after(Duration delay, std::string text) {
  co_await sleep_for(delay);
  throw std::runtime_error(text);
}

Task<int> value_after(Duration delay, int value) {
  co_await sleep_for(delay);
  co_return value;
}

// What came out of an awaited task, in a word.
template <typename T>
std::string end_of(Started<T>& started) {
  if (!started.ready()) return "runs";
  try {
    static_cast<void>(started.get());
    return "value";
  } catch (const Cancelled& cancelled) {
    return cancelled.reason == CancelReason::deadline ? "Cancelled: deadline" : "Cancelled";
  } catch (const std::exception& error) {
    return error.what();
  }
}

class ScopeTest : public testing::Test {
 protected:
  ~ScopeTest() override { EXPECT_EQ(live_frames(), frames_before_); }

  const std::uint64_t frames_before_ = live_frames();
  ManualClock clock;
  TestLoop loop{clock};
  Words words;
};

TEST_F(ScopeTest, WaitsForAllItsTasksWhenTheBodyReturns) {
  const auto body = [](Words* words) -> Task<int> {
    co_return co_await with_scope([&](Scope& scope) -> Task<int> {
      for (const int ms : {3, 1, 2}) scope.spawn(say_after, std::chrono::milliseconds(ms), std::to_string(ms), words);
      co_return 7;
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(3ms - 1ns);
  EXPECT_FALSE(run.ready());
  loop.advance(1ns);
  EXPECT_EQ(run.get(), 7);
  EXPECT_EQ(words, (Words{"1", "2", "3"}));
}

TEST_F(ScopeTest, CancelsAndJoinsAllWhenTheBodyThrows) {
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.spawn(say_after, 1s, std::string("a"), words);
      co_await sleep_for(1ms);
      throw std::runtime_error("boom");
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(1ms);
  EXPECT_EQ(end_of(run), "boom");
  EXPECT_EQ(words, Words{"a cancelled"});
}

TEST_F(ScopeTest, CancelsTheSiblingsOfATaskThatFails) {
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.spawn(say_after, 1s, std::string("a"), words);
      scope.spawn(fail_after, 2ms, std::string("boom"));
      co_await say_after(1s, "body", words);
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(2ms);
  EXPECT_EQ(end_of(run), "boom");
  EXPECT_EQ(words, (Words{"body cancelled", "a cancelled"}));
}

TEST_F(ScopeTest, CancelsADeepTreeFromItsRoot) {
  struct Nest {
    static Task<> deep(int depth, Words* words) {
      if (depth == 0) {
        co_await say_after(1s, "leaf", words);
      } else {
        co_await with_scope([&](Scope& scope) -> Task<> {
          scope.spawn(&Nest::deep, depth - 1, words);
          co_return;
        });
      }
    }
  };
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope(within(5ms), [&](Scope&) -> Task<> { co_await Nest::deep(100'000, words); });
  };
  auto run = loop.start(body(&words));
  loop.advance(5ms);
  EXPECT_EQ(end_of(run), "deadline: the time of its scope was over [fluxor:8]");
  EXPECT_EQ(words, Words{"leaf cancelled"});
}

TEST_F(ScopeTest, ShieldsCleanUpForABoundedTime) {
  struct Work {
    static Task<> run(Words* words) {
      try {
        co_await sleep_for(1s);
      } catch (const Cancelled&) {
      }
      co_await shield(10ms, say_after, 3ms, std::string("clean"), words);
      co_await shield(10ms, say_after, 30ms, std::string("too long"), words);
    }
  };
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      auto child = scope.spawn(&Work::run, words);
      co_await sleep_for(1ms);
      child.cancel();
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(1ms + 3ms + 10ms - 1ns);
  EXPECT_EQ(words, Words{"clean"});
  loop.advance(1ns);
  EXPECT_EQ(words, (Words{"clean", "too long cancelled"}));
  EXPECT_EQ(end_of(run), "value");
}

TEST_F(ScopeTest, HandsAChildsValueOver) {
  const auto body = []() -> Task<int> {
    co_return co_await with_scope([&](Scope& scope) -> Task<int> {
      auto a = scope.spawn(value_after, 2ms, 40);
      auto b = scope.spawn(value_after, 1ms, 2);
      const int sum = co_await a + co_await b;
      co_return sum;
    });
  };
  auto run = loop.start(body());
  loop.advance(2ms);
  EXPECT_EQ(run.get(), 42);
}

}  // namespace
}  // namespace fluxor::runtime
