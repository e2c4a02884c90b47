#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/loop/event_loop.h"
#include "runtime/task/frame_pool.h"
#include "runtime/task/sleep.h"
#include "runtime/testing/explore.h"
#include "runtime/testing/sim_group.h"
#include "runtime/testing/test_verticles.h"
#include "runtime/verticle/context.h"
#include "runtime/verticle/directory.h"
#include "runtime/verticle/verticle.h"
#include "runtime/verticle/verticle_system.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

const SimOptions kThreeLoops{.loops = 3, .faults = {.loop_stalls = 0.01, .unit_time_max = 20us}};

// Whether the tree has an end; what is freed last is freed then, too.
bool ends(SimGroup& sim, const TestVerticles& tree) {
  const bool ended = sim.run_until([&] { return tree.ended(); }, 10min);
  sim.run_until_idle();
  return ended;
}

// What all verticles of a run note down.
struct World {
  SimGroup& sim;
  TestVerticles& tree;
  std::map<std::string, int> alive{};  // by place in the tree
  int made = 0;
  int destroyed = 0;
  std::uint64_t names = 0;

  bool chance(double share) { return sim.random().chance(share); }
  Duration pause() { return sim.random().between(0ms, 20ms); }
};

SupervisorSpec random_supervisor(World& world, int depth);

// Lives as chance will have it.
class Wild final : public Verticle {
 public:
  Wild(World* world, std::string place, int depth) : world_(*world), place_(std::move(place)), depth_(depth) {
    ++world_.made;
    EXPECT_EQ(++world_.alive[place_], 1) << "two lives at once: " << place_;
  }
  ~Wild() override {
    ++world_.destroyed;
    --world_.alive[place_];
    if (context_ != nullptr) EXPECT_EQ(EventLoop::current(), &context_->loop());
  }

  Task<> start(Context& context) override {
    context_ = &context;
    EXPECT_EQ(EventLoop::current(), &context.loop());
    if (world_.chance(0.5)) co_await sleep_for(world_.pause());
    EXPECT_EQ(EventLoop::current(), &context.loop());
    if (world_.chance(0.1)) throw std::runtime_error("start");
    context.spawn(&Wild::live, this);
    if (world_.chance(0.3)) context.every(3ms, [this] { EXPECT_FALSE(crashed_); });
    if (world_.chance(0.2)) context.every(5ms, &Wild::tick, this);
    const auto others = context.system().directory().list();
    if (!others.empty() && world_.chance(0.2)) {
      // Not with the root: that would be the end of the tree.
      const VerticleId other = others[world_.sim.random().below(others.size())].id;
      if (other != world_.tree.root().id()) context.link(other);
      if (world_.chance(0.3)) context.unlink(other);
      const std::uint64_t key = context.monitor(other, [](const Down&) {});
      if (world_.chance(0.3)) context.demonitor(key);
    }
    for (int i = 0; depth_ < 2 && i < 2; ++i) {
      if (!world_.chance(0.3)) continue;
      const std::string place = place_ + "/" + std::to_string(i);
      if (world_.chance(0.3)) {
        static_cast<void>(co_await context.deploy(random_supervisor(world_, depth_ + 1)));
      } else {
        static_cast<void>(co_await context.deploy<Wild>({.shutdown = 100ms}, &world_,
                                                        place + "." + std::to_string(++world_.names), depth_ + 1));
      }
    }
  }
  Task<> stop() override {
    EXPECT_FALSE(crashed_) << "stop() after a crash";
    EXPECT_EQ(EventLoop::current(), &context_->loop());
    EXPECT_FALSE(std::exchange(stopped_, true)) << "stopped twice";
    if (world_.chance(0.3)) co_await sleep_for(world_.pause());
    if (world_.chance(0.1)) co_await sleep_for(1h);
    if (world_.chance(0.1)) throw std::runtime_error("stop");
  }

 private:
  Task<> tick() {
    co_await sleep_for(2ms);
    may_crash(0.02);
  }
  Task<> live() {
    for (int i = 0; i < 5; ++i) {
      co_await sleep_for(world_.pause() * 3);
      EXPECT_EQ(EventLoop::current(), &context_->loop());
      may_crash(0.1);
      if (world_.chance(0.02)) context_->exit();
    }
  }
  void may_crash(double share) {
    if (!world_.chance(share)) return;
    crashed_ |= context_->state() == VerticleState::running || context_->state() == VerticleState::starting;
    throw std::runtime_error("crash");
  }

  World& world_;
  const std::string place_;
  const int depth_;
  Context* context_ = nullptr;
  bool crashed_ = false;
  bool stopped_ = false;
};

Restart random_restart(World& world) {
  constexpr Restart kAll[] = {Restart::permanent, Restart::transient, Restart::temporary};
  return kAll[world.sim.random().below(3)];
}

SupervisorSpec random_supervisor(World& world, int depth) {
  constexpr Strategy kAll[] = {Strategy::one_for_one, Strategy::one_for_all, Strategy::rest_for_one, Strategy::dynamic};
  constexpr AutoShutdown kShutdowns[] = {AutoShutdown::never, AutoShutdown::any_significant,
                                         AutoShutdown::all_significant};
  SupervisorSpec spec{.strategy = kAll[world.sim.random().below(4)],
                      .intensity = {.restarts_max = world.sim.random().below(4), .period = 100ms},
                      .auto_shutdown = kShutdowns[world.sim.random().below(3)],
                      .restart = random_restart(world)};
  if (world.chance(0.3)) spec.backoff = BackoffOptions{.second = 10ms, .longest = 50ms};
  const std::size_t children = world.sim.random().below(4);
  for (std::size_t i = 0; i < children; ++i) {
    if (depth < 2 && world.chance(0.2)) {
      spec.child(random_supervisor(world, depth + 1));
    } else {
      spec.child<Wild>({.restart = random_restart(world), .shutdown = 50ms, .significant = world.chance(0.3)}, &world,
                       "s" + std::to_string(++world.names), depth + 1);
    }
  }
  return spec;
}

ChildSpec random_child(World& world) {
  const std::string place = "c" + std::to_string(++world.names);
  return {.options = {.restart = random_restart(world), .shutdown = 50ms},
          .factory = [&world, place] { return std::make_unique<Wild>(&world, place, 2); }};
}

// Deploys and undeploys at random; whatever is answered, it is answered.
Task<> disturb(World* world, int rounds, std::vector<DeploymentId>* left) {
  Context& root = world->tree.root();
  for (int i = 0; i < rounds; ++i) {
    co_await sleep_for(world->pause());
    if (world->tree.ended()) co_return;  // and the root's context with it
    try {
      if (left->empty() || world->chance(0.5)) {
        auto deployed = world->chance(0.5) ? co_await root.deploy(random_supervisor(*world, 0))
                                           : co_await root.deploy<Wild>({.shutdown = 100ms}, world,
                                                                        "d" + std::to_string(++world->names), 0);
        if (deployed) left->push_back(*deployed);
      } else {
        const std::size_t chosen = world->sim.random().below(left->size());
        const DeploymentId id = (*left)[chosen];
        if (world->chance(0.5)) {
          auto started = co_await root.start_child(id, random_child(*world));
          if (started) left->push_back(*started);
        } else {
          left->erase(left->begin() + static_cast<std::ptrdiff_t>(chosen));
          static_cast<void>(co_await root.undeploy(id));
        }
      }
    } catch (const std::runtime_error&) {  // what start() or stop() threw
    }
  }
}

TEST(VerticleSim, EndsEveryLifeOnceWheneverTheTreeIsStopped) {
  int lives = 0;
  explore(1000, kThreeLoops, [&](SimGroup& sim) {
    const std::uint64_t frames = live_frames();
    {
      TestVerticles tree({&sim.at(0), &sim.at(1), &sim.at(2)}, sim.clock(), sim.random(),
                         {.backoff = {.second = 10ms, .longest = 100ms}, .kill_grace = 50ms});
      sim.run_until_idle();
      World world{.sim = sim, .tree = tree};
      std::vector<DeploymentId> left[3];
      std::vector<Started<>> actors;
      for (auto& each : left) actors.push_back(sim.start(0, disturb(&world, 6, &each)));
      sim.run_for(sim.random().between(0ms, 300ms));
      tree.stop();
      EXPECT_TRUE(ends(sim, tree)) << "the tree does not end";
      EXPECT_TRUE(sim.run_until(
          [&] { return std::all_of(actors.begin(), actors.end(), [](auto& a) { return a.ready(); }); }, 1min))
          << "somebody waits for ever";
      EXPECT_EQ(world.made, world.destroyed);
      EXPECT_EQ(tree.system().directory().size(), 0u);
      EXPECT_EQ(tree.system().abandoned(), 0u);
      lives += world.made;
    }
    EXPECT_EQ(live_frames(), frames);
  });
  RecordProperty("lives", lives);
  EXPECT_GT(lives, 5000);
}

TEST(VerticleSim, TellsEveryMonitorExactlyOnce) {
  int told_in_all = 0;
  explore(1000, kThreeLoops, [&](SimGroup& sim) {
    TestVerticles tree({&sim.at(0), &sim.at(1), &sim.at(2)}, sim.clock(), sim.random(),
                       {.backoff = {.second = 10ms, .longest = 100ms}, .kill_grace = 50ms});
    sim.run_until_idle();
    World world{.sim = sim, .tree = tree};
    std::vector<DeploymentId> left;
    auto actor = sim.start(0, disturb(&world, 8, &left));
    std::map<std::uint64_t, int> told;
    for (int i = 0; i < 20; ++i) {
      sim.run_for(5ms);
      // Live ones, and ids that are gone, or never were.
      const auto list = tree.system().directory().list();
      const auto last = static_cast<std::uint64_t>(list.back().id);
      const VerticleId id =
          world.chance(0.7) ? list[sim.random().below(list.size())].id : VerticleId(1 + sim.random().below(last + 3));
      if (id == tree.root().id() || tree.root().state() != VerticleState::running) continue;
      auto number = std::make_shared<std::uint64_t>(0);
      const std::uint64_t key = tree.root().monitor(id, [&told, number, id, &tree](const Down& down) {
        EXPECT_EQ(down.id, id);
        EXPECT_FALSE(tree.system().directory().info(id).has_value());
        ++told[*number];
      });
      *number = key;
      told[key] = 0;
    }
    EXPECT_TRUE(sim.run_until([&] { return actor.ready(); }, 1min));
    auto end = sim.start(0, [](World* world, std::vector<DeploymentId>* left) -> Task<> {
      for (const DeploymentId id : *left) {
        try {
          static_cast<void>(co_await world->tree.root().undeploy(id));
        } catch (const std::runtime_error&) {
        }
      }
    }(&world, &left));
    EXPECT_TRUE(sim.run_until([&] { return end.ready() && tree.system().directory().size() == 1; }, 1min));
    sim.run_until_idle();
    for (const auto& [key, times] : told) EXPECT_EQ(times, 1) << key;
    told_in_all += static_cast<int>(told.size());
    tree.stop();
    EXPECT_TRUE(ends(sim, tree)) << "the tree does not end";
    EXPECT_EQ(world.made, world.destroyed);
  });
  EXPECT_GT(told_in_all, 10000);
}

// A child of an ordered group: those after it are down whenever it starts or stops.
struct Row {
  SimGroup& sim;
  std::vector<int> alive{};
  std::vector<int> starts{};
  Strategy strategy{};
};

class Ordered final : public Verticle {
 public:
  Ordered(Row* row, std::size_t place) : row_(*row), place_(place) {}
  ~Ordered() override {
    if (begun_) --row_.alive[place_];
  }
  Task<> start(Context& context) override {
    begun_ = true;
    EXPECT_EQ(++row_.alive[place_], 1);
    ++row_.starts[place_];
    expect_none_after("starts");
    // Nobody was left out before it.
    for (std::size_t i = 0; i < place_; ++i) EXPECT_GT(row_.starts[i], 0);
    if (row_.strategy == Strategy::one_for_all) {
      for (std::size_t i = 0; i < place_; ++i) EXPECT_GE(row_.starts[i], row_.starts[place_]);
    }
    co_await sleep_for(row_.sim.random().between(0ms, 5ms));
    if (row_.sim.random().chance(0.05) && row_.starts[place_] > 1) throw std::runtime_error("start");
    context.spawn(&Ordered::live, this);
  }
  Task<> stop() override {
    expect_none_after("stops");
    co_await sleep_for(row_.sim.random().between(0ms, 5ms));
    expect_none_after("has stopped");
  }

 private:
  Task<> live() {
    co_await sleep_for(row_.sim.random().between(0ms, 100ms));
    if (row_.sim.random().chance(0.5)) throw std::runtime_error("crash");
  }
  void expect_none_after(const char* what) {
    for (std::size_t i = place_ + 1; i < row_.alive.size(); ++i) {
      EXPECT_EQ(row_.alive[i], 0) << i << " lives while " << place_ << " " << what;
    }
  }
  Row& row_;
  const std::size_t place_;
  bool begun_ = false;
};

TEST(VerticleSim, RestartsOrderedGroupsInOrder) {
  int starts = 0;
  explore(1000, kThreeLoops, [&](SimGroup& sim) {
    TestVerticles tree({&sim.at(0), &sim.at(1), &sim.at(2)}, sim.clock(), sim.random());
    sim.run_until_idle();
    const std::size_t size = 2 + sim.random().below(4);
    Row row{.sim = sim,
            .alive = std::vector<int>(size),
            .starts = std::vector<int>(size),
            .strategy = sim.random().chance(0.5) ? Strategy::one_for_all : Strategy::rest_for_one};
    SupervisorSpec spec{.strategy = row.strategy, .intensity = {.restarts_max = 100, .period = 1s}};
    if (sim.random().chance(0.3)) spec.backoff = BackoffOptions{.second = 5ms, .longest = 20ms};
    for (std::size_t i = 0; i < size; ++i) spec.child<Ordered>({}, &row, i);
    auto deployed = sim.start(0, tree.root().deploy(spec));
    sim.run_for(sim.random().between(50ms, 500ms));
    tree.stop();
    EXPECT_TRUE(ends(sim, tree)) << "the tree does not end";
    for (const int alive : row.alive) EXPECT_EQ(alive, 0);
    for (const int each : row.starts) starts += each;
    EXPECT_EQ(tree.system().directory().size(), 0u);
  });
  EXPECT_GT(starts, 10000);
}

TEST(VerticleSim, SpreadsInstancesAndKeepsAKeyOnItsLoop) {
  explore(20, kThreeLoops, [&](SimGroup& sim) {
    TestVerticles tree({&sim.at(0), &sim.at(1), &sim.at(2)}, sim.clock(), sim.random());
    sim.run_until_idle();
    struct Where final : Verticle {
      explicit Where(std::map<const EventLoop*, int>* seen) : seen(*seen) {}
      Task<> start(Context& context) override {
        ++seen[&context.loop()];
        co_return;
      }
      std::map<const EventLoop*, int>& seen;
    };
    std::map<const EventLoop*, int> spread, keyed;
    auto all = sim.start(0, tree.root().deploy<Where>({.instances = 6}, &spread));
    auto one = sim.start(0, tree.root().deploy<Where>({.instances = 3, .loop_key = "orders"}, &keyed));
    auto two = sim.start(0, tree.root().deploy<Where>({.loop_key = "orders"}, &keyed));
    EXPECT_TRUE(sim.run_until([&] { return all.ready() && one.ready() && two.ready(); }, 1s));
    EXPECT_EQ(spread.size(), 3u);
    for (const auto& [loop, count] : spread) EXPECT_EQ(count, 2);
    EXPECT_EQ(keyed.size(), 1u);
    tree.stop();
    EXPECT_TRUE(ends(sim, tree)) << "the tree does not end";
  });
}

TEST(VerticleSim, TellsTheCallerOnItsOwnLoopWhenAnInstanceElsewhereFails) {
  explore(200, kThreeLoops, [&](SimGroup& sim) {
    TestVerticles tree({&sim.at(0), &sim.at(1), &sim.at(2)}, sim.clock(), sim.random());
    sim.run_until_idle();
    struct Seen {
      int up = 0, stopped = 0, destroyed = 0;
      EventLoop* told_on = nullptr;
      std::string told;
    } seen;
    struct Third final : Verticle {
      Third(Seen* seen, std::shared_ptr<int> made) : seen(*seen), fails(++*made == 3) {}
      ~Third() override { ++seen.destroyed; }
      Task<> start(Context&) override {
        if (fails) {
          co_await sleep_for(200ms);
          throw std::runtime_error("third");
        }
        ++seen.up;
      }
      Task<> stop() override {
        EXPECT_FALSE(fails);
        ++seen.stopped;
        co_return;
      }
      Seen& seen;
      const bool fails;
    };
    auto deployed = sim.start(0, [](Context* root, Seen* seen) -> Task<> {
      try {
        static_cast<void>(co_await root->deploy<Third>({.instances = 3}, seen, std::make_shared<int>(0)));
      } catch (const std::runtime_error& error) {
        seen->told = error.what();
      }
      seen->told_on = EventLoop::current();
    }(&tree.root(), &seen));
    EXPECT_TRUE(sim.run_until([&] { return deployed.ready(); }, 10s));
    EXPECT_EQ(seen.told, "third");
    EXPECT_EQ(seen.told_on, &sim.at(0));
    EXPECT_EQ(seen.up, 2);
    EXPECT_EQ(seen.stopped, 2);
    EXPECT_EQ(seen.destroyed, 3);
    EXPECT_EQ(tree.system().directory().size(), 1u);
    tree.stop();
    EXPECT_TRUE(ends(sim, tree)) << "the tree does not end";
  });
}

TEST(VerticleSim, PutsWorkersOnLoopsOfTheirOwn) {
  explore(1, kThreeLoops, [&](SimGroup& sim) {
    struct Quiet final : LogSink {
      void write(Severity, std::string_view, std::span<const LogField>) noexcept override {}
    } log;
    VerticleSystem system({.loops = {&sim.at(0)},
                           .worker_loops = {&sim.at(1), &sim.at(2)},
                           .clock = sim.clock(),
                           .random = sim.random(),
                           .log = log},
                          {});
    EXPECT_EQ(system.place({}), &sim.at(0));
    EXPECT_EQ(system.place({.worker = true}), &sim.at(1));
    EXPECT_EQ(system.place({.worker = true}), &sim.at(2));
    EXPECT_EQ(system.place({.worker = true}), &sim.at(1));
    EXPECT_EQ(system.place({}), &sim.at(0));
  });
}

}  // namespace
}  // namespace fluxor::runtime
