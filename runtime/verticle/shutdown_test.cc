#include "runtime/verticle/incarnation.h"

#include <gtest/gtest.h>

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <utility>

#include "runtime/verticle/tree_fixture.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

class ShutdownTest : public TreeTest {
 protected:
  using TreeTest::TreeTest;
  Words hold_outs() { return tree.verticles.system().hold_outs(); }
};

// Waits for something that knows nothing of tasks, and so of their cancellation.
struct Foreign {
  std::coroutine_handle<> waiting;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept { waiting = handle; }
  void await_resume() const noexcept {}
};

TEST_F(ShutdownTest, CutsAStopThatDoesNotReturnAndNamesItsTasks) {
  auto script = tree.says("a");
  script.stop_takes = 1h;
  std::uint32_t line = 0;
  script.on_start = [&](Context& context) {
    line = std::source_location::current().line() + 1;
    context.spawn(crash_after, 1h, std::string("never"));
  };
  const DeploymentId id = deploy({.name = "slow", .shutdown = 500ms}, script);
  auto undeployed = loop.start(tree.root().undeploy(id));
  loop.advance(500ms - 1ns);
  EXPECT_EQ(end_of(undeployed), "runs");
  loop.advance(1ns);
  EXPECT_NE(end_of(undeployed), "runs");
  EXPECT_EQ(tree.said(), (Words{"start a", "up a", "stop a", "~a"}));
  ASSERT_EQ(hold_outs().size(), 1u);
  const std::string report = hold_outs().front();
  EXPECT_NE(report.find("verticle slow did not stop in its time"), std::string::npos) << report;
  EXPECT_NE(report.find("stop(), spawned at"), std::string::npos) << report;
  EXPECT_NE(report.find("shutdown_test.cc:" + std::to_string(line) + ", waits for a timer"), std::string::npos)
      << report;
  EXPECT_EQ(tree.verticles.system().abandoned(), 0u);
}

TEST_F(ShutdownTest, AbandonsWhoIgnoresThatItIsCancelledAndLetsItCleanUpWhenItEnds) {
  auto foreign = std::make_unique<Foreign>();
  auto script = tree.says("a");
  script.stops = [&]() -> Task<> { co_await *foreign; };
  const DeploymentId id = deploy({.name = "a", .shutdown = 500ms}, script);
  const VerticleId verticle = tree.at("a").id();
  Words downs;
  tree.root().monitor(verticle, [&](const Down& down) { downs.push_back(down.reason.text()); });
  auto undeployed = loop.start(tree.root().undeploy(id));
  loop.advance(1s - 1ns);
  EXPECT_EQ(end_of(undeployed), "runs");
  loop.advance(1ns);
  EXPECT_EQ(end_of(undeployed), make_error_code(Errc::timeout).message());
  EXPECT_EQ(tree.said(), (Words{"start a", "up a", "stop a"}));
  EXPECT_EQ(tree.verticles.system().abandoned(), 1u);
  EXPECT_EQ(tree.verticles.log(),
            Words{"error verticle abandoned: it does not end although it was cancelled verticle=a loop=0"});
  // For all others it is no more.
  EXPECT_EQ(downs, Words{"abandoned"});
  EXPECT_EQ(directory().find("a"), std::nullopt);
  deploy({.name = "a"}, tree.says("b"));
  tree.said();
  foreign->waiting.resume();
  loop.run_until_idle();
  EXPECT_EQ(tree.said(), Words{"~a"});
  EXPECT_EQ(downs, Words{"abandoned"});
  EXPECT_TRUE(directory().find("a").has_value());
}

TEST_F(ShutdownTest, StartsAnewUnderItsNameWhatWasAbandonedInARestart) {
  auto foreign = std::make_unique<Foreign>();
  int lives = 0;
  SupervisorSpec s{.name = "s", .strategy = Strategy::one_for_all};
  s.child<Talker>({.name = "a"}, tree.says("a"));
  auto stuck = tree.says("b");
  stuck.starts = [&](Context& context) -> Task<> {
    if (++lives == 1) {
      context.spawn([](Foreign* foreign) -> Task<> { co_await *foreign; }, foreign.get());
    }
    co_return;
  };
  s.child<Talker>({.name = "b", .shutdown = 1s}, stuck);
  deploy(s);
  tree.said();
  tree.crash("a");
  loop.advance(1500ms);
  EXPECT_EQ(tree.said(), (Words{"~a", "stop b", "start a", "up a", "start b", "up b"}));
  foreign->waiting.resume();
  loop.run_until_idle();
  EXPECT_EQ(tree.said(), Words{"~b"});
}

TEST_F(ShutdownTest, GivesEachChildATimeOfItsOwn) {
  SupervisorSpec s{.name = "s"};
  for (const auto& [name, time] : {std::pair("a", 3s), std::pair("b", 1s)}) {
    auto script = tree.says(name);
    script.stop_takes = 1h;
    s.child<Talker>({.name = name, .shutdown = time}, script);
  }
  const DeploymentId id = deploy(s);
  tree.said();
  auto undeployed = loop.start(tree.root().undeploy(id));
  loop.advance(1s);
  EXPECT_EQ(tree.said(), (Words{"stop b", "~b", "stop a"}));
  loop.advance(3s - 1ns);
  EXPECT_TRUE(tree.said().empty());
  loop.advance(1ns);
  EXPECT_EQ(tree.said(), Words{"~a"});
  EXPECT_EQ(hold_outs().size(), 2u);
}

TEST_F(ShutdownTest, NamesWhatDoesNotEndBelowASupervisorThatIsKilled) {
  auto foreign = std::make_unique<Foreign>();
  SupervisorSpec s{.name = "s"};
  auto stuck = tree.says("stuck");
  stuck.stops = [&]() -> Task<> { co_await *foreign; };
  s.child<Talker>({.name = "stuck", .shutdown = 1h}, stuck);
  s.child<Talker>({.name = "fine"}, tree.says("fine"));
  auto parent = tree.says("p");
  parent.starts = [&](Context& context) -> Task<> { static_cast<void>((co_await context.deploy(s)).value()); };
  const DeploymentId id = deploy({.name = "p", .shutdown = 1s}, parent);
  auto undeployed = loop.start(tree.root().undeploy(id));
  loop.advance(2s);
  EXPECT_NE(end_of(undeployed), "runs");
  bool named = false;
  for (const std::string& line : tree.verticles.log()) named |= line.find("verticle=s/stuck") != std::string::npos;
  EXPECT_TRUE(named);
  tree.said();
  foreign->waiting.resume();
  loop.run_until_idle();
  EXPECT_EQ(directory().size(), 1u);
}

TEST_F(ShutdownTest, LetsACrashedVerticleEndInItsTimeToo) {
  auto script = tree.says("a");
  deploy({.name = "a"}, script);
  auto slow = tree.says("child");
  slow.stop_takes = 1h;
  auto child = loop.start(tree.at("a").deploy<Talker>({.name = "child", .shutdown = 2s}, slow));
  tree.said();
  tree.crash("a");
  loop.advance(2s);
  EXPECT_EQ(tree.said(), (Words{"stop child", "~child", "~a", "start a", "up a"}));
}

TEST_F(ShutdownTest, AbandonsWhatHasCrashedAndDoesNotEndAndRestartsIt) {
  auto foreign = std::make_unique<Foreign>();
  bool hangs = true;
  auto script = tree.says("a");
  script.on_start = [&](Context& context) {
    const auto hang = [](Foreign* in) -> Task<> { co_await *in; };
    if (std::exchange(hangs, false)) context.spawn(hang, foreign.get());
  };
  deploy({.name = "a", .shutdown = 1s}, script);
  tree.said();
  tree.crash("a");
  loop.advance(1s + 500ms - 1ns);
  EXPECT_EQ(tree.said(), Words{});
  loop.advance(1ns);
  EXPECT_EQ(tree.said(), (Words{"start a", "up a"}));
  EXPECT_EQ(hold_outs().size(), 1u);
  foreign->waiting.resume();
  loop.run_until_idle();
  EXPECT_EQ(tree.said(), Words{"~a"});
}

TEST_F(ShutdownTest, BoundsTheStopOfWhatEndsByItself) {
  auto script = tree.says("a");
  script.stop_takes = 1h;
  deploy({.name = "a", .shutdown = 1s}, script);
  tree.said();
  tree.at("a").exit();
  loop.advance(1s);
  EXPECT_EQ(tree.said(), (Words{"stop a", "~a", "start a", "up a"}));
}

}  // namespace
}  // namespace fluxor::runtime
