#include <gtest/gtest.h>

#include <boost/system/system_error.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/task/frame_pool.h"
#include "runtime/task/post_when_room.h"
#include "runtime/task/scope.h"
#include "runtime/task/shield.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/testing/explore.h"
#include "runtime/testing/sim_group.h"
#include "runtime/testing/started.h"

// Random trees of scopes and tasks on several loops, which sleep, fail, cancel, run out of time and wait for room in
// each other's rings; and what holds for all of them.
namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

// What happened inside one scope.
struct Inside {
  int running = 0;  // spawned and not ended
  std::size_t failed = 0;
  int succeeded = 0;  // the body left out
  bool body_failed = false;
};

struct World {
  SimGroup& sim;
  int spawned = 0;
  int ended = 0;
  int accepted = 0;
  int ran = 0;
  int scopes = 0;
  int failures = 0;
  int cancelled = 0;
  int late = 0;

  std::uint64_t draw(std::uint64_t bound) { return sim.random().below(bound); }
  Duration nap() { return std::chrono::microseconds(100 * draw(20)); }
};

// Whether the exception in flight is how a task unwinds that was told to stop.
bool unwinds() {
  if (!TaskState::current()->cancelled()) return false;
  try {
    throw;
  } catch (const Cancelled&) {
    return true;
  } catch (const boost::system::system_error& error) {
    return error.code() == Errc::cancelled || error.code() == Errc::deadline;
  } catch (...) {
    return false;
  }
}

struct Place {
  Scope* scope;
  Inside* inside;
};

Task<> open_scope(World* world, int depth);
Task<> act(World* world, Place place, int depth);

// A task of a scope, or its body.
Task<> node(World* world, Place place, int depth, bool is_body) {
  bool failed = false;
  try {
    co_await act(world, place, depth);
    if (!is_body) ++place.inside->succeeded;
  } catch (...) {
    failed = !unwinds();
    if (failed) {
      ++place.inside->failed;
      if (is_body) place.inside->body_failed = true;
    }
    --place.inside->running;
    ++world->ended;
    throw;
  }
  --place.inside->running;
  ++world->ended;
}

Child<> spawn_node(World* world, Place place, int depth) {
  ++place.inside->running;
  ++world->spawned;
  return place.scope->spawn(node, world, place, depth, false);
}

Task<> act(World* world, Place place, int depth) {
  for (std::uint64_t steps = world->draw(4); steps > 0; --steps) {
    switch (world->draw(9)) {
      case 0:
      case 1: co_await sleep_for(world->nap()); break;
      case 2: {
        EventLoop& to = world->sim.at(world->draw(world->sim.size()));
        const Result<void> posted = co_await post_when_room(to, [world] { ++world->ran; });
        if (posted) ++world->accepted;
        if (!posted) EXPECT_TRUE(TaskState::current()->cancelled()) << posted.error().message();
        break;
      }
      case 3:
        if (world->draw(3) == 0) throw std::runtime_error("boom");
        break;
      case 4:
      case 5:
        if (depth > 0) co_await open_scope(world, depth - 1);
        break;
      case 6:
        if (depth > 0) spawn_node(world, place, depth - 1);  // into the scope that it belongs to itself
        break;
      case 7:
        co_await shield(world->nap(), [](Duration nap) -> Task<> { co_await sleep_for(nap); }, world->nap());
        break;
      case 8:
        if (world->draw(6) == 0) place.scope->cancel();
        break;
    }
  }
}

Task<> open_scope(World* world, int depth) {
  constexpr ScopeMode kModes[] = {ScopeMode::fail_fast, ScopeMode::supervised, ScopeMode::race};
  ScopeReport report;
  ScopeOptions options{.mode = kModes[world->draw(3)], .report = &report};
  if (world->draw(3) == 0) options.within = world->nap();
  const Instant deadline = later(EventLoop::current()->now(), options.within);
  Inside inside;
  bool began = false;
  std::exception_ptr failure;
  ++world->scopes;
  try {
    co_await with_scope(options, [&](Scope& scope) -> Task<> {
      began = true;
      ++inside.running;
      ++world->spawned;
      // What the body does before and around its part as a node counts, too.
      bool as_node = false;
      try {
        std::vector<Child<>> children;
        const Place place{&scope, &inside};
        for (std::uint64_t count = world->draw(4); count > 0; --count) {
          children.push_back(spawn_node(world, place, depth));
        }
        if (!children.empty() && world->draw(4) == 0) children[world->draw(children.size())].cancel();
        if (!children.empty() && world->draw(4) == 0) co_await children[world->draw(children.size())];
        as_node = true;
        co_await node(world, place, depth, true);
      } catch (...) {
        if (!as_node) {
          if (!unwinds()) {
            ++inside.failed;
            inside.body_failed = true;
          }
          --inside.running;
          ++world->ended;
        }
        throw;
      }
    });
  } catch (...) {
    failure = std::current_exception();
  }
  const bool told = TaskState::current()->cancelled();
  EXPECT_EQ(inside.running, 0) << "a task has outlived its scope";
  EXPECT_EQ(report.failures.size(), inside.failed);
  const bool fails = options.mode == ScopeMode::fail_fast ? inside.failed > 0
                     : options.mode == ScopeMode::supervised
                         ? inside.body_failed
                         : inside.body_failed || (inside.failed > 0 && inside.succeeded == 0);
  if (failure == nullptr) {
    EXPECT_FALSE(fails);
    co_return;
  }
  try {
    std::rethrow_exception(failure);
  } catch (const Cancelled&) {
    EXPECT_TRUE(told);
    EXPECT_FALSE(fails && began);
    ++world->cancelled;
    throw;
  } catch (const boost::system::system_error& error) {
    if (!fails) {
      EXPECT_EQ(error.code(), Errc::deadline);
      EXPECT_GE(EventLoop::current()->now(), deadline);
      ++world->late;
    }
  } catch (const std::exception&) {
    EXPECT_TRUE(fails);
    ++world->failures;
  }
  if (world->draw(2) == 0) std::rethrow_exception(failure);
}

Task<> tree(World* world) {
  try {
    co_await open_scope(world, 3);
  } catch (...) {
    EXPECT_FALSE(TaskState::current()->cancelled());
  }
}

TEST(ScopeSim, EveryTaskEndsOnceInItsScopeAndNoFailureIsLost) {
  std::uint64_t tasks = 0, scopes = 0, posts = 0, failures = 0, cancelled = 0, late = 0;
  const SimOptions options{
      .loops = 3, .ring_capacity = 2, .faults = {.post_refused = 0.2, .post_held = 0.1, .loop_stalls = 0.05}};
  explore(2000, options, [&](SimGroup& sim) {
    const std::uint64_t frames_before = live_frames();
    World world{.sim = sim};
    {
      std::vector<Started<>> trees;
      for (std::size_t loop = 0; loop < sim.size(); ++loop) {
        for (int i = 0; i < 2; ++i) trees.push_back(sim.start(loop, tree(&world)));
      }
      const auto all_ready = [&] {
        for (const Started<>& started : trees) {
          if (!started.ready()) return false;
        }
        return true;
      };
      EXPECT_TRUE(sim.run_until(all_ready, 1h));
      sim.stop_faults();
      sim.run_until_idle();
    }
    EXPECT_EQ(world.spawned, world.ended);
    EXPECT_EQ(world.accepted, world.ran);  // of the posts, none twice, none lost, none that was cancelled
    EXPECT_EQ(live_frames(), frames_before);
    EXPECT_TRUE(sim.failures().empty());
    tasks += static_cast<std::uint64_t>(world.spawned);
    scopes += static_cast<std::uint64_t>(world.scopes);
    posts += static_cast<std::uint64_t>(world.accepted);
    failures += static_cast<std::uint64_t>(world.failures);
    cancelled += static_cast<std::uint64_t>(world.cancelled);
    late += static_cast<std::uint64_t>(world.late);
  });
  if (std::getenv("FLUXOR_SEED") != nullptr) return;  // NOLINT(concurrency-mt-unsafe): there is one thread
  // Each thing is tried often.
  for (const std::uint64_t count : {tasks, scopes, posts, failures, cancelled, late}) EXPECT_GT(count, 500U);
}

// A ring of two, many who wait for room in it, and cancellations in between.
TEST(ScopeSim, APostThatIsCancelledGivesItsPlaceBackAndNoneIsLostOrDoubled) {
  std::uint64_t cancelled = 0, accepted = 0;
  explore(1000, {.loops = 2, .ring_capacity = 2, .faults = {.post_refused = 0.3, .loop_stalls = 0.1}},
          [&](SimGroup& sim) {
            struct Posts {
              std::vector<int> answers, runs;  // by post: 1 accepted, 2 cancelled
              static Task<> one(Posts* posts, EventLoop* to, std::size_t number) {
                const Result<void> posted = co_await post_when_room(*to, [posts, number] { ++posts->runs[number]; });
                posts->answers[number] = posted ? 1 : 2;
              }
              static Task<> all(Posts* posts, SimGroup* sim, EventLoop* to) {
                co_await with_scope([&](Scope& scope) -> Task<> {
                  std::vector<Child<>> children;
                  for (std::size_t i = 0; i < posts->runs.size(); ++i)
                    children.push_back(scope.spawn(one, posts, to, i));
                  for (int i = 0; i < 6; ++i) {
                    co_await sleep_for(std::chrono::microseconds(sim->random().below(3)));
                    children[sim->random().below(children.size())].cancel();
                  }
                });
              }
            };
            Posts posts{std::vector<int>(12, 0), std::vector<int>(12, 0)};
            auto run = sim.start(0, Posts::all(&posts, &sim, &sim.at(1)));
            EXPECT_TRUE(sim.run_until([&] { return run.ready(); }, 1h));
            sim.stop_faults();
            sim.run_until_idle();
            for (std::size_t i = 0; i < posts.runs.size(); ++i) {
              EXPECT_EQ(posts.runs[i], posts.answers[i] == 1 ? 1 : 0) << i;
              accepted += posts.answers[i] == 1 ? 1U : 0U;
              cancelled += posts.answers[i] == 2 ? 1U : 0U;
            }
            EXPECT_EQ(sim.at(1).queue_length(), 0U);
          });
  if (std::getenv("FLUXOR_SEED") != nullptr) return;  // NOLINT(concurrency-mt-unsafe): there is one thread
  EXPECT_GT(accepted, 1000U);
  EXPECT_GT(cancelled, 100U);
}

}  // namespace
}  // namespace fluxor::runtime
