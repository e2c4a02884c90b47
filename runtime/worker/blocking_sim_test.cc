#include <gtest/gtest.h>

#include <algorithm>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "runtime/task/frame_pool.h"
#include "runtime/task/scope.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/testing/explore.h"
#include "runtime/testing/sim_group.h"
#include "runtime/testing/sim_workers.h"
#include "runtime/worker/blocking.h"
#include "runtime/worker/job_queue.h"
#include "runtime/worker/ordered_blocking.h"

// The rules of blocking jobs under a thousand interleavings each.
namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kSeeds = 1500;
constexpr int kJobs = 6;  // of each loop

enum class End { none, value, thrown, overloaded, closed, cut };

// What became of one job, as the task and as the worker saw it.
struct Fate {
  End end = End::none;
  int ends = 0;
  int runs = 0;
};

struct World {
  explicit World(SimGroup& group) : sim(group), workers(group, {.threads = 2, .queue_capacity = 3}) {}
  SimGroup& sim;
  SimWorkers workers;
  std::vector<std::vector<Fate>> fates{2, std::vector<Fate>(kJobs)};
  std::vector<std::vector<int>> run_order{2};
  std::vector<std::vector<int>> end_order{2};
  bool on_the_right_loop = true;
};

struct Fails final : std::runtime_error {
  Fails() : std::runtime_error("as told") {}
};

// One job, asked of the pool or of a line.
template <typename Where>
Task<> one(World* world, std::size_t loop, Where* where, int number) {
  Fate& fate = world->fates[loop][static_cast<std::size_t>(number)];
  const bool throws = world->sim.random().chance(0.2);
  try {
    const Result<int> answer = co_await blocking(*where, [world, loop, number, throws] {
      ++world->fates[loop][static_cast<std::size_t>(number)].runs;
      world->run_order[loop].push_back(number);
      if (throws) throw Fails();
      return number;
    });
    if (answer) {
      EXPECT_EQ(*answer, number);
      fate.end = End::value;
    } else {
      fate.end = answer.error() == Errc::overloaded ? End::overloaded
                 : answer.error() == Errc::closed   ? End::closed
                                                    : End::cut;
    }
  } catch (const Fails&) {
    fate.end = End::thrown;
  } catch (const Cancelled&) {
    fate.end = End::cut;
  }
  ++fate.ends;
  if (fate.end == End::value || fate.end == End::thrown) world->end_order[loop].push_back(number);
  if (EventLoop::current() != &world->sim.at(loop)) world->on_the_right_loop = false;
}

template <typename Where>
Task<> all(World* world, std::size_t loop, Where* where) {
  co_await with_scope({.mode = ScopeMode::supervised}, [&](Scope& scope) -> Task<> {
    for (int number = 0; number < kJobs; ++number) {
      Child<> child = scope.spawn(one<Where>, world, loop, where, number);
      if (world->sim.random().chance(0.3)) co_await sleep_for(world->sim.random().between(0ms, 4ms));
      if (world->sim.random().chance(0.3)) child.cancel();
    }
    if (world->sim.random().chance(0.5)) {
      co_await sleep_for(world->sim.random().between(0ms, 15ms));
      scope.cancel();
    }
  });
}

Task<> unordered(World* world, std::size_t loop) { co_await all(world, loop, &world->workers); }

Task<> ordered(World* world, std::size_t loop) {
  OrderedBlocking line(world->workers, 4);
  co_await all(world, loop, &line);
}

const SimOptions kOptions{
    .loops = 2, .ring_capacity = 4, .faults = {.post_refused = 0.1, .loop_stalls = 0.05, .unit_time_max = 50us}};

void check_each_ended_once(World& world) {
  std::uint64_t values = 0, ran = 0;
  for (const auto& fates : world.fates) {
    for (const Fate& fate : fates) {
      EXPECT_EQ(fate.ends, 1);
      EXPECT_LE(fate.runs, 1);
      ran += static_cast<std::uint64_t>(fate.runs);
      if (fate.end == End::value || fate.end == End::thrown) {
        ++values;
        EXPECT_EQ(fate.runs, 1);
      }
      if (fate.end == End::overloaded || fate.end == End::closed) EXPECT_EQ(fate.runs, 0);
    }
  }
  const BlockingStats stats = world.workers.stats();
  EXPECT_EQ(stats.queued + stats.running, 0U);
  EXPECT_EQ(stats.done, ran);
  EXPECT_EQ(stats.done, values + stats.abandoned);
  EXPECT_TRUE(world.on_the_right_loop);
}

TEST(BlockingSim, EndsEachJobExactlyOnce) {
  int seen[6] = {};
  const std::uint64_t frames_before = live_frames();
  explore(kSeeds, kOptions, [&](SimGroup& sim) {
    World world(sim);
    auto first = sim.start(0, unordered(&world, 0));
    auto second = sim.start(1, ordered(&world, 1));
    if (sim.random().chance(0.3)) {
      sim.add_actor_at(sim.clock().now() + sim.random().between(0ms, 15ms), [&] { world.workers.stop(); });
    }
    EXPECT_TRUE(sim.run_until([&] { return first.ready() && second.ready() && world.workers.idle(); }, 10s));
    sim.run_for(20ms);
    check_each_ended_once(world);
    for (const auto& fates : world.fates) {
      for (const Fate& fate : fates) ++seen[static_cast<int>(fate.end)];
    }
    EXPECT_EQ(live_frames(), frames_before);
  });
  for (int end = 1; end < 6; ++end) EXPECT_GT(seen[end], 0) << end;
}

TEST(BlockingSim, RunsAndEndsOrderedJobsInTheOrderSubmitted) {
  explore(kSeeds, kOptions, [](SimGroup& sim) {
    World world(sim);
    auto first = sim.start(0, ordered(&world, 0));
    auto second = sim.start(1, ordered(&world, 1));
    EXPECT_TRUE(sim.run_until([&] { return first.ready() && second.ready() && world.workers.idle(); }, 10s));
    sim.run_for(20ms);
    check_each_ended_once(world);
    for (const std::size_t loop : {0, 1}) {
      EXPECT_TRUE(std::ranges::is_sorted(world.run_order[loop]));
      EXPECT_TRUE(std::ranges::is_sorted(world.end_order[loop]));
    }
  });
}

// Five calls of random length, as a user writes them.
template <typename Where>
Task<> five(World* world, Where* where, std::vector<int>* ends) {
  co_await with_scope([&](Scope& scope) -> Task<> {
    const auto call = [](World* world, Where* where, std::vector<int>* ends, int number) -> Task<> {
      EXPECT_TRUE(co_await blocking(*where, [] {}));
      EXPECT_EQ(EventLoop::current(), &world->sim.at(0));
      ends->push_back(number);
    };
    for (int number = 0; number < 5; ++number) scope.spawn(call, world, where, ends, number);
    co_return;
  });
}

TEST(BlockingSim, EndsFiveOrderedCallsInOrderAndLetsUnorderedOnesOverlap) {
  bool overtaken = false;
  explore(kSeeds, {.loops = 1}, [&](SimGroup& sim) {
    World world(sim);
    SimWorkers workers(sim, {.threads = 4, .queue_capacity = 8});
    OrderedBlocking line(workers);
    std::vector<int> in_order, any_order;
    auto ordered_run = sim.start(0, five(&world, &line, &in_order));
    EXPECT_TRUE(sim.run_until([&] { return ordered_run.ready() && workers.idle(); }, 10s));
    EXPECT_EQ(in_order, (std::vector{0, 1, 2, 3, 4}));
    auto run = sim.start(0, five(&world, &workers, &any_order));
    std::uint64_t most = 0;
    EXPECT_TRUE(sim.run_until(
        [&] {
          most = std::max(most, workers.stats().running);
          return run.ready() && workers.idle();
        },
        10s));
    EXPECT_GT(most, 1U);
    overtaken = overtaken || !std::ranges::is_sorted(any_order);
  });
  EXPECT_TRUE(overtaken);
}

}  // namespace
}  // namespace fluxor::runtime
