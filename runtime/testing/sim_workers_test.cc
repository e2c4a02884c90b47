#include "runtime/testing/sim_workers.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <set>
#include <vector>

#include "runtime/task/scope.h"
#include "runtime/task/task.h"
#include "runtime/testing/explore.h"
#include "runtime/testing/sim_group.h"
#include "runtime/worker/blocking.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

Task<> three(SimWorkers* workers, std::vector<int>* ran) {
  co_await with_scope([&](Scope& scope) -> Task<> {
    const auto call = [](SimWorkers* workers, std::vector<int>* ran, int number) -> Task<> {
      EXPECT_TRUE(co_await blocking(*workers, [ran, number] { ran->push_back(number); }));
    };
    for (const int number : {1, 2, 3}) scope.spawn(call, workers, ran, number);
    co_return;
  });
}

TEST(SimWorkers, ShowsEveryOrderThatItsThreadsCouldShowAndTheSameForTheSameSeed) {
  std::set<std::vector<int>> orders;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    std::vector<int> ran[2];
    for (std::vector<int>& order : ran) {
      SimGroup sim(seed, {.loops = 1});
      SimWorkers workers(sim, {.threads = 3});
      auto run = sim.start(0, three(&workers, &order));
      EXPECT_TRUE(sim.run_until([&] { return run.ready() && workers.idle(); }, 1s));
    }
    EXPECT_EQ(ran[0], ran[1]);
    orders.insert(ran[0]);
  }
  EXPECT_EQ(orders.size(), 6U);
}

TEST(SimWorkers, RunsNoMoreAtATimeThanItHasThreadsAndTakesVirtualTime) {
  bool takes_time = false;
  explore(200, {.loops = 1}, [&](SimGroup& sim) {
    SimWorkers workers(sim, {.threads = 1, .job_time_max = 5ms});
    std::vector<int> ran;
    auto run = sim.start(0, three(&workers, &ran));
    const Instant begin = sim.clock().now();
    EXPECT_TRUE(sim.run_until(
        [&] {
          EXPECT_LE(workers.stats().running, 1U);
          return run.ready();
        },
        15ms));
    EXPECT_EQ(ran, (std::vector{1, 2, 3}));
    takes_time = takes_time || sim.clock().now() > begin;
  });
  EXPECT_TRUE(takes_time);
}

TEST(SimWorkers, RefusesWhenItIsFullOrStopped) {
  SimGroup sim(1, {.loops = 1});
  SimWorkers workers(sim, {.threads = 1, .queue_capacity = 1});
  const auto call = [](SimWorkers* workers) -> Task<error_code> {
    const Result<void> answer = co_await blocking(*workers, [] {});
    co_return answer ? error_code() : answer.error();
  };
  auto first = sim.start(0, call(&workers));
  EXPECT_TRUE(sim.run_until([&] { return workers.stats().running == 1; }, 1s));
  auto second = sim.start(0, call(&workers));
  EXPECT_TRUE(sim.run_until([&] { return workers.stats().queued == 1; }, 0s));
  auto third = sim.start(0, call(&workers));
  EXPECT_TRUE(sim.run_until([&] { return third.ready(); }, 0s));
  EXPECT_EQ(third.get(), Errc::overloaded);
  workers.stop();
  EXPECT_TRUE(sim.run_until([&] { return first.ready() && second.ready() && workers.idle(); }, 1s));
  EXPECT_FALSE(first.get() || second.get());
  auto fourth = sim.start(0, call(&workers));
  sim.run_for(1ms);
  EXPECT_EQ(fourth.get(), Errc::closed);
}

}  // namespace
}  // namespace fluxor::runtime
