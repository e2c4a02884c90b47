#include "runtime/verticle/context.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "runtime/verticle/tree_fixture.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

class DeploymentTest : public TreeTest {};

TEST_F(DeploymentTest, StartsAVerticleAndStopsItWhenItIsUndeployed) {
  const DeploymentId id = deploy({.name = "a"}, tree.says("a"));
  EXPECT_EQ(tree.said(), (Words{"start a", "up a"}));
  auto undeployed = loop.start(tree.root().undeploy(id));
  EXPECT_EQ(end_of(undeployed), "ok");
  EXPECT_EQ(tree.said(), (Words{"stop a", "~a"}));
}

TEST_F(DeploymentTest, LosesNoCrashOfWhatStopsAlready) {
  Context* context = nullptr;
  auto script = tree.says("a");
  script.stop_takes = 10ms;
  script.on_start = [&context](Context& started) { context = &started; };
  const DeploymentId id = deploy({.name = "a"}, script);
  auto undeployed = loop.start(tree.root().undeploy(id));
  context->crash(std::make_exception_ptr(std::runtime_error("late")));
  expect_failure("late");
  loop.advance(10ms);
  EXPECT_EQ(end_of(undeployed), "ok");
}

TEST_F(DeploymentTest, TellsTheCallerWhenStartFails) {
  auto script = tree.says("a");
  script.start_takes = 200ms;
  script.start_fails = "no database";
  auto deployed = loop.start(tree.root().deploy<Talker>({.name = "a"}, script));
  loop.advance(200ms - 1ns);
  EXPECT_EQ(end_of(deployed), "runs");
  loop.advance(1ns);
  EXPECT_EQ(end_of(deployed), "no database");
  EXPECT_EQ(tree.said(), (Words{"start a", "~a"}));
  EXPECT_EQ(directory().list().size(), 1u);  // the root
  EXPECT_EQ(directory().size(), 1u);
}

TEST_F(DeploymentTest, StopsWhatHasStartedWhenAnInstanceFails) {
  int made = 0;
  auto factory = [&] {
    auto script = tree.says(std::to_string(made++));
    if (script.name == "1") {
      script.start_takes = 100ms;
      script.start_fails = "one is enough";
    }
    if (script.name == "2") script.start_takes = 1s;
    return std::make_unique<Talker>(script);
  };
  auto deployed = loop.start(tree.root().deploy(factory, {.name = "a", .instances = 3}));
  EXPECT_EQ(tree.said(), (Words{"start 0", "up 0", "start 1", "start 2"}));
  loop.advance(100ms);
  EXPECT_EQ(end_of(deployed), "one is enough");
  EXPECT_EQ(tree.said(), (Words{"~1", "stop 0", "~2", "~0"}));
  EXPECT_EQ(directory().size(), 1u);
}

TEST_F(DeploymentTest, StartsNothingWhenTheFactoryGivesNull) {
  int made = 0;
  auto factory = [&]() -> std::unique_ptr<Verticle> {
    if (++made == 2) return nullptr;
    return std::make_unique<Talker>(tree.says("a"));
  };
  auto deployed = loop.start(tree.root().deploy(factory, {.instances = 2}));
  EXPECT_EQ(end_of(deployed), make_error_code(Errc::invalid).message());
  EXPECT_EQ(tree.said(), Words{"~a"});
  EXPECT_EQ(directory().size(), 1u);
}

TEST_F(DeploymentTest, StartsNothingWhenTheFactoryThrows) {
  int made = 0;
  auto factory = [&]() -> std::unique_ptr<Verticle> {
    if (++made == 2) throw std::runtime_error("no more");
    return std::make_unique<Talker>(tree.says("a"));
  };
  auto deployed = loop.start(tree.root().deploy(factory, {.instances = 2}));
  EXPECT_EQ(end_of(deployed), "no more");
  EXPECT_EQ(tree.said(), Words{"~a"});
}

TEST_F(DeploymentTest, StartsNothingWhenTheFactoryGivesTheSameObjectTwice) {
  Verticle* same = nullptr;
  auto factory = [&] {
    if (same == nullptr) same = new Talker(tree.says("a"));
    return std::unique_ptr<Verticle>(same);
  };
  auto deployed = loop.start(tree.root().deploy(factory, {.instances = 2}));
  EXPECT_EQ(end_of(deployed), make_error_code(Errc::invalid).message());
  EXPECT_EQ(tree.said(), Words{"~a"});  // once
}

TEST_F(DeploymentTest, RefusesNoInstancesNoFactoryAndWorkersWhereThereAreNone) {
  const std::string invalid = make_error_code(Errc::invalid).message();
  auto none = loop.start(tree.root().deploy<Talker>({.instances = 0}, tree.says("a")));
  auto no_factory = loop.start(tree.root().deploy(VerticleFactory(), DeploymentOptions{}));
  auto worker = loop.start(tree.root().deploy<Talker>({.worker = true}, tree.says("a")));
  EXPECT_EQ(end_of(none), invalid);
  EXPECT_EQ(end_of(no_factory), invalid);
  EXPECT_EQ(end_of(worker), invalid);
}

TEST_F(DeploymentTest, TellsAnUndeployedIdFromAnUnknownOne) {
  const DeploymentId id = deploy({}, tree.says("a"));
  auto undeployed = loop.start(tree.root().undeploy(id));
  EXPECT_EQ(end_of(undeployed), "ok");
  auto again = loop.start(tree.root().undeploy(id));
  EXPECT_EQ(end_of(again), make_error_code(Errc::closed).message());
  for (const DeploymentId unknown : {DeploymentId(0), DeploymentId(4711)}) {
    auto never = loop.start(tree.root().undeploy(unknown));
    EXPECT_EQ(end_of(never), make_error_code(Errc::not_found).message());
  }
}

TEST_F(DeploymentTest, TellsAnUndeployedIdFromAnUnknownOneAlsoToWhoHasDeployedNothing) {
  deploy({}, tree.says("a"));
  for (const DeploymentId unknown : {DeploymentId(0), DeploymentId(4711)}) {
    auto never = loop.start(tree.at("a").undeploy(unknown));
    EXPECT_EQ(end_of(never), make_error_code(Errc::not_found).message());
  }
}

TEST_F(DeploymentTest, RefusesASecondUndeployWhileTheFirstIsOnItsWay) {
  auto script = tree.says("a");
  script.stop_takes = 1s;
  const DeploymentId id = deploy({}, script);
  auto first = loop.start(tree.root().undeploy(id));
  auto second = loop.start(tree.root().undeploy(id));
  EXPECT_EQ(end_of(first), "runs");
  EXPECT_EQ(end_of(second), make_error_code(Errc::closed).message());
  loop.advance(1s);
  EXPECT_EQ(end_of(first), "ok");
}

TEST_F(DeploymentTest, RefusesToUndeployWhatStillStarts) {
  auto script = tree.says("a");
  script.start_takes = 1s;
  auto deployed = loop.start(tree.root().deploy<Talker>({}, script));
  // Ids are given in turn, and this is the first.
  auto undeployed = loop.start(tree.root().undeploy(DeploymentId(1)));
  EXPECT_EQ(end_of(undeployed), make_error_code(Errc::try_again).message());
  loop.advance(1s);
  ASSERT_EQ(end_of(deployed), "ok");
  auto later = loop.start(tree.root().undeploy(DeploymentId(1)));
  EXPECT_EQ(end_of(later), "ok");
}

TEST_F(DeploymentTest, ReturnsWhatStopThrowsAndReleasesAllTheSame) {
  auto script = tree.says("a");
  script.stop_fails = "disk full";
  script.on_start = [](Context& context) {
    context.every(1s, [] {});
    context.spawn(crash_after, 1h, std::string("never"));
  };
  const DeploymentId id = deploy({.name = "a"}, script);
  auto undeployed = loop.start(tree.root().undeploy(id));
  EXPECT_EQ(end_of(undeployed), "disk full");
  EXPECT_EQ(tree.said(), (Words{"start a", "up a", "stop a", "~a"}));
  EXPECT_EQ(directory().size(), 1u);
  EXPECT_EQ(loop.loop().next_expiry(), kNever);
}

TEST_F(DeploymentTest, EndsChildrenFirstTheYoungestOfThemFirst) {
  auto parent = tree.says("p");
  parent.starts = [&](Context& context) -> Task<> {
    for (const char* name : {"a", "b", "c"}) {
      auto script = tree.says(name);
      script.stop_takes = 10ms;
      static_cast<void>((co_await context.deploy<Talker>({}, script)).value());
    }
  };
  const DeploymentId id = deploy({}, parent);
  tree.said();
  auto undeployed = loop.start(tree.root().undeploy(id));
  loop.advance(30ms);
  EXPECT_EQ(end_of(undeployed), "ok");
  EXPECT_EQ(tree.said(), (Words{"stop c", "~c", "stop b", "~b", "stop a", "~a", "stop p", "~p"}));
}

TEST_F(DeploymentTest, StopsInstancesOfOneDeploymentTogether) {
  int made = 0;
  auto factory = [&] {
    auto script = tree.says(std::to_string(made++));
    script.stop_takes = 1s;
    return std::make_unique<Talker>(script);
  };
  auto deployed = loop.start(tree.root().deploy(factory, {.name = "a", .instances = 3}));
  tree.said();
  auto undeployed = loop.start(tree.root().undeploy(deployed.get().value()));
  EXPECT_EQ(tree.said(), (Words{"stop 2", "stop 1", "stop 0"}));
  loop.advance(1s);
  EXPECT_EQ(end_of(undeployed), "ok");
}

TEST_F(DeploymentTest, KeepsTasksUntilStopHasReturned) {
  bool cancelled_before_stop_returned = true;
  auto script = tree.says("a");
  bool stopped = false;
  script.on_start = [&](Context& context) {
    context.spawn(
        [](bool* stopped, bool* early) -> Task<> {
          try {
            co_await sleep_for(1h);
          } catch (const Cancelled&) {
            *early = !*stopped;
            throw;
          }
        },
        &stopped, &cancelled_before_stop_returned);
  };
  script.stops = [&]() -> Task<> {
    co_await sleep_for(1s);
    stopped = true;
  };
  const DeploymentId id = deploy({}, script);
  auto undeployed = loop.start(tree.root().undeploy(id));
  loop.advance(1s);
  EXPECT_EQ(end_of(undeployed), "ok");
  EXPECT_FALSE(cancelled_before_stop_returned);
}

TEST_F(DeploymentTest, CrashesByATaskWithoutCallingStop) {
  auto script = tree.says("a");
  script.on_start = [](Context& context) { context.spawn(crash_after, 1s, std::string("boom")); };
  deploy({.restart = Restart::temporary}, script);
  tree.said();
  loop.advance(1s);
  EXPECT_EQ(tree.said(), Words{"~a"});
  EXPECT_EQ(tree.verticles.system().crashes(), 1u);
  EXPECT_EQ(tree.verticles.log(), Words{"error child ended verticle=unnamed reason=crashed: boom"});
}

TEST_F(DeploymentTest, EndsTheChildrenOfACrashedVerticleAndDeploysThemAnew) {
  auto parent = tree.says("p");
  parent.starts = [&](Context& context) -> Task<> {
    static_cast<void>((co_await context.deploy<Talker>({.name = "child"}, tree.says("c"))).value());
  };
  deploy({.name = "parent"}, parent);
  const auto child = directory().find("child");
  tree.said();
  tree.crash("p");
  EXPECT_EQ(tree.said(), (Words{"stop c", "~c", "~p", "start p", "start c", "up c", "up p"}));
  EXPECT_NE(directory().find("child"), child);
}

TEST_F(DeploymentTest, RestartsWithBackoffWhatHasNoSupervisorOfItsOwn) {
  auto script = tree.says("a");
  script.on_start = [](Context& context) { context.spawn(crash_after, 1s, std::string("boom")); };
  deploy({.name = "a"}, script);
  EXPECT_EQ(tree.said(), (Words{"start a", "up a"}));
  loop.advance(1s);
  EXPECT_EQ(tree.said(), (Words{"~a", "start a", "up a"}));
  loop.advance(1s);
  EXPECT_EQ(tree.said(), Words{"~a"});
  loop.advance(50ms - 1ns);
  EXPECT_TRUE(tree.said().empty());
  loop.advance(50ms + 1ns);
  EXPECT_EQ(tree.said(), (Words{"start a", "up a"}));
}

TEST_F(DeploymentTest, RefusesChildrenOnceItEnds) {
  std::string answer;
  auto script = tree.says("a");
  script.stops = [&]() -> Task<> {
    const auto deployed = co_await tree.at("a").deploy<Talker>({}, tree.says("b"));
    answer = deployed ? "ok" : deployed.error().message();
  };
  const DeploymentId id = deploy({}, script);
  auto undeployed = loop.start(tree.root().undeploy(id));
  EXPECT_EQ(end_of(undeployed), "ok");
  EXPECT_EQ(answer, make_error_code(Errc::closed).message());
}

TEST_F(DeploymentTest, StopsWhatStartsWhenWhoDeploysItEnds) {
  auto parent = tree.says("p");
  parent.on_start = [&](Context& context) {
    auto slow = tree.says("slow");
    slow.start_takes = 1h;
    context.spawn(
        [](Context* context, Talker::Script script) -> Task<> {
          static_cast<void>(co_await context->deploy<Talker>({}, script));
        },
        &context, slow);
  };
  const DeploymentId id = deploy({}, parent);
  EXPECT_EQ(tree.said(), (Words{"start p", "up p", "start slow"}));
  auto undeployed = loop.start(tree.root().undeploy(id));
  EXPECT_EQ(end_of(undeployed), "ok");
  EXPECT_EQ(tree.said(), (Words{"~slow", "stop p", "~p"}));
}

TEST_F(DeploymentTest, TakesBackADeploymentWhoseCallerIsCancelled) {
  auto slow = tree.says("slow");
  slow.start_takes = 1h;
  auto parent = tree.says("p");
  std::optional<Child<>> deploying;
  parent.on_start = [&](Context& context) {
    deploying.emplace(context.spawn(
        [](Context* context, Talker::Script script) -> Task<> {
          static_cast<void>((co_await context->deploy<Talker>({}, script)).value());
        },
        &context, slow));
  };
  deploy({}, parent);
  tree.said();
  deploying->cancel();
  loop.run_until_idle();
  EXPECT_EQ(tree.said(), Words{"~slow"});
  EXPECT_TRUE(deploying->done());
  deploying.reset();
}

TEST_F(DeploymentTest, UndeploysToItsEndAlsoWhenWhoWaitsIsCancelled) {
  auto script = tree.says("a");
  script.stop_takes = 1s;
  auto parent = tree.says("p");
  std::optional<Child<>> waiting;
  parent.starts = [&](Context& context) -> Task<> {
    const DeploymentId id = (co_await context.deploy<Talker>({}, script)).value();
    waiting.emplace(context.spawn(
        [](Context* context, DeploymentId id) -> Task<> { static_cast<void>(co_await context->undeploy(id)); },
        &context, id));
  };
  deploy({}, parent);
  tree.said();
  waiting->cancel();
  loop.run_until_idle();
  EXPECT_TRUE(waiting->done());
  EXPECT_TRUE(tree.said().empty());
  loop.advance(1s);
  EXPECT_EQ(tree.said(), Words{"~a"});
  waiting.reset();
}

TEST_F(DeploymentTest, GivesItsConfigToEachIncarnation) {
  Words seen;
  auto script = tree.says("a");
  script.on_start = [&](Context& context) {
    const auto* const text = context.config<std::string>();
    seen.push_back(text == nullptr ? "none" : *text);
    EXPECT_EQ(context.config<int>(), nullptr);
  };
  deploy({.name = "a", .config = make_config(std::string("eight"))}, script);
  tree.crash("a");
  EXPECT_EQ(seen, (Words{"eight", "eight"}));
}

TEST_F(DeploymentTest, IsTheContextOfWhatRunsInIt) {
  const Context* in_start = nullptr;
  const Context* in_task = nullptr;
  auto script = tree.says("a");
  script.on_start = [&](Context& context) {
    in_start = Context::current();
    context.spawn(
        [](const Context** seen) -> Task<> {
          *seen = Context::current();
          co_return;
        },
        &in_task);
  };
  deploy({}, script);
  EXPECT_EQ(in_start, &tree.at("a"));
  EXPECT_EQ(in_task, &tree.at("a"));
  EXPECT_EQ(Context::current(), nullptr);
}

TEST_F(DeploymentTest, EndsNormallyWhenItExits) {
  deploy({.restart = Restart::transient}, tree.says("a"));
  tree.said();
  tree.at("a").exit();
  loop.run_until_idle();
  EXPECT_EQ(tree.said(), (Words{"stop a", "~a"}));
  EXPECT_EQ(directory().size(), 1u);
  EXPECT_TRUE(tree.verticles.log().empty());
}

TEST_F(DeploymentTest, IsClosedToItsCallerWhenItExitsWhileItStarts) {
  auto script = tree.says("a");
  script.starts = [](Context& context) -> Task<> {
    context.exit();
    co_await sleep_for(1h);
  };
  auto deployed = loop.start(tree.root().deploy<Talker>({}, script));
  EXPECT_EQ(end_of(deployed), make_error_code(Errc::closed).message());
  EXPECT_EQ(tree.said(), (Words{"start a", "~a"}));
}

class Held final : public VerticleResource {
 public:
  Held(Context& context, Words& words, std::string name)
      : VerticleResource(context), words_(words), name_(std::move(name)) {}
  ~Held() override { words_.push_back("free " + name_); }

 private:
  void on_verticle_end() noexcept override {
    words_.push_back("end " + name_);
    delete this;
  }
  Words& words_;
  const std::string name_;
};

TEST_F(DeploymentTest, LetsGoOfItsResourcesAfterItsTasksAndBeforeItselfTheYoungestFirst) {
  auto script = tree.says("a");
  script.on_start = [&](Context& context) {
    new Held(context, tree.words, "r1");
    auto* const gone = new Held(context, tree.words, "r2");
    new Held(context, tree.words, "r3");
    delete gone;
    context.spawn(
        [](Words* words) -> Task<> {
          struct AtEnd {
            Words& words;
            ~AtEnd() { words.push_back("task"); }
          } const at_end{*words};
          co_await sleep_for(1h);
        },
        &tree.words);
  };
  const DeploymentId id = deploy({}, script);
  tree.said();
  auto undeployed = loop.start(tree.root().undeploy(id));
  EXPECT_EQ(tree.said(), (Words{"stop a", "task", "end r3", "free r3", "end r1", "free r1", "~a"}));
}

TEST_F(DeploymentTest, ListsWhatRunsAtEachStep) {
  auto names = [&] {
    Words names;
    for (const VerticleInfo& info : directory().list()) {
      if (!info.name.empty()) names.push_back(info.name);
    }
    return names;
  };
  auto slow = tree.says("slow");
  slow.start_takes = 1s;
  slow.stop_takes = 1s;
  auto deployed = loop.start(tree.root().deploy<Talker>({.name = "slow"}, slow));
  EXPECT_EQ(names(), Words{});
  EXPECT_EQ(directory().info(*directory().find("slow"))->state, VerticleState::starting);
  loop.advance(1s);
  EXPECT_EQ(names(), Words{"slow"});
  deploy({.name = "other"}, tree.says("other"));
  EXPECT_EQ(names(), (Words{"slow", "other"}));
  auto undeployed = loop.start(tree.root().undeploy(deployed.get().value()));
  EXPECT_EQ(names(), Words{"other"});
  EXPECT_EQ(directory().info(*directory().find("slow"))->state, VerticleState::stopping);
  loop.advance(1s);
  EXPECT_EQ(directory().find("slow"), std::nullopt);
  EXPECT_EQ(end_of(undeployed), "ok");
}

// --- what a review found --------------------------------------------------------------------------------------------

TEST_F(DeploymentTest, UndeploysWhatWaitsForItsRestartWithoutAnError) {
  auto script = tree.says("a");
  script.on_start = [](Context& context) { context.spawn(crash_after, 1s, std::string("boom")); };
  const DeploymentId id = deploy({.name = "a"}, script);
  loop.advance(2s);  // the second crash waits
  auto undeployed = loop.start(tree.root().undeploy(id));
  EXPECT_EQ(end_of(undeployed), "ok");
  tree.said();
  loop.advance(10s);
  EXPECT_TRUE(tree.said().empty());
}

TEST_F(DeploymentTest, SaysThatOneDidNotStopInItsTime) {
  auto script = tree.says("a");
  script.stop_takes = 1h;
  const DeploymentId id = deploy({.shutdown = 500ms}, script);
  auto undeployed = loop.start(tree.root().undeploy(id));
  loop.advance(500ms);
  EXPECT_EQ(end_of(undeployed), make_error_code(Errc::timeout).message());
}

TEST_F(DeploymentTest, TellsNobodyOfACrashAsIfStopHadThrownIt) {
  const DeploymentId id = deploy({.name = "a"}, tree.says("a"));
  tree.said();
  auto script = tree.says("child");
  script.stop_takes = 1s;
  auto child = loop.start(tree.at("a").deploy<Talker>({}, script));
  tree.said();
  tree.crash("a");  // its child still stops
  auto undeployed = loop.start(tree.root().undeploy(id));
  loop.advance(1s);
  EXPECT_EQ(end_of(undeployed), "ok");
  EXPECT_EQ(tree.said(), (Words{"stop child", "~child", "~a"}));
  EXPECT_EQ(tree.verticles.log(), Words{"error child failed while it stopped verticle=a reason=crashed: boom"});
}

TEST_F(DeploymentTest, LogsWhatNobodyWaitsForWhenStopThrows) {
  auto script = tree.says("a");
  script.stop_fails = "disk full";
  auto parent = tree.says("p");
  parent.starts = [&](Context& context) -> Task<> {
    static_cast<void>((co_await context.deploy<Talker>({.name = "a"}, script)).value());
  };
  const DeploymentId id = deploy({}, parent);
  auto undeployed = loop.start(tree.root().undeploy(id));
  EXPECT_EQ(end_of(undeployed), "ok");
  EXPECT_EQ(tree.verticles.log(), Words{"error child failed while it stopped verticle=a reason=stopped: disk full"});
}

TEST_F(DeploymentTest, CallsNoTimerOfAVerticleThatHasCrashed) {
  int ticks = 0;
  auto script = tree.says("a");
  script.on_start = [&](Context& context) { context.every(100ms, [&ticks] { ++ticks; }); };
  deploy({.restart = Restart::temporary}, script);
  auto slow = tree.says("child");
  slow.stop_takes = 1s;
  auto child = loop.start(tree.at("a").deploy<Talker>({}, slow));
  loop.advance(300ms);
  EXPECT_EQ(ticks, 3);
  tree.crash("a");
  loop.advance(1s);
  EXPECT_EQ(ticks, 3);
}

TEST_F(DeploymentTest, EndsNotBeforeATaskThatATimerBeganAtItsLastMoment) {
  auto ticks = std::make_shared<int>(0);
  auto script = tree.says("a");
  script.stop_takes = 1s;
  const DeploymentId id = deploy({}, script);
  auto undeployed = loop.start(tree.root().undeploy(id));
  // Armed after the timer that stop() waits for, and due with it: it fires when the last task has ended.
  tree.at("a").every(1s, [ticks] { ++*ticks; });
  loop.advance(1s);
  EXPECT_EQ(end_of(undeployed), "ok");
}

TEST_F(DeploymentTest, UndeploysWithoutAnErrorASupervisorThatGivesUpMeanwhile) {
  SupervisorSpec s{.name = "s", .intensity = {.restarts_max = 0}};
  auto slow = tree.says("slow");
  slow.stop_takes = 1s;
  s.child<Talker>({.name = "slow"}, slow);
  s.child<Talker>({.name = "a"}, tree.says("a"));
  const DeploymentId id = deploy(s);
  tree.crash("a");
  auto undeployed = loop.start(tree.root().undeploy(id));
  EXPECT_EQ(end_of(undeployed), "runs");
  loop.advance(1s);
  EXPECT_EQ(end_of(undeployed), "ok");
  EXPECT_EQ(directory().size(), 1u);
}

TEST_F(DeploymentTest, UndeploysWithoutTheErrorOfAnInstanceThatHadEndedBefore) {
  int made = 0;
  auto factory = [&] {
    auto script = tree.says(std::to_string(made++));
    if (script.name == "0") script.stop_fails = "zero";
    return std::make_unique<Talker>(script);
  };
  auto deployed = loop.start(tree.root().deploy(factory, {.instances = 2, .restart = Restart::transient}));
  tree.at("0").exit();
  loop.run_until_idle();
  auto undeployed = loop.start(tree.root().undeploy(deployed.get().value()));
  EXPECT_EQ(end_of(undeployed), "ok");
}

TEST_F(DeploymentTest, EndsNotBeforeATaskThatIsSpawnedAfterTheLastHasEnded) {
  struct Late final : Timer {
    void on_timer() override { context->spawn(crash_after, Duration(0), std::string("late")); }
    Context* context = nullptr;
  } late;
  auto script = tree.says("a");
  script.stop_takes = 1s;
  const DeploymentId id = deploy({}, script);
  auto undeployed = loop.start(tree.root().undeploy(id));
  // As a consumer might, when a message comes together with the end of stop().
  late.context = &tree.at("a");
  loop.loop().arm_after(late, 1s);
  loop.advance(1s);
  EXPECT_EQ(end_of(undeployed), "ok");
}

TEST_F(DeploymentTest, LogsWhatStopThrowsWhenNobodyWaitsForItAnyMore) {
  auto script = tree.says("a");
  script.stop_takes = 1s;
  script.stop_fails = "no disk";
  const DeploymentId id = deploy({.name = "a"}, script);
  const auto undeploy = [](Context* root, DeploymentId which) -> Task<> {
    static_cast<void>(co_await root->undeploy(which));
  };
  auto waits = tree.root().spawn(undeploy, &tree.root(), id);
  loop.run_until_idle();
  waits.cancel();
  loop.advance(1s);
  EXPECT_EQ(tree.verticles.log(), Words{"error child failed while it stopped verticle=a reason=stopped: no disk"});
}

TEST_F(DeploymentTest, LogsWhatStopThrowsInOneThatHasEndedByItself) {
  auto script = tree.says("a");
  script.stop_fails = "no disk";
  deploy({.name = "a", .restart = Restart::transient}, script);
  tree.at("a").exit();
  loop.run_until_idle();
  EXPECT_EQ(tree.verticles.log(), Words{"error child ended verticle=a reason=ended: no disk"});
}

TEST_F(DeploymentTest, ReportsWhatStartThrowsWhenItIsToldToStop) {
  auto script = tree.says("a");
  script.starts = [](Context&) -> Task<> {
    try {
      co_await sleep_for(1h);
    } catch (const Cancelled&) {
    }
    throw std::runtime_error("cannot undo");
  };
  auto parent = tree.says("p");
  parent.on_start = [&](Context& context) {
    context.spawn(
        [](Context* in, Talker::Script of) -> Task<> {
          static_cast<void>(co_await in->deploy<Talker>({.name = "a"}, of));
        },
        &context, script);
  };
  const DeploymentId id = deploy({.name = "p"}, parent);
  auto undeployed = loop.start(tree.root().undeploy(id));
  EXPECT_EQ(end_of(undeployed), "ok");
  expect_failure("cannot undo");
}

TEST_F(DeploymentTest, IsNotFailedByAnInstanceThatIsDoneBeforeTheLastHasStarted) {
  int made = 0;
  auto factory = [&] {
    auto script = tree.says(std::to_string(made++));
    if (script.name == "1") script.start_takes = 1s;
    return std::make_unique<Talker>(script);
  };
  auto deployed = loop.start(tree.root().deploy(factory, {.instances = 2, .restart = Restart::transient}));
  tree.at("0").exit();
  loop.advance(1s);
  EXPECT_EQ(end_of(deployed), "ok");
  EXPECT_TRUE(tree.contexts.contains("1"));
}

TEST_F(DeploymentTest, FailsIfAnInstanceIsDoneWhileItStarts) {
  int made = 0;
  auto factory = [&] {
    auto script = tree.says(std::to_string(made++));
    script.start_takes = 1s;
    if (script.name == "1")
      script.starts = [](Context& context) -> Task<> {
        context.exit();
        co_return;
      };
    return std::make_unique<Talker>(script);
  };
  auto deployed = loop.start(tree.root().deploy(factory, {.instances = 2, .restart = Restart::transient}));
  loop.advance(1s);
  EXPECT_EQ(end_of(deployed), make_error_code(Errc::closed).message());
  EXPECT_TRUE(tree.contexts.empty());
}

TEST_F(DeploymentTest, StopsAlsoAChildThatIsMadeWhileItsParentIsToldToStop) {
  auto parent = tree.says("p");
  deploy({.name = "p", .restart = Restart::temporary}, parent);
  int made = 0;
  auto factory = [&] {
    if (made++ == 1) tree.at("p").exit();
    return std::make_unique<Talker>(tree.says("c"));
  };
  auto child = loop.start(tree.at("p").deploy(factory, {.name = "c"}));
  tree.said();
  tree.crash("c");
  loop.advance(1ms);
  EXPECT_EQ(directory().size(), 1u);  // the root
  EXPECT_TRUE(tree.verticles.system().hold_outs().empty());
}

}  // namespace
}  // namespace fluxor::runtime
