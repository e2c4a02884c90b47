#include "runtime/task/async_semaphore.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
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
using Permit = AsyncSemaphore::Permit;

// Takes `count` and keeps them for 1 ms.
Task<> use(AsyncSemaphore& semaphore, std::size_t count, Words& words) {
  const std::string name = std::to_string(count);
  try {
    const Permit permit = co_await semaphore.acquire(count);
    EXPECT_EQ(permit.count(), count);
    words.push_back(name + " in");
    co_await sleep_for(1ms);
  } catch (const Cancelled&) {
    words.push_back(name + " cancelled");
    throw;
  }
}

class AsyncSemaphoreTest : public testing::Test {
 protected:
  template <typename Body>
  static Task<> in_scope(Body body) {
    co_await with_scope([&](Scope& scope) -> Task<> {
      body(scope);
      co_return;
    });
  }
  void run(std::vector<std::size_t> counts) {
    ran = loop.start(in_scope([this, &counts](Scope& scope) {
      for (const std::size_t count : counts) {
        children.push_back(scope.spawn(use, std::ref(semaphore), count, std::ref(words)));
      }
    }));
  }
  Words said() { return std::exchange(words, {}); }

  AsyncSemaphore semaphore{5};
  Words words;
  std::vector<Child<>> children;
  std::optional<Started<>> ran;
  ManualClock clock;
  TestLoop loop{clock};
};

TEST_F(AsyncSemaphoreTest, LetsInAsManyAsItHasPlaces) {
  run({2, 3, 1, 4});
  EXPECT_EQ(said(), (Words{"2 in", "3 in"}));
  EXPECT_EQ(semaphore.available(), 0U);
  loop.advance(1ms);
  EXPECT_EQ(said(), (Words{"1 in", "4 in"}));
  loop.advance(1ms);
  EXPECT_EQ(semaphore.available(), semaphore.places());
}

TEST_F(AsyncSemaphoreTest, LetsNobodyOvertakeALargeRequestThatWaits) {
  run({2, 5, 1});
  EXPECT_EQ(said(), Words{"2 in"});
  EXPECT_EQ(semaphore.available(), 3U);
  EXPECT_EQ(semaphore.try_acquire(1).error(), Errc::overloaded);
  loop.advance(1ms);
  EXPECT_EQ(said(), Words{"5 in"});
  loop.advance(1ms);
  EXPECT_EQ(said(), Words{"1 in"});
  loop.advance(1ms);
}

TEST_F(AsyncSemaphoreTest, LetsThoseBehindInWhenTheLargeOneIsCancelled) {
  run({2, 5, 1, 2, 1});
  EXPECT_EQ(said(), Words{"2 in"});
  children[1].cancel();
  loop.run_until_idle();
  EXPECT_EQ(said(), (Words{"1 in", "2 in", "5 cancelled"}));
  loop.advance(1ms);
  EXPECT_EQ(said(), Words{"1 in"});
  loop.advance(1ms);
}

TEST_F(AsyncSemaphoreTest, KeepsThePlaceInLineOfThoseBeforeACancelledOne) {
  run({5, 4, 3, 1});
  children[2].cancel();
  loop.run_until_idle();
  EXPECT_EQ(said(), (Words{"5 in", "3 cancelled"}));
  loop.advance(1ms);
  EXPECT_EQ(said(), (Words{"4 in", "1 in"}));
  loop.advance(1ms);
}

TEST_F(AsyncSemaphoreTest, GivesItsPlacesToATaskThatIsCancelledAfterItWasWoken) {
  run({5});
  auto waits = loop.start(in_scope([this](Scope& scope) {
    children.push_back(scope.spawn(use, std::ref(semaphore), std::size_t{2}, std::ref(words)));
  }));
  children[0].cancel();  // it gives back in the next unit, and so grants
  loop.loop().run_unit();
  EXPECT_EQ(semaphore.available(), 3U);
  children[1].cancel();
  loop.run_until_idle();
  EXPECT_EQ(said(), (Words{"5 in", "5 cancelled", "2 in", "2 cancelled"}));
  EXPECT_EQ(semaphore.available(), 5U);
}

TEST_F(AsyncSemaphoreTest, GivesNothingToATaskThatWasToldToStopBefore) {
  ran = loop.start(in_scope(
      [this](Scope& scope) { scope.spawn(use, std::ref(semaphore), std::size_t{1}, std::ref(words)).cancel(); }));
  EXPECT_EQ(said(), Words{"1 cancelled"});
  EXPECT_EQ(semaphore.available(), 5U);
}

TEST_F(AsyncSemaphoreTest, LetsAPermitMove) {
  Permit first = semaphore.try_acquire(2).value();
  Permit second = semaphore.try_acquire(3).value();
  EXPECT_EQ(semaphore.try_acquire().error(), Errc::overloaded);
  first = std::move(second);
  EXPECT_EQ(semaphore.available(), 2U);
  EXPECT_EQ(first.count(), 3U);
  EXPECT_EQ(second.count(), 0U);  // NOLINT(bugprone-use-after-move)
  {
    const Permit third = std::move(first);
    EXPECT_EQ(first.count(), 0U);  // NOLINT(bugprone-use-after-move)
  }
  EXPECT_EQ(semaphore.available(), 5U);
}

TEST_F(AsyncSemaphoreTest, AllocatesNothing) {
  AsyncSemaphore two(2);
  int count = 0;
  const auto again = [](AsyncSemaphore& places, int& taken) -> Task<> {
    for (;;) {
      const Permit permit = co_await places.acquire();
      ++taken;
      co_await sleep_for(1ms);
    }
  };
  ran = loop.start(in_scope([&](Scope& scope) {
    for (int i = 0; i < 3; ++i) children.push_back(scope.spawn(again, std::ref(two), std::ref(count)));
  }));
  EXPECT_EQ(allocations_of([&] { loop.advance(10ms); }).count, 0U);
  EXPECT_EQ(count, 22);
  for (Child<>& child : children) child.cancel();
  loop.run_until_idle();
  EXPECT_TRUE(ran->ready());
}

TEST(AsyncSemaphoreProperty, NeverLetsMoreInThanItHasPlacesAndKeepsTheOrder) {
  static constexpr std::size_t kPlaces = 4;
  struct State {
    SimGroup& sim;
    AsyncSemaphore semaphore{kPlaces};
    std::size_t inside = 0, most = 0;
    int asked = 0;
    std::vector<int> waited{};  // and got it
  };
  struct Run {
    static Task<> use(State& state) {
      for (int round = 0; round < 3; ++round) {
        co_await sleep_for(Duration(state.sim.random().below(6)));
        const int ticket = state.asked++;
        const std::uint64_t unit = state.sim.units();
        const std::size_t count = 1 + state.sim.random().below(kPlaces);
        const Permit permit = co_await state.semaphore.acquire(count);
        if (state.sim.units() != unit) state.waited.push_back(ticket);
        const struct Inside {
          Inside(std::size_t& inside, std::size_t more) : total(inside), count(more) { total += count; }
          ~Inside() { total -= count; }
          std::size_t& total;
          std::size_t count;
        } inside(state.inside, count);
        state.most = std::max(state.most, state.inside);
        co_await sleep_for(Duration(state.sim.random().below(6)));
      }
    }
    static Task<> all(State& state) {
      co_await with_scope([&](Scope& scope) -> Task<> {
        std::vector<Child<>> children;
        for (int i = 0; i < 6; ++i) children.push_back(scope.spawn(&Run::use, std::ref(state)));
        for (int i = 0; i < 3; ++i) {
          co_await sleep_for(Duration(state.sim.random().below(8)));
          children[state.sim.random().below(children.size())].cancel();
        }
      });
    }
  };
  explore(1000, {.loops = 1, .faults = {.unit_time_max = Duration(2)}}, [](SimGroup& sim) {
    State state{sim};
    auto run = sim.start(0, Run::all(state));
    ASSERT_TRUE(sim.run_until([&] { return run.ready(); }, 1s));
    run.get();
    EXPECT_LE(state.most, kPlaces);
    EXPECT_EQ(state.semaphore.available(), kPlaces);
    EXPECT_TRUE(std::is_sorted(state.waited.begin(), state.waited.end()));
  });
}

TEST(AsyncSemaphoreDeathTest, CannotGiveMoreThanItHas) {
  AsyncSemaphore semaphore(2);
  EXPECT_DEATH(static_cast<void>(semaphore.acquire(3)), "waits forever");
  EXPECT_DEATH(static_cast<void>(semaphore.try_acquire(3)), "waits forever");
  EXPECT_DEATH(static_cast<void>(semaphore.acquire(0)), "waits forever");
}

TEST(AsyncSemaphoreDeathTest, OutlivesItsPermits) {
  EXPECT_DEATH(
      {
        auto semaphore = std::make_unique<AsyncSemaphore>(2);
        const Permit permit = semaphore->try_acquire().value();
        semaphore.reset();
      },
      "an AsyncSemaphore outlives its permits");
}

}  // namespace
}  // namespace fluxor::runtime
