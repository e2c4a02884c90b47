#include "runtime/task/when_all.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/task/frame_pool.h"
#include "runtime/task/scope.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/testing/explore.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/sim_group.h"
#include "runtime/testing/test_loop.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

Task<int> value_after(Duration delay, int value) {
  co_await sleep_for(delay);
  co_return value;
}

Task<> say_after(Duration delay, std::string word, Words& words) {
  try {
    co_await sleep_for(delay);
    words.push_back(word);
  } catch (const Cancelled&) {
    words.push_back(word + " cancelled");
    throw;
  }
}

Task<std::unique_ptr<int>> fail_after(Duration delay, std::string text) {
  co_await sleep_for(delay);
  throw std::runtime_error(text);
}

Task<> fail_when_cancelled(std::string text) {
  try {
    co_await sleep_for(1s);
  } catch (const Cancelled&) {
    throw std::runtime_error(text);
  }
}

template <typename T>
std::string end_of(Started<T>& started) {
  if (!started.ready()) return "runs";
  try {
    static_cast<void>(started.get());
    return "value";
  } catch (const Cancelled&) {
    return "Cancelled";
  } catch (const std::exception& error) {
    return error.what();
  }
}

class WhenAllTest : public testing::Test {
 protected:
  ~WhenAllTest() override { EXPECT_EQ(live_frames(), frames_before_); }
  const std::uint64_t frames_before_ = live_frames();
  ManualClock clock;
  TestLoop loop{clock};
  Words words;
};

TEST_F(WhenAllTest, GivesTheValuesInTheOrderOfTheTasksWhenAllHaveEnded) {
  const auto body = [](Words& log) -> Task<std::string> {
    auto [number, nothing, text] =
        co_await when_all(value_after(3ms, 7), say_after(1ms, "said", log),
                          [](int n) -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(n); }(8));
    static_assert(std::is_same_v<decltype(nothing), std::monostate>);
    co_return std::to_string(number) + std::to_string(*text);
  };
  auto run = loop.start(body(words));
  loop.advance(3ms - 1ns);
  EXPECT_EQ(words, Words{"said"});
  EXPECT_FALSE(run.ready());
  loop.advance(1ns);
  EXPECT_EQ(run.get(), "78");
}

TEST_F(WhenAllTest, TakesAVectorOfTasks) {
  const auto body = [](Words& log) -> Task<std::vector<int>> {
    std::vector<Task<>> silent;
    for (const char* word : {"a", "b"}) silent.push_back(say_after(1ms, word, log));
    co_await when_all(std::move(silent));
    std::vector<Task<int>> tasks;
    for (const int value : {3, 1, 2}) tasks.push_back(value_after(std::chrono::milliseconds(value), value));
    co_return co_await when_all(std::move(tasks));
  };
  auto run = loop.start(body(words));
  loop.advance(4ms);
  EXPECT_EQ(words, (Words{"a", "b"}));
  EXPECT_EQ(run.get(), (std::vector{3, 1, 2}));
}

TEST_F(WhenAllTest, HasNothingToWaitForInAnEmptyVector) {
  const auto body = []() -> Task<std::vector<int>> { co_return co_await when_all(std::vector<Task<int>>{}); };
  auto run = loop.start(body());
  EXPECT_TRUE(run.get().empty());
}

TEST_F(WhenAllTest, CancelsAndJoinsTheOthersWhenOneFails) {
  const auto body = [](Words& log) -> Task<> {
    co_await when_all(say_after(1s, "a", log), fail_after(2ms, "boom"), say_after(1s, "c", log));
  };
  auto run = loop.start(body(words));
  loop.advance(2ms);
  EXPECT_EQ(end_of(run), "boom");
  EXPECT_EQ(words, (Words{"a cancelled", "c cancelled"}));
  EXPECT_TRUE(loop.failures().empty());
}

TEST_F(WhenAllTest, ThrowsTheFirstFailureAndReportsOthers) {
  const auto body = []() -> Task<> {
    std::vector<Task<>> tasks;
    tasks.push_back(fail_when_cancelled("late"));
    tasks.push_back([]() -> Task<> { co_await fail_after(2ms, "first"); }());
    co_await when_all(std::move(tasks));
  };
  auto run = loop.start(body());
  loop.advance(2ms);
  EXPECT_EQ(end_of(run), "first");
  EXPECT_EQ(loop.failures(), Words{"late"});
}

TEST_F(WhenAllTest, CancelsAllWhenTheTaskAroundIsToldToStop) {
  const auto body = [](Words& log) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      auto child = scope.spawn(
          [](Words& to) -> Task<> {
            try {
              co_await when_all(say_after(1s, "a", to), say_after(1s, "b", to));
            } catch (const Cancelled&) {
              to.emplace_back("Cancelled");
              throw;
            }
          },
          std::ref(log));
      co_await sleep_for(1ms);
      child.cancel();
    });
  };
  auto run = loop.start(body(words));
  loop.advance(1ms);
  EXPECT_EQ(words, (Words{"a cancelled", "b cancelled", "Cancelled"}));
  EXPECT_EQ(end_of(run), "value");
}

TEST_F(WhenAllTest, BeginsNothingInATaskThatWasToldToStopBefore) {
  const auto body = [](Words& log) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.cancel();
      try {
        co_await when_all(say_after(0ms, "a", log));
      } catch (const Cancelled&) {
        log.emplace_back("one");
      }
      try {
        co_await when_all(std::vector<Task<>>());
      } catch (const Cancelled&) {
        log.emplace_back("none");
      }
    });
  };
  auto run = loop.start(body(words));
  EXPECT_TRUE(run.ready());
  EXPECT_EQ(words, (Words{"one", "none"}));
}

// Also a scope's deadline reaches the tasks, as it would if they were awaited one by one.
TEST_F(WhenAllTest, HandsTheDeadlineDown) {
  const auto body = []() -> Task<> {
    co_await with_scope(within(5ms), [](Scope& scope) -> Task<> {
      const auto deadline = []() -> Task<Instant> { co_return TaskState::current()->deadline(); };
      const auto [first] = co_await when_all(deadline());
      EXPECT_EQ(first, scope.deadline());
    });
  };
  auto run = loop.start(body());
  EXPECT_EQ(end_of(run), "value");
}

TEST(WhenAllProperty, JoinsAllHoweverTheyEnd) {
  struct Run {
    static Task<int> work(SimGroup& sim, int& live, int value) {
      const struct Live {
        explicit Live(int& count) : live(count) { ++live; }
        ~Live() { --live; }
        int& live;
      } here(live);
      co_await sleep_for(Duration(sim.random().below(10)));
      if (sim.random().chance(0.1)) throw std::runtime_error("boom");
      co_return value;
    }
    static Task<> some(SimGroup& sim, int& live) {
      std::vector<Task<int>> tasks;
      for (int i = 0; i < 4; ++i) tasks.push_back(work(sim, live, i));
      try {
        const std::vector<int> values = co_await when_all(std::move(tasks));
        EXPECT_EQ(values, (std::vector{0, 1, 2, 3}));
      } catch (const std::runtime_error&) {
      } catch (const Cancelled&) {
        EXPECT_EQ(live, 0);
        throw;
      }
      EXPECT_EQ(live, 0);
    }
    static Task<> all(SimGroup& sim, int& live) {
      co_await with_scope([&](Scope& scope) -> Task<> {
        auto child = scope.spawn(&Run::some, std::ref(sim), std::ref(live));
        co_await sleep_for(Duration(sim.random().below(15)));
        child.cancel();
      });
    }
  };
  explore(1000, {.loops = 1, .faults = {.unit_time_max = Duration(1)}}, [](SimGroup& sim) {
    int live = 0;
    auto run = sim.start(0, Run::all(sim, live));
    ASSERT_TRUE(sim.run_until([&] { return run.ready(); }, 1s));
    EXPECT_NO_THROW(run.get());
  });
}

}  // namespace
}  // namespace fluxor::runtime
