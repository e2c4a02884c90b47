#include "runtime/task/when_any.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/task/frame_pool.h"
#include "runtime/task/scope.h"
#include "runtime/task/shield.h"
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

Task<> sleep_task(Duration duration) { co_await sleep_for(duration); }

// Ends with the value, or as cancelled, and then says so.
Task<int> race(Duration delay, int value, Words& words) {
  try {
    co_await sleep_for(delay);
  } catch (const Cancelled&) {
    words.push_back(std::to_string(value) + " cancelled");
    throw;
  }
  co_return value;
}

Task<int> fail_after(Duration delay, std::string text) {
  co_await sleep_for(delay);
  throw std::runtime_error(text);
}

Task<int> fail_when_cancelled() {
  try {
    co_await sleep_for(1s);
  } catch (const Cancelled&) {
    throw std::runtime_error("lost");
  }
  co_return 0;
}

Task<Result<int>> answer_after(Duration delay, Result<int> answer) {
  co_await sleep_for(delay);
  co_return answer;
}

Task<Result<int>> throw_after(Duration delay, std::string text) {
  co_await sleep_for(delay);
  throw std::runtime_error(text);
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

class WhenAnyTest : public testing::Test {
 protected:
  ~WhenAnyTest() override { EXPECT_EQ(live_frames(), frames_before_); }
  const std::uint64_t frames_before_ = live_frames();
  ManualClock clock;
  TestLoop loop{clock};
  Words words;
};

TEST_F(WhenAnyTest, GivesTheFirstValueWhenTheLosersAreCancelledAndJoined) {
  const auto body = [](Words& log) -> Task<First<int>> {
    const First<int> first = co_await when_any(race(3ms, 30, log), race(1ms, 10, log), race(2ms, 20, log));
    log.emplace_back("goes on");
    co_return first;
  };
  auto run = loop.start(body(words));
  loop.advance(1ms);
  EXPECT_EQ(words, (Words{"30 cancelled", "20 cancelled", "goes on"}));
  const First<int> first = run.get();
  EXPECT_EQ(first.index, 1U);
  EXPECT_EQ(first.value, 10);
}

TEST_F(WhenAnyTest, TakesAVectorOfTasks) {
  const auto body = [](Words& log) -> Task<First<int>> {
    std::vector<Task<int>> tasks;
    for (const int value : {3, 1, 2}) tasks.push_back(race(std::chrono::milliseconds(value), value, log));
    co_return co_await when_any(std::move(tasks));
  };
  auto run = loop.start(body(words));
  loop.advance(1ms);
  const First<int> first = run.get();
  EXPECT_EQ(first.index, 1U);
  EXPECT_EQ(first.value, 1);
}

TEST_F(WhenAnyTest, NamesTheFirstOfSeveralThatEndAtTheSameTime) {
  const auto now = [](int value) -> Task<int> { co_return value; };
  const auto body = [](auto make) -> Task<First<int>> { co_return co_await when_any(make(1), make(2)); };
  auto run = loop.start(body(now));
  EXPECT_EQ(run.get().value, 1);
}

TEST_F(WhenAnyTest, TakesTasksOfDifferentTypes) {
  const auto body = [](Words& log) -> Task<> {
    const auto text = []() -> Task<std::unique_ptr<int>> {
      co_await sleep_for(1ms);
      co_return std::make_unique<int>(7);
    };
    const auto first = co_await when_any(race(2ms, 2, log), text(), sleep_task(5ms));
    static_assert(
        std::is_same_v<decltype(first), const First<std::variant<int, std::unique_ptr<int>, std::monostate>>>);
    EXPECT_EQ(first.index, 1U);
    EXPECT_EQ(*std::get<1>(first.value), 7);
    const First<std::monostate> nothing = co_await when_any(sleep_task(5ms), sleep_task(5ms));
    EXPECT_EQ(nothing.index, 0U);
  };
  auto run = loop.start(body(words));
  loop.advance(10ms);
  EXPECT_EQ(end_of(run), "value");
}

TEST_F(WhenAnyTest, CountsNeitherAFailureNorAnErrorAsASuccess) {
  const auto body = []() -> Task<First<Result<int>>> {
    co_return co_await when_any(throw_after(1ms, "boom"), answer_after(2ms, Errc::closed), answer_after(3ms, 7));
  };
  auto run = loop.start(body());
  loop.advance(3ms - 1ns);
  EXPECT_FALSE(run.ready());
  loop.advance(1ns);
  const First<Result<int>> first = run.get();
  EXPECT_EQ(first.index, 2U);
  EXPECT_EQ(first.value.value(), 7);
  EXPECT_TRUE(loop.failures().empty());
}

TEST_F(WhenAnyTest, ThrowsTheFirstFailureIfNoneSucceeds) {
  const auto body = []() -> Task<First<Result<int>>> {
    co_return co_await when_any(throw_after(2ms, "second"), throw_after(1ms, "first"), answer_after(3ms, Errc::closed));
  };
  auto run = loop.start(body());
  loop.advance(3ms);
  EXPECT_EQ(end_of(run), "first");
  EXPECT_EQ(loop.failures(), Words{"second"});
}

TEST_F(WhenAnyTest, AnswersTheLastErrorIfNoneSucceeds) {
  const auto body = []() -> Task<First<Result<int>>> {
    co_return co_await when_any(answer_after(2ms, Errc::overloaded), answer_after(1ms, Errc::closed));
  };
  auto run = loop.start(body());
  loop.advance(2ms);
  const First<Result<int>> first = run.get();
  EXPECT_EQ(first.index, 0U);
  EXPECT_EQ(first.value.error(), Errc::overloaded);
}

TEST_F(WhenAnyTest, CaresNotForWhatALoserThrows) {
  const auto body = [](Words& log) -> Task<First<int>> {
    co_return co_await when_any(fail_when_cancelled(), race(1ms, 1, log), fail_after(1s, "never"));
  };
  auto run = loop.start(body(words));
  loop.advance(1ms);
  EXPECT_EQ(run.get().index, 1U);
  EXPECT_TRUE(loop.failures().empty());
}

// One that succeeds although it was told to stop has lost all the same.
TEST_F(WhenAnyTest, KeepsTheFirstWinnerWhenALoserSucceeds) {
  const auto stubborn = []() -> Task<int> {
    try {
      co_await sleep_for(1s);
    } catch (const Cancelled&) {
    }
    co_return 9;
  };
  const auto body = [](Words& log, auto make) -> Task<First<int>> {
    co_return co_await when_any(make(), race(1ms, 1, log));
  };
  auto run = loop.start(body(words, stubborn));
  loop.advance(1ms);
  EXPECT_EQ(run.get().value, 1);
}

Task<First<int>> watch(Words& words, Duration unwinding) {
  const auto slow = [](Duration unwind) -> Task<int> {
    bool stopped = false;
    try {
      co_await sleep_for(1s);
    } catch (const Cancelled&) {
      stopped = true;
    }
    if (stopped) {
      co_await shield(1s, sleep_task, unwind);
      co_await sleep_for(1s);  // throws
    }
    co_return 0;
  };
  co_return co_await when_any(slow(unwinding), race(2ms, 2, words));
}

TEST_F(WhenAnyTest, CancelsAllWhenTheTaskAroundIsToldToStopAndKeepsAWinnerThatThereIs) {
  const auto body = [](Duration stop_at, Words& log, std::string& seen) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      auto child = scope.spawn(
          [](Words& to, std::string& end) -> Task<> {
            try {
              end = std::to_string((co_await watch(to, 5ms)).value);
            } catch (const Cancelled&) {
              end = "Cancelled";
              throw;
            }
          },
          std::ref(log), std::ref(seen));
      co_await sleep_for(stop_at);
      child.cancel();
    });
  };
  std::string before, after;
  auto first = loop.start(body(1ms, words, before));
  auto second = loop.start(body(3ms, words, after));
  loop.advance(6ms);
  EXPECT_EQ(before, "Cancelled");
  EXPECT_EQ(words, Words{"2 cancelled"});
  EXPECT_EQ(after, "");
  loop.advance(1ms);
  EXPECT_EQ(after, "2");
}

TEST_F(WhenAnyTest, BeginsNothingInATaskThatWasToldToStopBefore) {
  const auto body = [](Words& log) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.cancel();
      co_await when_any([](Words& to) -> Task<> {
        to.emplace_back("ran");
        co_return;
      }(log));
    });
  };
  auto run = loop.start(body(words));
  EXPECT_EQ(end_of(run), "value");
  EXPECT_EQ(words, Words{});
}

TEST(WhenAnyDeathTest, TakesAtLeastOneTask) {
  EXPECT_DEATH(static_cast<void>(when_any(std::vector<Task<>>())), "when_any takes at least one task");
}

TEST(WhenAnyProperty, JoinsAllAndGivesTheValueOfTheOneThatEndedFirst) {
  struct State {
    SimGroup& sim;
    int live = 0, first = -1, failed = 0;
  };
  struct Run {
    static Task<int> work(State& state, int value) {
      const struct Live {
        explicit Live(int& count) : live(count) { ++live; }
        ~Live() { --live; }
        int& live;
      } here(state.live);
      co_await sleep_for(Duration(state.sim.random().below(10)));
      if (state.sim.random().chance(0.3)) {
        ++state.failed;
        throw std::runtime_error("boom");
      }
      if (state.first < 0) state.first = value;
      co_return value;
    }
    static Task<> some(State& state) {
      std::vector<Task<int>> tasks;
      for (int i = 0; i < 4; ++i) tasks.push_back(work(state, i));
      try {
        const First<int> first = co_await when_any(std::move(tasks));
        EXPECT_EQ(first.value, state.first);
        EXPECT_EQ(first.index, static_cast<std::size_t>(state.first));
      } catch (const std::runtime_error&) {
        EXPECT_EQ(state.first, -1);
        EXPECT_GT(state.failed, 0);
      } catch (const Cancelled&) {
        EXPECT_EQ(state.first, -1);
        EXPECT_EQ(state.live, 0);
        throw;
      }
      EXPECT_EQ(state.live, 0);
    }
    static Task<> all(State& state) {
      co_await with_scope([&](Scope& scope) -> Task<> {
        auto child = scope.spawn(&Run::some, std::ref(state));
        co_await sleep_for(Duration(state.sim.random().below(12)));
        child.cancel();
      });
    }
  };
  explore(1000, {.loops = 1, .faults = {.unit_time_max = Duration(1)}}, [](SimGroup& sim) {
    State state{sim};
    auto run = sim.start(0, Run::all(state));
    ASSERT_TRUE(sim.run_until([&] { return run.ready(); }, 1s));
    EXPECT_NO_THROW(run.get());
    // Those that are not thrown are kept, unless somebody has won.
    const auto kept = state.first >= 0 || state.failed == 0 ? 0 : state.failed - 1;
    EXPECT_EQ(sim.failures().size(), static_cast<std::size_t>(kept));
  });
}

}  // namespace
}  // namespace fluxor::runtime
