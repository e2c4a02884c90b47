#include "runtime/task/async_mutex.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/task/scope.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/testing/allocations.h"
#include "runtime/testing/explore.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/sim_group.h"
#include "runtime/testing/test_loop.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

Task<> hold(AsyncMutex& mutex, int id, Words& words) {
  const std::string name = std::to_string(id);
  try {
    const AsyncMutex::Guard guard = co_await mutex.lock();
    words.push_back(name + " in");
    co_await sleep_for(1ms);
    words.push_back(name + " out");
  } catch (const Cancelled&) {
    words.push_back(name + " cancelled");
    throw;
  }
}

class AsyncMutexTest : public testing::Test {
 protected:
  template <typename Body>
  static Task<> in_scope(Body body) {
    co_await with_scope([&](Scope& scope) -> Task<> {
      body(scope);
      co_return;
    });
  }
  // Starts tasks 1 … `count` that lock, hold it for 1 ms and let go.
  void run(int count) {
    ran = loop.start(in_scope([this, count](Scope& scope) {
      for (int id = 1; id <= count; ++id) {
        children.push_back(scope.spawn(hold, std::ref(mutex), id, std::ref(words)));
      }
    }));
  }
  Words said() { return std::exchange(words, {}); }

  AsyncMutex mutex;
  Words words;
  std::vector<Child<>> children;
  std::optional<Started<>> ran;
  ManualClock clock;
  TestLoop loop{clock};
};

TEST_F(AsyncMutexTest, LetsOneInAtATimeInTheOrderInWhichTheyCame) {
  run(3);
  EXPECT_TRUE(mutex.locked());
  EXPECT_EQ(said(), Words{"1 in"});
  loop.advance(1ms);
  EXPECT_EQ(said(), (Words{"1 out", "2 in"}));
  loop.advance(2ms);
  EXPECT_EQ(said(), (Words{"2 out", "3 in", "3 out"}));
  EXPECT_FALSE(mutex.locked());
}

// The one that was woken holds it, although it has not run yet.
TEST_F(AsyncMutexTest, IsHandedToWhoWaitsBeforeAnyoneElseCanTakeIt) {
  const auto twice = [](AsyncMutex& lock, Words& log) -> Task<> {
    for (const char* word : {"first", "second"}) {
      const AsyncMutex::Guard guard = co_await lock.lock();
      log.emplace_back(word);
      co_await sleep_for(1ms);
    }
  };
  auto run_twice = loop.start(in_scope([&](Scope& scope) {
    scope.spawn(twice, std::ref(mutex), std::ref(words));
    scope.spawn(hold, std::ref(mutex), 1, std::ref(words));
  }));
  loop.advance(3ms);
  EXPECT_EQ(said(), (Words{"first", "1 in", "1 out", "second"}));
  EXPECT_TRUE(run_twice.ready());
}

TEST_F(AsyncMutexTest, LetsACancelledTaskLeaveTheLine) {
  run(3);
  children[1].cancel();
  loop.run_until_idle();
  EXPECT_EQ(said(), (Words{"1 in", "2 cancelled"}));
  loop.advance(2ms);
  EXPECT_EQ(said(), (Words{"1 out", "3 in", "3 out"}));
}

TEST_F(AsyncMutexTest, IsLetGoByATaskThatIsCancelledWhileItHoldsIt) {
  run(2);
  children[0].cancel();
  loop.advance(1ms);
  EXPECT_EQ(said(), (Words{"1 in", "1 cancelled", "2 in", "2 out"}));
}

TEST_F(AsyncMutexTest, IsHeldByATaskThatIsCancelledAfterItWasWoken) {
  struct Cancel {
    static Task<> next(AsyncMutex& lock, std::vector<Child<>>& all) {
      {
        const AsyncMutex::Guard guard = co_await lock.lock();
        co_await sleep_for(1ms);
      }
      all[1].cancel();  // which has it since the brace
      EXPECT_TRUE(lock.locked());
    }
  };
  ran = loop.start(in_scope([this](Scope& scope) {
    children.push_back(scope.spawn(&Cancel::next, std::ref(mutex), std::ref(children)));
    children.push_back(scope.spawn(hold, std::ref(mutex), 2, std::ref(words)));
  }));
  loop.advance(1ms);
  EXPECT_EQ(said(), (Words{"2 in", "2 cancelled"}));
  EXPECT_FALSE(mutex.locked());
}

TEST_F(AsyncMutexTest, IsNotTakenByATaskThatWasToldToStopBefore) {
  ran = loop.start(in_scope([this](Scope& scope) { scope.spawn(hold, std::ref(mutex), 1, std::ref(words)).cancel(); }));
  EXPECT_EQ(said(), Words{"1 cancelled"});
  EXPECT_FALSE(mutex.locked());
}

TEST_F(AsyncMutexTest, AllocatesNothing) {
  const auto again = [](AsyncMutex& lock, int& count) -> Task<> {
    for (;;) {
      const AsyncMutex::Guard guard = co_await lock.lock();
      ++count;
      co_await sleep_for(1ms);
    }
  };
  int count = 0;
  ran = loop.start(in_scope([&](Scope& scope) {
    for (int i = 0; i < 2; ++i) children.push_back(scope.spawn(again, std::ref(mutex), std::ref(count)));
  }));
  EXPECT_EQ(allocations_of([&] { loop.advance(20ms); }).count, 0U);
  EXPECT_EQ(count, 21);
  for (Child<>& child : children) child.cancel();
  loop.run_until_idle();
  EXPECT_TRUE(ran->ready());
}

static_assert(!std::is_move_constructible_v<AsyncMutex::Guard>);

TEST(AsyncMutexProperty, LetsOneInAtATimeInOrderWhoeverIsCancelled) {
  struct State {
    SimGroup& sim;
    AsyncMutex mutex;
    int inside = 0, entered = 0, most = 0;
    std::vector<int> asked, got;
  };
  struct Run {
    static Task<> use(State& state, int id) {
      for (int round = 0; round < 3; ++round) {
        co_await sleep_for(Duration(state.sim.random().below(6)));
        const int ticket = id * 10 + round;
        state.asked.push_back(ticket);
        const AsyncMutex::Guard guard = co_await state.mutex.lock();
        state.got.push_back(ticket);
        const struct Inside {
          explicit Inside(int& count) : inside(count) { ++inside; }
          ~Inside() { --inside; }
          int& inside;
        } inside(state.inside);
        state.most = std::max(state.most, state.inside);
        co_await sleep_for(Duration(state.sim.random().below(4)));
      }
    }
    static Task<> all(State& state) {
      co_await with_scope([&](Scope& scope) -> Task<> {
        std::vector<Child<>> children;
        for (int i = 0; i < 5; ++i) children.push_back(scope.spawn(&Run::use, std::ref(state), i));
        for (int i = 0; i < 3; ++i) {
          co_await sleep_for(Duration(state.sim.random().below(8)));
          children[state.sim.random().below(children.size())].cancel();
        }
      });
    }
  };
  explore(1000, {.loops = 1, .faults = {.unit_time_max = Duration(2)}}, [](SimGroup& sim) {
    State state{sim, {}, 0, 0, 0, {}, {}};
    auto run = sim.start(0, Run::all(state));
    ASSERT_TRUE(sim.run_until([&] { return run.ready(); }, 1s));
    run.get();
    EXPECT_EQ(state.most, 1);
    EXPECT_FALSE(state.mutex.locked());
    // Who got it did in the order in which they asked.
    std::size_t at = 0;
    for (const int ticket : state.got) {
      while (at < state.asked.size() && state.asked[at] != ticket) ++at;
      EXPECT_LT(at, state.asked.size()) << ticket << " was overtaken";
    }
  });
}

TEST(AsyncMutexDeathTest, IsNotLockedAgainByTheTaskThatHoldsIt) {
  ManualClock clock;
  const auto again = [](AsyncMutex& mutex) -> Task<> {
    const AsyncMutex::Guard outer = co_await mutex.lock();
    const AsyncMutex::Guard inner = co_await mutex.lock();
  };
  EXPECT_DEATH(
      {
        AsyncMutex mutex;
        TestLoop loop(clock);
        const auto run = loop.start(again(mutex));
      },
      "a task does not lock an AsyncMutex that it holds");
}

TEST(AsyncMutexDeathTest, IsNotLockedAgainByATaskThatGotItByWaiting) {
  ManualClock clock;
  const auto again = [](AsyncMutex& mutex) -> Task<> {
    const AsyncMutex::Guard outer = co_await mutex.lock();
    co_await sleep_for(1ms);
    const AsyncMutex::Guard inner = co_await mutex.lock();
  };
  EXPECT_DEATH(
      {
        AsyncMutex mutex;
        TestLoop loop(clock);
        Words words;
        const auto first = loop.start(hold(mutex, 1, words));
        const auto second = loop.start(again(mutex));
        loop.advance(2ms);
      },
      "a task does not lock an AsyncMutex that it holds");
}

TEST(AsyncMutexDeathTest, OutlivesThoseWhoHoldIt) {
  ManualClock clock;
  EXPECT_DEATH(
      {
        TestLoop loop(clock);
        auto mutex = std::make_unique<AsyncMutex>();
        Words words;
        const auto run = loop.start(hold(*mutex, 1, words));
        mutex.reset();
      },
      "an AsyncMutex outlives those who hold it");
}

}  // namespace
}  // namespace fluxor::runtime
