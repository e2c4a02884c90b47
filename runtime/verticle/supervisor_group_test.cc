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

// one_for_all and rest_for_one: restarts of several.
class SupervisorGroupTest : public TreeTest {
 protected:
  SupervisorSpec spec(Strategy strategy, const Words& names, Duration start = 0s, Duration stop = 0s) {
    SupervisorSpec s{.name = "s", .strategy = strategy};
    for (const std::string& name : names) {
      auto script = tree.says(name);
      script.start_takes = start;
      script.stop_takes = stop;
      s.child<Talker>({.name = name}, script);
    }
    return s;
  }
};

TEST_F(SupervisorGroupTest, RestartsThoseAfterTheOneThatCrashed) {
  auto deployed = loop.start(tree.root().deploy(spec(Strategy::rest_for_one, {"a", "b", "c", "d"}, 10ms, 10ms)));
  loop.advance(40ms);
  tree.said();
  tree.crash("b");
  loop.advance(1s);
  EXPECT_EQ(tree.said(),
            (Words{"~b", "stop d", "~d", "stop c", "~c", "start b", "up b", "start c", "up c", "start d", "up d"}));
}

TEST_F(SupervisorGroupTest, RestartsAllOfThem) {
  deploy(spec(Strategy::one_for_all, {"a", "b", "c"}));
  tree.said();
  tree.crash("b");
  EXPECT_EQ(tree.said(),
            (Words{"~b", "stop c", "~c", "stop a", "~a", "start a", "up a", "start b", "up b", "start c", "up c"}));
}

TEST_F(SupervisorGroupTest, BeginsAnewFurtherUpWhenAnEarlierOneCrashesMeanwhile) {
  deploy(spec(Strategy::rest_for_one, {"a", "b", "c"}, 0s, 1s));
  tree.said();
  tree.crash("b");
  EXPECT_EQ(tree.said(), (Words{"~b", "stop c"}));
  tree.crash("a");
  EXPECT_EQ(tree.said(), Words{"~a"});
  loop.advance(1s);
  EXPECT_EQ(tree.said(), (Words{"~c", "start a", "up a", "start b", "up b", "start c", "up c"}));
}

TEST_F(SupervisorGroupTest, StopsThoseItHasStartedAgainWhenARestartFails) {
  auto s = spec(Strategy::rest_for_one, {"a", "b"});
  bool fails = false;
  auto script = tree.says("c");
  script.starts = [&](Context&) -> Task<> {
    if (std::exchange(fails, false)) throw std::runtime_error("not yet");
    co_return;
  };
  s.child<Talker>({.name = "c"}, script);
  s.child<Talker>({.name = "d"}, tree.says("d"));
  deploy(s);
  tree.said();
  fails = true;
  tree.crash("b");
  EXPECT_EQ(tree.said(), (Words{"~b", "stop d", "~d", "stop c", "~c", "start b", "up b", "start c", "~c", "start c",
                                "up c", "start d", "up d"}));
}

TEST_F(SupervisorGroupTest, StopsInTheMiddleOfARestart) {
  auto deployed = loop.start(tree.root().deploy(spec(Strategy::one_for_all, {"a", "b", "c"}, 1s, 0s)));
  loop.advance(3s);
  tree.crash("a");
  loop.advance(1500ms);  // a is up again, b on its way
  tree.said();
  auto undeployed = loop.start(tree.root().undeploy(deployed.get().value()));
  EXPECT_EQ(end_of(undeployed), "ok");
  EXPECT_EQ(tree.said(), (Words{"~b", "stop a", "~a"}));
}

TEST_F(SupervisorGroupTest, WaitsWithTheWholeGroupIfItHasABackoff) {
  auto s = spec(Strategy::rest_for_one, {"a", "b", "c"});
  s.backoff = BackoffOptions{.first = 1s};
  const DeploymentId id = deploy(s);
  tree.said();
  tree.crash("b");
  EXPECT_EQ(tree.said(), (Words{"~b", "stop c", "~c"}));
  loop.advance(1s - 1ns);
  EXPECT_TRUE(tree.said().empty());
  loop.advance(1ns);
  EXPECT_EQ(tree.said(), (Words{"start b", "up b", "start c", "up c"}));
  tree.crash("b");
  tree.said();
  auto undeployed = loop.start(tree.root().undeploy(id));  // while it waits
  EXPECT_EQ(end_of(undeployed), "ok");
  EXPECT_EQ(tree.said(), (Words{"stop a", "~a"}));
  loop.advance(1min);
  EXPECT_TRUE(tree.said().empty());
}

TEST_F(SupervisorGroupTest, RestartsNothingTemporaryBecauseOfASibling) {
  auto s = spec(Strategy::one_for_all, {"a"});
  s.child<Talker>({.name = "t", .restart = Restart::temporary}, tree.says("t"));
  s.child<Talker>({.name = "b"}, tree.says("b"));
  deploy(s);
  tree.said();
  tree.crash("b");
  EXPECT_EQ(tree.said(), (Words{"~b", "stop t", "~t", "stop a", "~a", "start a", "up a", "start b", "up b"}));
}

// --- what a review found --------------------------------------------------------------------------------------------

TEST_F(SupervisorGroupTest, CountsOneRestartHoweverManyOfTheGroupCrashWithIt) {
  auto s = spec(Strategy::one_for_all, {"a", "b", "c", "d"}, 0s, 1s);
  s.intensity = {.restarts_max = 1, .period = 5s};
  deploy(s);
  tree.said();
  tree.crash("c");
  tree.crash("a");  // while d stops
  tree.crash("b");
  EXPECT_EQ(tree.said(), (Words{"~c", "stop d", "~a", "~b"}));
  loop.advance(1s);
  EXPECT_EQ(tree.said(), (Words{"~d", "start a", "up a", "start b", "up b", "start c", "up c", "start d", "up d"}));
  for (const std::string& line : tree.verticles.log()) EXPECT_EQ(line.find("gives up"), std::string::npos) << line;
}

TEST_F(SupervisorGroupTest, StartsTemporaryChildrenAgainWhenItIsRestartedItself) {
  SupervisorSpec s{.name = "s", .intensity = {.restarts_max = 0}};
  s.child<Talker>({.name = "t", .restart = Restart::temporary}, tree.says("t"));
  s.child<Talker>({.name = "u", .restart = Restart::temporary}, tree.says("u"));
  s.child<Talker>({.name = "a"}, tree.says("a"));
  deploy(s);
  tree.crash("t");
  tree.said();
  tree.crash("a");
  EXPECT_EQ(tree.said(), (Words{"~a", "stop u", "~u", "start t", "up t", "start u", "up u", "start a", "up a"}));
}

TEST_F(SupervisorGroupTest, IsNotLedAstrayByAChildThatIsAddedAndFailsMeanwhile) {
  auto s = spec(Strategy::rest_for_one, {"a", "b", "c"}, 1s);
  auto deployed = loop.start(tree.root().deploy(s));
  loop.advance(3s);
  tree.crash("b");
  tree.said();
  auto added = loop.start(tree.root().start_child(
      deployed.get().value(),
      {.options = {.name = "d"}, .factory = [&] { return std::make_unique<Talker>(tree.says("d")); }}));
  ASSERT_EQ(end_of(added), "ok");
  tree.crash("d");
  loop.advance(3s);
  EXPECT_TRUE(directory().find("b").has_value());
  EXPECT_TRUE(directory().find("c").has_value());
  EXPECT_TRUE(directory().find("d").has_value());
}

TEST_F(SupervisorGroupTest, WaitsItsTimeThoughAChildIsAddedMeanwhile) {
  auto s = spec(Strategy::rest_for_one, {"a", "b", "c"});
  s.backoff = BackoffOptions{.first = 1s};
  const DeploymentId id = deploy(s);
  tree.crash("b");
  tree.said();
  auto added = loop.start(tree.root().start_child(
      id, {.options = {.name = "d"}, .factory = [&] { return std::make_unique<Talker>(tree.says("d")); }}));
  EXPECT_EQ(tree.said(), (Words{"start d", "up d"}));
  loop.advance(1s);
  EXPECT_EQ(tree.said(), (Words{"start b", "up b", "start c", "up c"}));
}

// A supervisor that waits before a restart, below one that restarts it at once.
TEST_F(SupervisorGroupTest, ForgetsThatAGroupWaitsWhenItIsRestartedItself) {
  SupervisorSpec outer{.name = "outer", .strategy = Strategy::one_for_all};
  outer.child<Talker>({.name = "x"}, tree.says("x"));
  auto inner = spec(Strategy::one_for_all, {"a", "b"});
  inner.backoff = BackoffOptions{.first = 1s};
  outer.child(inner);
  deploy(outer);
  tree.crash("a");
  tree.said();
  tree.crash("x");
  EXPECT_EQ(tree.said(), (Words{"~x", "start x", "up x", "start a", "up a", "start b", "up b"}));
  loop.advance(1min);
  EXPECT_TRUE(tree.said().empty());
}

TEST_F(SupervisorGroupTest, ForgetsThatAChildWaitsWhenItIsRestartedItself) {
  SupervisorSpec outer{.name = "outer", .strategy = Strategy::one_for_all};
  outer.child<Talker>({.name = "x"}, tree.says("x"));
  auto inner = spec(Strategy::one_for_one, {"a", "b"});
  inner.backoff = BackoffOptions{.first = 1s};
  outer.child(inner);
  deploy(outer);
  tree.crash("a");
  tree.said();
  tree.crash("x");
  EXPECT_EQ(tree.said(), (Words{"~x", "stop b", "~b", "start x", "up x", "start a", "up a", "start b", "up b"}));
  loop.advance(1min);
  EXPECT_TRUE(tree.said().empty());
}

}  // namespace
}  // namespace fluxor::runtime
