#include "runtime/verticle/supervisor.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "runtime/verticle/tree_fixture.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

class SupervisorTest : public TreeTest {
 protected:
  using TreeTest::TreeTest;
  SupervisorSpec spec(Strategy strategy = Strategy::one_for_one) { return {.name = "s", .strategy = strategy}; }
};

TEST_F(SupervisorTest, StartsItsChildrenInOrderAndStopsThemInTheReverseOne) {
  auto s = spec();
  for (const char* name : {"a", "b", "c"}) {
    auto script = tree.says(name);
    script.start_takes = 10ms;
    script.stop_takes = 10ms;
    s.child<Talker>({.name = name}, script);
  }
  auto deployed = loop.start(tree.root().deploy(s));
  loop.advance(30ms - 1ns);
  EXPECT_EQ(end_of(deployed), "runs");
  loop.advance(1ns);
  EXPECT_EQ(tree.said(), (Words{"start a", "up a", "start b", "up b", "start c", "up c"}));
  auto undeployed = loop.start(tree.root().undeploy(deployed.get().value()));
  loop.advance(30ms);
  EXPECT_EQ(end_of(undeployed), "ok");
  EXPECT_EQ(tree.said(), (Words{"stop c", "~c", "stop b", "~b", "stop a", "~a"}));
}

TEST_F(SupervisorTest, FailsToStartWhenAChildDoesAndStopsThoseBefore) {
  auto s = spec();
  s.child<Talker>({.name = "a"}, tree.says("a"));
  auto bad = tree.says("b");
  bad.start_takes = 1s;
  bad.start_fails = "no database";
  s.child<Talker>({.name = "b"}, bad);
  s.child<Talker>({.name = "c"}, tree.says("c"));
  auto deployed = loop.start(tree.root().deploy(s));
  loop.advance(1s);
  EXPECT_EQ(end_of(deployed), "no database");
  EXPECT_EQ(tree.said(), (Words{"start a", "up a", "start b", "~b", "stop a", "~a"}));
  EXPECT_EQ(tree.verticles.log(),
            Words{"error child failed to start verticle=s/b reason=failed to start: no database"});
}

TEST_F(SupervisorTest, RefusesAChildThatCannotBeMade) {
  const std::string invalid = make_error_code(Errc::invalid).message();
  auto no_factory = spec();
  no_factory.children.push_back({});
  auto two = spec();
  two.child<Talker>({.instances = 2}, tree.says("a"));
  auto worker = spec();
  worker.child<Talker>({.worker = true}, tree.says("a"));
  auto nested = spec();
  nested.child(worker);
  for (const auto& bad : {no_factory, two, worker, nested}) {
    auto deployed = loop.start(tree.root().deploy(bad));
    EXPECT_EQ(end_of(deployed), invalid);
  }
}

TEST_F(SupervisorTest, RestartsOnlyTheOneThatCrashedUnderItsName) {
  auto s = spec();
  for (const char* name : {"a", "b", "c"}) s.child<Talker>({.name = name}, tree.says(name));
  deploy(s);
  const auto a = directory().find("a"), b = directory().find("b"), c = directory().find("c");
  tree.said();
  tree.crash("b");
  EXPECT_EQ(tree.said(), (Words{"~b", "start b", "up b"}));
  EXPECT_EQ(directory().find("a"), a);
  EXPECT_NE(directory().find("b"), b);
  EXPECT_TRUE(directory().find("b").has_value());
  EXPECT_EQ(directory().find("c"), c);
  EXPECT_EQ(tree.verticles.system().restarts(), 1u);
}

TEST_F(SupervisorTest, RestartsAPermanentChildAlsoAfterANormalEnd) {
  auto s = spec();
  s.child<Talker>({.name = "a", .restart = Restart::permanent}, tree.says("a"));
  deploy(s);
  tree.said();
  tree.at("a").exit();
  loop.run_until_idle();
  EXPECT_EQ(tree.said(), (Words{"stop a", "~a", "start a", "up a"}));
}

TEST_F(SupervisorTest, RestartsATransientChildOnlyAfterACrash) {
  auto s = spec();
  s.child<Talker>({.name = "a", .restart = Restart::transient}, tree.says("a"));
  deploy(s);
  tree.said();
  tree.crash("a");
  EXPECT_EQ(tree.said(), (Words{"~a", "start a", "up a"}));
  tree.at("a").exit();
  loop.run_until_idle();
  EXPECT_EQ(tree.said(), (Words{"stop a", "~a"}));
}

TEST_F(SupervisorTest, RestartsATemporaryChildNever) {
  auto s = spec();
  s.child<Talker>({.name = "a", .restart = Restart::temporary}, tree.says("a"));
  deploy(s);
  tree.said();
  tree.crash("a");
  EXPECT_EQ(tree.said(), Words{"~a"});
}

TEST_F(SupervisorTest, StopsAChildThatIsStartingWhenItIsStoppedItself) {
  auto s = spec();
  s.child<Talker>({.name = "a"}, tree.says("a"));
  auto slow = tree.says("b");
  slow.start_takes = 1s;
  s.child<Talker>({.name = "b"}, slow);
  s.child<Talker>({.name = "c"}, tree.says("c"));
  auto parent = tree.says("p");
  parent.on_start = [&](Context& context) {
    context.spawn([](Context* context, SupervisorSpec s) -> Task<> { static_cast<void>(co_await context->deploy(s)); },
                  &context, s);
  };
  const DeploymentId id = deploy({}, parent);
  tree.said();
  auto undeployed = loop.start(tree.root().undeploy(id));
  EXPECT_EQ(end_of(undeployed), "ok");
  EXPECT_EQ(tree.said(), (Words{"~b", "stop a", "~a", "stop p", "~p"}));
}

TEST_F(SupervisorTest, CountsEachTryOfARestartAndAnswersMeanwhile) {
  bool fails = false;
  auto s = spec();
  s.intensity = {.restarts_max = 3, .period = 5s};
  auto script = tree.says("a");
  script.start_takes = 1s;
  script.starts = [&](Context&) -> Task<> {
    if (fails) throw std::runtime_error("still broken");
    co_return;
  };
  s.child<Talker>({.name = "a"}, script);
  s.child<Talker>({.name = "b"}, tree.says("b"));
  auto deployed = loop.start(tree.root().deploy(s));
  loop.advance(1s);
  const DeploymentId id = deployed.get().value();
  fails = true;
  tree.said();
  tree.crash("a");
  loop.advance(1s);
  loop.advance(500ms);
  // The second try runs; others are served.
  auto asked = loop.start(tree.root().start_child(
      id, {.options = {.name = "d"}, .factory = [&] { return std::make_unique<Talker>(tree.says("d")); }}));
  EXPECT_EQ(end_of(asked), "ok");
  EXPECT_EQ(tree.said(), (Words{"~a", "start a", "~a", "start a", "start d", "up d"}));
  loop.advance(500ms);
  EXPECT_EQ(tree.said(), (Words{"~a", "start a"}));
  fails = false;
  loop.advance(1s - 1ns);
  // A fourth failure within five seconds would be one too many.
  fails = true;
  loop.advance(1ns);
  EXPECT_EQ(tree.said(), (Words{"~a", "stop d", "~d", "stop b", "~b", "start a"}));
  fails = false;
  loop.advance(1s);
  EXPECT_EQ(tree.said(), (Words{"up a", "start b", "up b"}));
}

TEST_F(SupervisorTest, CountsRestartsOfAllItsChildrenTogether) {
  auto s = spec();
  s.intensity = {.restarts_max = 2, .period = 5s};
  for (const char* name : {"a", "b", "c"}) s.child<Talker>({.name = name}, tree.says(name));
  deploy(s);
  tree.crash("a");
  tree.crash("b");
  tree.said();
  tree.crash("c", "the third");
  // It gives up; below the root it is started anew at once.
  EXPECT_EQ(tree.said(),
            (Words{"~c", "stop b", "~b", "stop a", "~a", "start a", "up a", "start b", "up b", "start c", "up c"}));
  const Words log = tree.verticles.log();
  ASSERT_EQ(log.size(), 5u);
  EXPECT_EQ(log[3], "error supervisor gives up: too many failures verticle=s reason=s/c");
  EXPECT_EQ(log[4], "error child failed verticle=s reason=gave up: the third");
}

TEST_F(SupervisorTest, ForgetsRestartsOlderThanItsPeriod) {
  auto s = spec();
  s.intensity = {.restarts_max = 1, .period = 5s};
  s.child<Talker>({.name = "a"}, tree.says("a"));
  s.child<Talker>({.name = "b"}, tree.says("b"));
  deploy(s);
  tree.crash("a");
  loop.advance(5s + 1ns);
  tree.said();
  tree.crash("a");
  EXPECT_EQ(tree.said(), (Words{"~a", "start a", "up a"}));
  loop.advance(5s);
  tree.crash("a");
  EXPECT_EQ(tree.said(), (Words{"~a", "stop b", "~b", "start a", "up a", "start b", "up b"}));
}

TEST_F(SupervisorTest, FailsUpwardThroughTwoLevels) {
  SupervisorSpec inner{.name = "inner", .intensity = {.restarts_max = 1, .period = 5s}};
  inner.child<Talker>({.name = "a"}, tree.says("a"));
  SupervisorSpec outer{.name = "outer", .intensity = {.restarts_max = 1, .period = 5s}};
  outer.child<Talker>({.name = "x"}, tree.says("x"));
  outer.child(inner);
  deploy(outer);
  tree.said();
  tree.crash("a");  // 1: restarts a
  EXPECT_EQ(tree.said(), (Words{"~a", "start a", "up a"}));
  tree.crash("a");  // 2: inner gives up, outer restarts it
  EXPECT_EQ(tree.said(), (Words{"~a", "start a", "up a"}));
  tree.crash("a");
  EXPECT_EQ(tree.said(), (Words{"~a", "start a", "up a"}));
  tree.crash("a");  // inner gives up again, and outer with it: the root restarts all
  EXPECT_EQ(tree.said(), (Words{"~a", "stop x", "~x", "start x", "up x", "start a", "up a"}));
  for (int i = 0; i < 3; ++i) tree.crash("a");
  tree.said();
  tree.crash("a");  // the root's second time: with backoff
  EXPECT_EQ(tree.said(), (Words{"~a", "stop x", "~x"}));
  loop.advance(50ms - 1ns);
  EXPECT_TRUE(tree.said().empty());
  loop.advance(50ms + 1ns);
  EXPECT_EQ(tree.said(), (Words{"start x", "up x", "start a", "up a"}));
}

TEST_F(SupervisorTest, RestartsWithBackoffIfToldSo) {
  auto s = spec();
  s.backoff = BackoffOptions{};
  s.child<Talker>({.name = "a"}, tree.says("a"));
  s.child<Talker>({.name = "b"}, tree.says("b"));
  deploy(s);
  tree.crash("a");
  tree.said();
  tree.crash("a");
  EXPECT_EQ(tree.said(), Words{"~a"});
  tree.crash("b");  // has a backoff of its own
  EXPECT_EQ(tree.said(), (Words{"~b", "start b", "up b"}));
  loop.advance(100ms);
  EXPECT_EQ(tree.said(), (Words{"start a", "up a"}));
}

TEST_F(SupervisorTest, StopsWhileARestartWaits) {
  auto s = spec();
  s.backoff = BackoffOptions{.first = 1s};
  s.child<Talker>({.name = "a"}, tree.says("a"));
  s.child<Talker>({.name = "b"}, tree.says("b"));
  const DeploymentId id = deploy(s);
  tree.crash("a");
  tree.said();
  auto undeployed = loop.start(tree.root().undeploy(id));
  EXPECT_EQ(end_of(undeployed), "ok");
  EXPECT_EQ(tree.said(), (Words{"stop b", "~b"}));
  loop.advance(10s);
  EXPECT_TRUE(tree.said().empty());
}

// --- dynamic
// ----------------------------------------------------------------------------------------------------------

class DynamicTest : public SupervisorTest {
 protected:
  ChildSpec child(const std::string& name, Restart restart = Restart::permanent) {
    return {.options = {.name = name, .restart = restart},
            .factory = [this, name] { return std::make_unique<Talker>(tree.says(name)); }};
  }
  DeploymentId start(DeploymentId supervisor, ChildSpec spec) {
    auto started = loop.start(tree.root().start_child(supervisor, std::move(spec)));
    return started.get().value();
  }
};

TEST_F(DynamicTest, TakesChildrenAtRunTimeAndLetsThemGo) {
  const DeploymentId s = deploy(spec(Strategy::dynamic));
  const DeploymentId a = start(s, child("a"));
  start(s, child("b"));
  EXPECT_EQ(tree.said(), (Words{"start a", "up a", "start b", "up b"}));
  auto undeployed = loop.start(tree.root().undeploy(a));
  EXPECT_EQ(end_of(undeployed), "ok");
  EXPECT_EQ(tree.said(), (Words{"stop a", "~a"}));
  auto all = loop.start(tree.root().undeploy(s));
  EXPECT_EQ(end_of(all), "ok");
  EXPECT_EQ(tree.said(), (Words{"stop b", "~b"}));
}

TEST_F(DynamicTest, RestartsThemWhileItLivesAndForgetsThemWhenItIsRestarted) {
  auto s = spec(Strategy::dynamic);
  s.intensity = {.restarts_max = 1, .period = 5s};
  s.child<Talker>({.name = "fixed"}, tree.says("fixed"));
  const DeploymentId id = deploy(s);
  const DeploymentId a = start(id, child("a"));
  tree.said();
  tree.crash("a");
  EXPECT_EQ(tree.said(), (Words{"~a", "start a", "up a"}));
  tree.crash("a");
  EXPECT_EQ(tree.said(), (Words{"~a", "stop fixed", "~fixed", "start fixed", "up fixed"}));
  auto undeployed = loop.start(tree.root().undeploy(a));
  EXPECT_EQ(end_of(undeployed), make_error_code(Errc::closed).message());
  start(id, child("a"));
  EXPECT_EQ(tree.said(), (Words{"start a", "up a"}));
}

TEST_F(DynamicTest, TellsWhoAddsAChildWhenItFails) {
  const DeploymentId s = deploy(spec(Strategy::dynamic));
  start(s, child("a"));
  auto taken = loop.start(tree.root().start_child(s, child("a")));
  EXPECT_EQ(end_of(taken), make_error_code(Errc::exists).message());
  auto no_factory = loop.start(tree.root().start_child(s, {}));
  EXPECT_EQ(end_of(no_factory), make_error_code(Errc::invalid).message());
  auto unknown = loop.start(tree.root().start_child(DeploymentId(4711), child("b")));
  EXPECT_EQ(end_of(unknown), make_error_code(Errc::not_found).message());
  const DeploymentId verticle = deploy({.name = "v"}, tree.says("v"));
  auto no_supervisor = loop.start(tree.root().start_child(verticle, child("b")));
  EXPECT_EQ(end_of(no_supervisor), make_error_code(Errc::invalid).message());
  loop.start(tree.root().undeploy(s)).get().value();
  auto gone = loop.start(tree.root().start_child(s, child("b")));
  EXPECT_EQ(end_of(gone), make_error_code(Errc::closed).message());
}

TEST_F(DynamicTest, LosesOnlyTheNewChildWhenThatFailsWhileTheSupervisorStartsAgain) {
  auto s = spec(Strategy::dynamic);
  s.intensity = {.restarts_max = 0, .period = 5s};
  auto slow = tree.says("slow");
  slow.start_takes = 1s;
  s.child<Talker>({.name = "slow"}, slow);
  auto deployed = loop.start(tree.root().deploy(s));
  loop.advance(1s);
  tree.crash("slow");  // it gives up, and is started anew
  tree.said();
  auto broken = child("a");
  broken.factory = [] { return std::unique_ptr<Verticle>(); };
  auto started = loop.start(tree.root().start_child(deployed.get().value(), broken));
  EXPECT_EQ(end_of(started), make_error_code(Errc::invalid).message());
  loop.advance(1s);
  EXPECT_EQ(tree.said(), Words{"up slow"});
}

// --- significant children
// ---------------------------------------------------------------------------------------------

TEST_F(SupervisorTest, EndsWithTheFirstOfItsSignificantChildrenIfToldSo) {
  auto s = spec();
  s.auto_shutdown = AutoShutdown::any_significant;
  s.restart = Restart::transient;
  s.child<Talker>({.name = "a", .restart = Restart::transient, .significant = true}, tree.says("a"));
  s.child<Talker>({.name = "b", .restart = Restart::transient}, tree.says("b"));
  s.child<Talker>({.name = "c", .restart = Restart::transient, .significant = true}, tree.says("c"));
  const DeploymentId id = deploy(s);
  tree.said();
  tree.at("b").exit();
  loop.run_until_idle();
  EXPECT_EQ(tree.said(), (Words{"stop b", "~b"}));
  tree.crash("a");  // is restarted: that is no end
  EXPECT_EQ(tree.said(), (Words{"~a", "start a", "up a"}));
  tree.at("a").exit();
  loop.run_until_idle();
  EXPECT_EQ(tree.said(), (Words{"stop a", "~a", "stop c", "~c"}));
  auto undeployed = loop.start(tree.root().undeploy(id));
  EXPECT_EQ(end_of(undeployed), make_error_code(Errc::closed).message());  // it is no more
}

TEST_F(SupervisorTest, EndsWithTheLastOfItsSignificantChildrenIfToldSo) {
  auto s = spec();
  s.auto_shutdown = AutoShutdown::all_significant;
  s.restart = Restart::temporary;
  s.child<Talker>({.name = "a", .restart = Restart::temporary, .significant = true}, tree.says("a"));
  s.child<Talker>({.name = "b"}, tree.says("b"));
  s.child<Talker>({.name = "c", .restart = Restart::temporary, .significant = true}, tree.says("c"));
  deploy(s);
  tree.said();
  tree.crash("a");
  EXPECT_EQ(tree.said(), Words{"~a"});
  tree.crash("c");
  EXPECT_EQ(tree.said(), (Words{"~c", "stop b", "~b"}));
}

TEST_F(SupervisorTest, StaysWhenSignificantChildrenEndAndItWasNotToldToCare) {
  auto s = spec();
  s.child<Talker>({.name = "a", .restart = Restart::temporary, .significant = true}, tree.says("a"));
  s.child<Talker>({.name = "b"}, tree.says("b"));
  deploy(s);
  tree.said();
  tree.crash("a");
  EXPECT_EQ(tree.said(), Words{"~a"});
}

}  // namespace
}  // namespace fluxor::runtime
