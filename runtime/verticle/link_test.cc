#include "runtime/verticle/context.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "runtime/verticle/tree_fixture.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

class LinkTest : public TreeTest {
 protected:
  LinkTest() {
    for (const char* name : {"a", "b", "c"}) deploy({.name = name, .restart = Restart::temporary}, tree.says(name));
    tree.said();
  }
  VerticleId id(const std::string& name) { return *directory().find(name); }
};

TEST_F(LinkTest, CrashesTheOtherOneAndSoOn) {
  tree.at("a").link(id("b"));
  tree.at("b").link(id("c"));
  tree.crash("c");
  EXPECT_EQ(tree.said(), (Words{"~c", "~b", "~a"}));
  ASSERT_EQ(tree.verticles.log().size(), 3u);
  EXPECT_NE(tree.verticles.log()[1].find("linked verticle number"), std::string::npos);
}

TEST_F(LinkTest, WorksInBothDirections) {
  tree.at("a").link(id("b"));
  tree.crash("a");
  EXPECT_EQ(tree.said(), (Words{"~a", "~b"}));
}

TEST_F(LinkTest, CrashesNobodyWhenOneEndsNormallyOrIsStopped) {
  tree.at("a").link(id("b"));
  tree.at("c").link(id("b"));
  tree.at("a").exit();
  loop.run_until_idle();
  EXPECT_EQ(tree.said(), (Words{"stop a", "~a"}));
  loop.start(tree.root().undeploy(DeploymentId(3))).get().value();
  EXPECT_EQ(tree.said(), (Words{"stop c", "~c"}));
}

TEST_F(LinkTest, IsACallToWhoTrapsAlsoForANormalEnd) {
  tree.at("a").trap_exits([this](const Down& down) { tree.words.push_back("trapped " + down.reason.text()); });
  tree.at("a").link(id("b"));
  tree.at("a").link(id("c"));
  tree.crash("b");
  tree.at("c").exit();
  loop.run_until_idle();
  EXPECT_EQ(tree.said(), (Words{"~b", "trapped crashed: boom", "stop c", "~c", "trapped ended"}));
}

TEST_F(LinkTest, CrashesWhoLinksToOneThatIsNoMore) {
  tree.at("a").link(VerticleId(4711));
  loop.run_until_idle();
  EXPECT_EQ(tree.said(), Words{"~a"});
}

TEST_F(LinkTest, EndsWhenItIsUndone) {
  tree.at("a").link(id("b"));
  tree.at("b").unlink(id("a"));
  tree.crash("a");
  EXPECT_EQ(tree.said(), Words{"~a"});
}

TEST_F(LinkTest, IsOneHoweverOftenItIsMade) {
  int trapped = 0;
  tree.at("a").trap_exits([&](const Down&) { ++trapped; });
  tree.at("a").link(id("b"));
  tree.at("b").link(id("a"));
  tree.at("a").link(id("b"));
  tree.crash("b");
  EXPECT_EQ(trapped, 1);
}

TEST_F(LinkTest, CrashesNobodyOnceItIsUndoneAlsoIfTheOtherHasEnded) {
  tree.at("a").link(VerticleId(4711));
  tree.at("a").link(VerticleId(4712));
  tree.at("a").unlink(VerticleId(4711));  // the notice waits
  tree.at("a").unlink(VerticleId(4712));
  loop.run_until_idle();
  EXPECT_TRUE(tree.said().empty());
  EXPECT_EQ(tree.at("a").state(), VerticleState::running);
}

}  // namespace
}  // namespace fluxor::runtime
