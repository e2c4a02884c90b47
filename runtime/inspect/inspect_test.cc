#include "runtime/inspect/inspect.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/inspect/inspection_text.h"
#include "runtime/loop/event_loop.h"
#include "runtime/task/frame_pool.h"
#include "runtime/task/scope.h"
#include "runtime/task/sleep.h"
#include "runtime/testing/explore.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/seeded_random.h"
#include "runtime/testing/sim_group.h"
#include "runtime/testing/started.h"
#include "runtime/testing/test_loop.h"
#include "runtime/testing/test_verticles.h"
#include "runtime/verticle/context.h"
#include "runtime/verticle/verticle_counts.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

using OnStart = std::function<void(Context&)>;

// Does in start() what a test says.
class Doer final : public Verticle {
 public:
  explicit Doer(OnStart on_start) : on_start_(std::move(on_start)) {}
  Task<> start(Context& context) override {
    if (on_start_) on_start_(context);
    co_return;
  }

 private:
  const OnStart on_start_;
};

VerticleFactory does(OnStart on_start = nullptr) {
  return [on_start] { return std::make_unique<Doer>(on_start); };
}

ChildSpec child(std::string name, OnStart on_start = nullptr) {
  return {.options = {.name = std::move(name)}, .factory = does(std::move(on_start))};
}

Task<> nap(Duration duration) { co_await sleep_for(duration); }
Task<> crash_after(Duration delay) {
  co_await sleep_for(delay);
  throw std::runtime_error("disk on fire");
}
Task<> nap_in_a_scope() {
  co_await with_scope(within(10s), [](Scope& scope) -> Task<> {
    scope.spawn(nap, Duration(5s));
    co_await sleep_for(20s);
  });
}
Task<> deploy_in(Context* context, ChildSpec spec) {
  static_cast<void>(co_await context->deploy(spec.factory, spec.options));
}

struct Resource final : VerticleResource {
  using VerticleResource::VerticleResource;
  void on_verticle_end() noexcept override { delete this; }
};

std::string file_of(const std::source_location& site) {
  const std::string path = site.file_name();
  return path.substr(path.rfind('/') + 1);
}

// Two loops, not interleaved by chance: the first the root's, and that of every second verticle.
class InspectTest : public testing::Test {
 protected:
  ~InspectTest() override {
    tree.stop();
    run(100s);
    EXPECT_TRUE(tree.ended());
  }
  // Lets time pass in steps, in which either loop runs until it is idle.
  void run(Duration duration = 0s) {
    for (int i = 0; i < 3; ++i) {
      first.run_until_idle();
      second.run_until_idle();
    }
    while (duration > 0s) {
      const Duration step = std::min(duration, Duration(100ms));
      first.advance(step);
      second.run_until_idle();
      first.run_until_idle();
      duration -= step;
    }
  }
  void deploy(ChildSpec spec) {
    auto deployed = first.start(tree.root().deploy(spec.factory, spec.options));
    run();
    ASSERT_TRUE(deployed.ready() && deployed.get());
  }
  void deploy(SupervisorSpec spec) {
    auto deployed = first.start(tree.root().deploy(std::move(spec)));
    run();
    ASSERT_TRUE(deployed.ready() && deployed.get());
  }
  Inspection inspected(InspectOptions options = {}) {
    auto inspection = first.start(inspect(tree.tree(), options));
    run();
    return inspection.get();
  }

  const std::uint64_t frames_before_ = live_frames();
  ManualClock clock;
  TestLoop first{clock, {.id = 0}};
  TestLoop second{clock, {.id = 1}};
  SeededRandom random{1};
  TestVerticles tree{{&first.loop(), &second.loop()}, clock, random};

 private:
  const std::size_t began_ = first.run_until_idle();  // the root
};

TEST_F(InspectTest, ShowsARootThatHasNothing) {
  const Inspection inspection = inspected();
  EXPECT_TRUE(inspection.complete);
  ASSERT_TRUE(inspection.root.verticle);
  EXPECT_TRUE(inspection.root.verticle->answered);
  EXPECT_EQ(inspection.root.verticle->state, VerticleState::running);
  EXPECT_EQ(inspection.root.children_count, 0U);
  EXPECT_EQ(inspection.verticles, (std::array<std::size_t, 4>{0, 1, 0, 0}));
  ASSERT_EQ(inspection.loops.size(), 2U);
  EXPECT_EQ(inspection.loops[0].verticles[1], 1U);
}

TEST_F(InspectTest, ShowsWhereEachVerticleLivesAndItsState) {
  deploy(child("a"));
  deploy(child("b", [](Context& context) {
    context.spawn(deploy_in, &context, child("under b"));
    context.spawn(deploy_in, &context, child("beside it"));
  }));
  const Inspection inspection = inspected();
  EXPECT_TRUE(inspection.complete);
  ASSERT_EQ(inspection.root.children.size(), 2U);
  const InspectedNode& a = inspection.root.children[0];
  const InspectedNode& b = inspection.root.children[1];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.verticle->loop, 0U);
  EXPECT_EQ(b.name, "b");
  EXPECT_EQ(b.verticle->loop, 1U);
  EXPECT_EQ(tree.system().directory().find("b"), b.verticle->id);
  ASSERT_EQ(b.children.size(), 2U);
  for (const InspectedNode& below : b.children) {
    EXPECT_EQ(tree.system().directory().find(below.name), below.verticle->id);
    EXPECT_TRUE(below.verticle->answered);
    EXPECT_EQ(below.slot, SlotState::up);
    EXPECT_EQ(below.verticle->state, VerticleState::running);
    EXPECT_EQ(below.last_exit, "");
  }
  EXPECT_EQ(b.children[0].verticle->loop, 0U);
  EXPECT_EQ(b.children[1].verticle->loop, 1U);
  EXPECT_EQ(inspection.verticles, (std::array<std::size_t, 4>{0, 5, 0, 0}));
  EXPECT_EQ(inspection.loops[0].verticles[1], 3U);
  EXPECT_EQ(inspection.loops[1].verticles[1], 2U);
}

TEST_F(InspectTest, ShowsWhatTasksWaitForAlsoInsideScopes) {
  deploy(child("other loop's neighbour"));
  deploy(child("a", [](Context& context) { context.spawn(nap_in_a_scope); }));
  run(1s);
  const Inspection inspection = inspected();
  const InspectedVerticle& a = *inspection.root.children[1].verticle;
  EXPECT_EQ(a.loop, 1U);
  ASSERT_EQ(a.tasks.size(), 1U);
  EXPECT_EQ(a.tasks_count, 1U);
  const InspectedTask& outer = a.tasks[0];
  EXPECT_EQ(file_of(outer.site), "inspect_test.cc");
  EXPECT_STREQ(outer.waits_for, "its scope");
  EXPECT_EQ(outer.deadline, kNever);
  ASSERT_EQ(outer.tasks.size(), 2U);
  EXPECT_EQ(outer.tasks_count, 2U);
  for (const InspectedTask& inner : outer.tasks) {
    EXPECT_STREQ(inner.waits_for, "a timer");
    EXPECT_EQ(inner.deadline - inspection.taken, 9s);
    EXPECT_FALSE(inner.cancelled);
    EXPECT_EQ(inner.tasks_count, 0U);
  }
}

TEST_F(InspectTest, ShowsTimersAndResources) {
  deploy(child("a", [](Context& context) {
    context.every(300ms, [] {});
    context.after(10s, [] {});
    new Resource(context);
    new Resource(context);
  }));
  run(1s);
  const Inspection inspection = inspected();
  const InspectedVerticle& a = *inspection.root.children[0].verticle;
  EXPECT_EQ(a.resources, 2U);
  EXPECT_EQ(a.timers_count, 2U);
  ASSERT_EQ(a.timers.size(), 2U);
  EXPECT_EQ(a.timers[0].due - inspection.taken, 9s);
  EXPECT_EQ(a.timers[0].period, 0s);
  EXPECT_EQ(a.timers[1].due - inspection.taken, 200ms);
  EXPECT_EQ(a.timers[1].period, 300ms);
  EXPECT_EQ(file_of(a.timers[1].site), "inspect_test.cc");
  EXPECT_GE(inspection.loops[0].stats.timers_armed, 2U);
}

TEST_F(InspectTest, ShowsSupervisorsWithRestartsAndTheLastExit) {
  int lives = 0;
  SupervisorSpec spec{.name = "s", .strategy = Strategy::rest_for_one, .intensity = {.restarts_max = 9, .period = 1s}};
  spec.children.push_back(child("b"));
  spec.children.push_back(child("c", [&](Context& context) {
    if (++lives <= 2) context.spawn(crash_after, Duration(1s));
  }));
  SupervisorSpec nested{.name = "below", .strategy = Strategy::one_for_all};
  nested.children.push_back(child("d"));
  spec.child(std::move(nested));
  deploy(std::move(spec));
  run(5s);
  const Inspection inspection = inspected();
  EXPECT_EQ(inspection.restarts, 6U);  // those of d, too
  EXPECT_EQ(inspection.crashes, 2U);
  const InspectedNode& s = inspection.root.children.at(0);
  EXPECT_EQ(s.name, "s");
  EXPECT_FALSE(s.verticle);
  EXPECT_EQ(s.supervisor->strategy, Strategy::rest_for_one);
  EXPECT_EQ(s.supervisor->restarts, 4U);
  EXPECT_TRUE(s.supervisor->running);
  ASSERT_EQ(s.children.size(), 3U);
  EXPECT_EQ(s.children[0].restarts, 0U);
  EXPECT_EQ(s.children[0].last_exit, "");
  EXPECT_EQ(s.children[1].restarts, 2U);
  EXPECT_EQ(s.children[1].last_exit, "crashed: disk on fire");
  EXPECT_EQ(s.children[1].verticle->state, VerticleState::running);
  EXPECT_EQ(s.children[2].restarts, 2U);
  EXPECT_EQ(s.children[2].last_exit, "stopped");
  EXPECT_EQ(s.children[2].supervisor->strategy, Strategy::one_for_all);
  EXPECT_EQ(s.children[2].children.at(0).name, "d");
}

TEST_F(InspectTest, ShowsAPlaceWhoseVerticleIsDown) {
  deploy(child("a", [](Context& context) { context.spawn(crash_after, Duration(1s)); }));
  run(1s);      // at once
  run(1050ms);  // it waits for 100 ms, more or less
  const Inspection inspection = inspected();
  const InspectedNode& a = inspection.root.children.at(0);
  EXPECT_EQ(a.slot, SlotState::waiting);
  EXPECT_FALSE(a.verticle);
  EXPECT_EQ(a.last_exit, "crashed: disk on fire");
  EXPECT_TRUE(inspection.complete);
  EXPECT_EQ(inspection.verticles[1], 1U);
}

TEST_F(InspectTest, NamesStartAndStop) {
  class Slow final : public Verticle {
    Task<> start(Context&) override { co_await sleep_for(1s); }
    Task<> stop() override { co_await sleep_for(1s); }
  };
  auto deployed = first.start(tree.root().deploy<Slow>({.name = "slow"}));
  Inspection inspection = inspected();
  EXPECT_EQ(inspection.root.children.at(0).slot, SlotState::starting);
  EXPECT_EQ(inspection.root.children.at(0).verticle->tasks.at(0).role, "start()");
  EXPECT_EQ(inspection.verticles, (std::array<std::size_t, 4>{1, 1, 0, 0}));
  run(1s);
  auto undeployed = first.start(tree.root().undeploy(deployed.get().value()));
  inspection = inspected();
  EXPECT_EQ(inspection.root.children.at(0).slot, SlotState::stopping);
  EXPECT_EQ(inspection.root.children.at(0).verticle->tasks.at(0).role, "stop()");
  EXPECT_EQ(inspection.verticles, (std::array<std::size_t, 4>{0, 1, 1, 0}));
  run(1s);
  EXPECT_TRUE(undeployed.ready());
  EXPECT_EQ(inspected().verticles, (std::array<std::size_t, 4>{0, 1, 0, 0}));
}

TEST_F(InspectTest, ListsNoMoreThanItIsToldAndCountsTheRest) {
  for (int i = 0; i < 30; ++i) deploy(child(""));
  deploy(child("busy", [](Context& context) {
    for (int i = 0; i < 30; ++i) context.spawn(nap, Duration(1h));
    for (int i = 0; i < 30; ++i) context.after(1h, [] {});
  }));
  for (int i = 0; i < 30; ++i) deploy(child(""));
  Inspection inspection = inspected({.list_max = 31});
  EXPECT_EQ(inspection.root.children_count, 61U);
  ASSERT_EQ(inspection.root.children.size(), 31U);
  const InspectedVerticle& busy = *inspection.root.children.back().verticle;
  EXPECT_EQ(busy.tasks.size(), 30U);
  EXPECT_EQ(inspected({.list_max = 1}).root.children.size(), 1U);

  inspection = inspected({.entries_max = 40});
  EXPECT_TRUE(inspection.complete);
  EXPECT_EQ(inspection.root.children_count, 61U);
  EXPECT_EQ(inspection.root.children[30].verticle->tasks_count, 30U);
  EXPECT_EQ(inspection.root.children[30].verticle->timers_count, 30U);
  std::size_t entries = 0;
  for (const InspectedNode& each : inspection.root.children) {
    entries += 1 + each.verticle->tasks.size() + each.verticle->timers.size();
  }
  EXPECT_EQ(entries, 40U);
  EXPECT_EQ(inspection.verticles[1], 62U);
  EXPECT_EQ(inspected({.entries_max = 0}).root.children_count, 61U);
}

TEST_F(InspectTest, SaysWhichLoopDoesNotAnswerAndWhatItCouldLearnWithoutIt) {
  deploy(child("a", [](Context& context) { context.spawn(nap, Duration(1h)); }));
  deploy(child("b", [](Context& context) { context.spawn(nap, Duration(1h)); }));
  deploy(child("c"));
  deploy(child("d"));
  auto inspection = first.start(inspect(tree.tree(), {.timeout = 100ms}));
  first.advance(100ms - 1ns);  // the second one is held
  EXPECT_FALSE(inspection.ready());
  first.advance(1ns);
  ASSERT_TRUE(inspection.ready());
  const Inspection seen = inspection.get();
  EXPECT_FALSE(seen.complete);
  EXPECT_EQ(seen.loops[0].unanswered, 0U);
  EXPECT_EQ(seen.loops[1].unanswered, 2U);
  EXPECT_EQ(seen.took, 100ms);
  EXPECT_TRUE(seen.root.children[0].verticle->answered);
  EXPECT_EQ(seen.root.children[0].verticle->tasks_count, 1U);
  const InspectedNode& b = seen.root.children[1];
  EXPECT_EQ(b.name, "b");
  EXPECT_FALSE(b.verticle->answered);
  EXPECT_EQ(b.verticle->loop, 1U);
  EXPECT_EQ(b.verticle->state, VerticleState::running);
  EXPECT_EQ(tree.system().directory().find("b"), b.verticle->id);
  EXPECT_TRUE(b.verticle->tasks.empty());
  EXPECT_EQ(seen.verticles[1], 5U);
  // Its answers come late, and reach nobody.
  run();
  EXPECT_TRUE(inspected().complete);
}

TEST_F(InspectTest, LeavesNoMoreThanSoManyRequestsToALoopThatDoesNotAnswer) {
  for (int i = 0; i < 100; ++i) deploy(child(""));
  for (int i = 0; i < 200; ++i) {
    auto inspection = first.start(inspect(tree.tree(), {.timeout = 1ms}));
    first.advance(1ms);
    ASSERT_TRUE(inspection.ready());
    EXPECT_EQ(inspection.get().loops[1].unanswered, 50U);
  }
  const std::uint64_t before = second.loop().stats().control_signals;
  run();
  EXPECT_EQ(second.loop().stats().control_signals - before, VerticleCounts::kRequestsMax);
  EXPECT_TRUE(inspected().complete);
}

TEST_F(InspectTest, SaysItWhenTheRootDoesNotAnswer) {
  auto inspection = second.start(inspect(tree.tree()));
  second.advance(100ms);
  ASSERT_TRUE(inspection.ready());
  const Inspection seen = inspection.get();
  EXPECT_FALSE(seen.complete);
  EXPECT_FALSE(seen.root.verticle->answered);
  EXPECT_EQ(seen.loops[0].unanswered, 1U);
  EXPECT_EQ(seen.verticles[1], 1U);
  run();
}

TEST_F(InspectTest, IsAsGoodFromAnotherLoop) {
  deploy(child("a"));
  deploy(child("b"));
  auto inspection = second.start(inspect(tree.tree()));
  run();
  const Inspection seen = inspection.get();
  EXPECT_TRUE(seen.complete);
  EXPECT_EQ(seen.root.children.at(1).verticle->loop, 1U);
}

TEST_F(InspectTest, EndsWhenItIsCancelled) {
  deploy(child("a"));
  deploy(child("b"));
  auto ended = first.start([](const Root& root) -> Task<> {
    co_await with_scope(within(50ms), [&](Scope&) -> Task<> { static_cast<void>(co_await inspect(root)); });
  }(tree.tree()));
  first.advance(50ms);
  ASSERT_TRUE(ended.ready());
  EXPECT_THROW(ended.get(), boost::system::system_error);
  run();
}

TEST_F(InspectTest, FindsNobodyWhereTheLoopHasEnded) {
  TestLoop gone(clock);
  gone.loop().stop();
  gone.loop().run();
  const Root root(tree.system(), gone.loop(), does(), 1s, {});
  auto inspection = first.start(inspect(root));
  ASSERT_TRUE(inspection.ready());
  const Inspection seen = inspection.get();
  EXPECT_FALSE(seen.complete);
  ASSERT_EQ(seen.loops.size(), 3U);  // the root's, which is none of the system's, is shown, too
  EXPECT_EQ(seen.loops[2].unanswered, 1U);
}

TEST_F(InspectTest, LeavesNothingBehindWhereTheLoopEndsBeforeItAnswers) {
  auto gone = std::make_unique<TestLoop>(clock);
  const Root root(tree.system(), gone->loop(), does(), 1s, {});
  auto inspection = first.start(inspect(root));
  EXPECT_FALSE(inspection.ready());
  gone->loop().stop();
  gone->loop().run();
  run();
  EXPECT_TRUE(inspection.ready());
  auto late = first.start(inspect(tree.tree()));
}

TEST_F(InspectTest, ListsTasksAndTreesOfAnyDepthButNotAllOfThem) {
  struct Deep {
    static Task<> down(int levels) {
      if (levels == 0) {
        co_await sleep_for(1h);
        co_return;
      }
      co_await with_scope([&](Scope&) -> Task<> { co_await down(levels - 1); });
    }
  };
  deploy(child("a", [](Context& context) { context.spawn(&Deep::down, 200); }));
  run();
  Inspection inspection = inspected();
  std::size_t depth = 0;
  for (const InspectedTask* task = &inspection.root.children[0].verticle->tasks.at(0); task != nullptr;
       task = task->tasks.empty() ? nullptr : &task->tasks[0]) {
    ++depth;
    if (task->tasks.empty()) EXPECT_EQ(task->tasks_count, 1U);
  }
  EXPECT_GE(depth, 60U);
  EXPECT_LE(depth, 64U);
}

// --- 1000 seeds
// -------------------------------------------------------------------------------------------------------

struct Churn {
  SimGroup& sim;
  TestVerticles& tree;
  std::vector<DeploymentId> deployed{};
  bool over = false;
  int inspections = 0;
  std::size_t running_seen = 0;
};

// Lives for a while, with a child and tasks, and crashes perhaps.
VerticleFactory mayfly(Churn& churn, int levels) {
  return does([&churn, levels](Context& context) {
    SeededRandom& random = churn.sim.random();
    if (random.chance(0.5)) context.spawn(nap_in_a_scope);
    if (random.chance(0.5)) context.every(Duration(3ms), [] {});
    if (random.chance(0.5)) context.spawn(crash_after, Duration(random.below(20) * 1ms));
    if (levels != 0) context.spawn(deploy_in, &context, ChildSpec{.factory = mayfly(churn, levels - 1)});
  });
}

Task<> churn_once(Churn* churn) {
  SeededRandom& random = churn->sim.random();
  for (int i = 0; i < 6; ++i) {
    const std::uint64_t what = random.below(3);
    try {
      if (what == 0 && !churn->deployed.empty()) {
        const std::size_t at = random.below(churn->deployed.size());
        const DeploymentId id = churn->deployed[at];
        churn->deployed.erase(churn->deployed.begin() + static_cast<std::ptrdiff_t>(at));
        static_cast<void>(co_await churn->tree.root().undeploy(id));
      } else if (what == 1) {
        SupervisorSpec spec{.name = "s", .strategy = Strategy::one_for_all, .intensity = {.restarts_max = 2}};
        for (int child = 0; child < 3; ++child) spec.children.push_back({.factory = mayfly(*churn, 0)});
        if (const auto id = co_await churn->tree.root().deploy(std::move(spec))) churn->deployed.push_back(*id);
      } else if (const auto id = co_await churn->tree.root().deploy(mayfly(*churn, 2), {.instances = 2})) {
        churn->deployed.push_back(*id);
      }
    } catch (const std::runtime_error&) {
    }
    co_await sleep_for(Duration(random.below(5) * 1ms));
  }
  churn->over = true;
}

void expect_consistent(const InspectedNode& node, std::set<VerticleId>& seen, std::size_t loops) {
  EXPECT_LE(node.children.size(), node.children_count);
  if (node.verticle) {
    const InspectedVerticle& verticle = *node.verticle;
    EXPECT_TRUE(seen.insert(verticle.id).second) << "listed twice";
    EXPECT_NE(verticle.id, VerticleId{});
    EXPECT_LT(verticle.loop, loops);
    EXPECT_EQ(verticle.tasks.size(), verticle.tasks_count);
    EXPECT_EQ(verticle.timers.size(), verticle.timers_count);
    if (verticle.state == VerticleState::ended) EXPECT_EQ(verticle.tasks_count, 0U);
    for (const InspectedTask& task : verticle.tasks) EXPECT_EQ(task.tasks.size(), task.tasks_count);
  }
  for (const InspectedNode& child : node.children) expect_consistent(child, seen, loops);
}

Task<> look_again_and_again(Churn* churn) {
  while (!churn->over) {
    const Inspection inspection =
        co_await inspect(churn->tree.tree(), {.timeout = 1ms, .entries_max = InspectOptions::kEntriesMost});
    ++churn->inspections;
    std::set<VerticleId> seen;
    if (!inspection.root.verticle->answered) continue;
    expect_consistent(inspection.root, seen, churn->sim.size());
    churn->running_seen += seen.size();
    co_await sleep_for(Duration(churn->sim.random().below(6000) * 1us));
  }
}

TEST(Inspect, IsConsistentHoweverTheTreeChanges) {
  const SimOptions options{.loops = 3, .faults = {.loop_stalls = 0.01, .unit_time_max = 20us}};
  std::size_t inspections = 0;
  std::size_t seen = 0;
  explore(1000, options, [&](SimGroup& sim) {
    const std::uint64_t frames_before = live_frames();
    {
      TestVerticles tree({&sim.at(0), &sim.at(1), &sim.at(2)}, sim.clock(), sim.random());
      sim.run_until_idle();
      Churn churn{.sim = sim, .tree = tree};
      auto changes = sim.start(0, churn_once(&churn));
      auto looks = sim.start(sim.random().below(3), look_again_and_again(&churn));
      auto others = sim.start(0, look_again_and_again(&churn));
      EXPECT_TRUE(sim.run_until([&] { return changes.ready() && looks.ready() && others.ready(); }, 1000s));
      inspections += static_cast<std::size_t>(churn.inspections);
      seen += churn.running_seen;

      tree.stop();
      EXPECT_TRUE(sim.run_until([&] { return tree.ended(); }, 1000s));
      sim.stop_faults();
      sim.run_until_idle();
      auto last = sim.start(1, inspect(tree.tree()));
      sim.run_until_idle();
      EXPECT_EQ(last.get().verticles, (std::array<std::size_t, 4>{})) << "none is left, nor counted";
    }
    EXPECT_EQ(live_frames(), frames_before);
  });
  EXPECT_GT(inspections, 2000U);
  EXPECT_GT(seen, inspections);
}

}  // namespace
}  // namespace fluxor::runtime
