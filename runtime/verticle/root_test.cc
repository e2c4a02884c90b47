#include "runtime/verticle/root.h"

#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "runtime/verticle/tree_fixture.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

TEST(Root, EndsChildrenFirstAndTells) {
  TestTree tree;
  tree.loop.start(tree.root().deploy<Talker>({.name = "a"}, tree.says("a"))).get().value();
  tree.said();
  tree.verticles.stop();
  tree.loop.run_until_idle();
  EXPECT_EQ(tree.said(), (Words{"stop a", "~a"}));
  ASSERT_TRUE(tree.verticles.ended());
  EXPECT_EQ(tree.verticles.exit()->kind, ExitKind::shutdown);
  EXPECT_EQ(tree.verticles.system().directory().size(), 0u);
}

TEST(Root, IsRestartedByNobody) {
  TestTree tree;
  tree.root().crash(std::make_exception_ptr(std::runtime_error("main")));
  tree.loop.run_until_idle();
  ASSERT_TRUE(tree.verticles.ended());
  EXPECT_EQ(tree.verticles.exit()->text(), "crashed: main");
  tree.verticles.stop();
  tree.loop.advance(10min);
}

TEST(Root, EndsWithinItsTimeWhateverRunsBelow) {
  TestTree tree;
  auto script = tree.says("a");
  script.stop_takes = 1h;
  tree.loop.start(tree.root().deploy<Talker>({.name = "a", .shutdown = 1h}, script)).get().value();
  tree.verticles.stop();
  tree.loop.advance(1min - 1ns);
  EXPECT_FALSE(tree.verticles.ended());
  tree.loop.advance(1ns);
  ASSERT_TRUE(tree.verticles.ended());
  EXPECT_EQ(tree.verticles.exit()->kind, ExitKind::killed);
}

struct Main final : Verticle {
  explicit Main(Words& words) : words(words) {}
  ~Main() override { words.push_back("~"); }
  Task<> start(Context& context) override {
    words.push_back("start");
    context.spawn([]() -> Task<> { co_await sleep_for(1h); });
    co_return;
  }
  Task<> stop() override {
    words.push_back("stop");
    co_return;
  }
  Words& words;
};

class RootOfItsOwn : public testing::Test {
 protected:
  struct Quiet final : LogSink {
    void write(Severity, std::string_view, std::span<const LogField>) noexcept override {}
  };
  void make(VerticleFactory factory) {
    root.emplace(system, loop.loop(), std::move(factory), 1s,
                 Root::Callbacks{.started = [this] { words.push_back("started"); },
                                 .exited = [this](const ExitReason& reason) { words.push_back(reason.text()); }});
  }
  ManualClock clock;
  TestLoop loop{clock};
  SeededRandom random{1};
  Quiet log;
  Words words;
  VerticleSystem system{{.loops = {&loop.loop()}, .clock = clock, .random = random, .log = log}, {}};
  std::optional<Root> root;
};

TEST_F(RootOfItsOwn, TellsWhenItHasStarted) {
  make([this] { return std::make_unique<Main>(words); });
  EXPECT_TRUE(root->begin());
  loop.run_until_idle();
  EXPECT_EQ(words, (Words{"start", "started"}));
  root->stop();
  loop.run_until_idle();
  EXPECT_EQ(words, (Words{"start", "started", "stop", "~", "stopped"}));
}

TEST_F(RootOfItsOwn, KillsWithoutCallingStop) {
  make([this] { return std::make_unique<Main>(words); });
  root->begin();
  loop.run_until_idle();
  root->kill();
  root->kill();
  loop.run_until_idle();
  EXPECT_EQ(words, (Words{"start", "started", "~", "killed"}));
}

TEST_F(RootOfItsOwn, TellsWhenMainCannotBeMade) {
  make([]() -> std::unique_ptr<Verticle> { throw std::runtime_error("no config"); });
  root->begin();
  loop.run_until_idle();
  EXPECT_EQ(words, Words{"failed to start: no config"});
}

TEST_F(RootOfItsOwn, StopsAMainThatStarts) {
  struct Slow final : Verticle {
    Task<> start(Context&) override { co_await sleep_for(1h); }
  };
  make([] { return std::make_unique<Slow>(); });
  root->begin();
  loop.run_until_idle();
  root->stop();
  loop.run_until_idle();
  EXPECT_EQ(words, Words{"stopped"});
}

// --- giving up
// --------------------------------------------------------------------------------------------------------

class GivingUp : public TreeTest {
 protected:
  GivingUp()
      : TreeTest(
            {.on_giving_up = OnGivingUp::exit, .intensity = {.restarts_max = 1, .period = std::chrono::minutes(1)}}) {
    tree.verticles.system().on_give_up([this] { ++given_up; });
  }
  int given_up = 0;
};

TEST_F(GivingUp, LetsTheTreeStandForTheReportWhenASubtreeFailsUpward) {
  SupervisorSpec s{.name = "s", .intensity = {.restarts_max = 0}};
  s.child<Talker>({.name = "a"}, tree.says("a"));
  deploy(s);
  deploy({.name = "b"}, tree.says("b"));
  tree.said();
  tree.crash("a");
  EXPECT_EQ(given_up, 1);
  EXPECT_TRUE(tree.verticles.system().has_given_up());
  EXPECT_EQ(tree.verticles.system().given_up_because(), "s gave up: boom");
  // Whoever has made the root stops it.
  EXPECT_EQ(tree.said(), Words{"~a"});
  EXPECT_FALSE(directory().find("a"));
  EXPECT_TRUE(directory().find("b"));
}

TEST_F(GivingUp, IsToldWhenWhatHasNoSupervisorFailsTooOften) {
  deploy({.name = "a"}, tree.says("a"));
  tree.crash("a");
  EXPECT_EQ(given_up, 0);
  tree.crash("a", "second");
  EXPECT_EQ(given_up, 1);
  EXPECT_EQ(tree.verticles.system().given_up_because(), "a crashed: second");
}

TEST_F(GivingUp, CallsOnceForTheFirstReason) {
  deploy({.name = "p"}, tree.says("p"));
  loop.start(tree.at("p").deploy<Talker>({.name = "a"}, tree.says("a"))).get().value();
  tree.crash("a");
  tree.crash("a", "first");
  deploy({.name = "b"}, tree.says("b"));
  tree.crash("b");
  tree.crash("b", "other");
  EXPECT_EQ(given_up, 1);
  EXPECT_EQ(tree.verticles.system().given_up_because(), "a crashed: first");
}

}  // namespace
}  // namespace fluxor::runtime
