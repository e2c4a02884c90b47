#include "runtime/verticle/context.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "runtime/verticle/test_tree.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

class DeploymentTest : public testing::Test {
 protected:
  ~DeploymentTest() override {
    EXPECT_TRUE(tree_->end());
    tree_.reset();
    EXPECT_EQ(live_frames(), frames_before_);
  }

 private:
  const std::uint64_t frames_before_ = live_frames();
  std::unique_ptr<TestTree> tree_ = std::make_unique<TestTree>();

 protected:
  TestTree& tree = *tree_;
  TestLoop& loop = tree_->loop;
};

TEST_F(DeploymentTest, StartsAVerticleAndStopsItWhenItIsUndeployed) {
  auto deployed = loop.start(tree.root().deploy<Talker>({.name = "a"}, tree.says("a")));
  ASSERT_TRUE(deployed.ready());
  EXPECT_EQ(tree.said(), (Words{"start a", "up a"}));
  auto undeployed = loop.start(tree.root().undeploy(deployed.get().value()));
  EXPECT_EQ(end_of(undeployed), "ok");
  EXPECT_EQ(tree.said(), (Words{"stop a", "~a"}));
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
  EXPECT_TRUE(tree.verticles.system().directory().list().size() == 1);  // the root
}

TEST_F(DeploymentTest, RestartsWithBackoffWhatHasNoSupervisorOfItsOwn) {
  auto script = tree.says("a");
  script.on_start = [](Context& context) { context.spawn(crash_after, 1s, std::string("boom")); };
  auto deployed = loop.start(tree.root().deploy<Talker>({.name = "a"}, script));
  EXPECT_EQ(tree.said(), (Words{"start a", "up a"}));
  loop.advance(1s);
  EXPECT_EQ(tree.said(), (Words{"~a", "start a", "up a"}));
  loop.advance(1s);
  EXPECT_EQ(tree.said(), Words{"~a"});
  loop.advance(50ms - 1ns);
  EXPECT_TRUE(tree.said().empty());
  loop.advance(50ms + 1ns);
  EXPECT_EQ(tree.said(), (Words{"start a", "up a"}));
  EXPECT_EQ(end_of(deployed), "ok");
}

TEST_F(DeploymentTest, EndsAfterTheTaskOfATimerThatFiresAtTheMomentOfTheCrash) {
  auto script = tree.says("a");
  script.on_start = [this](Context& context) {
    context.spawn(crash_after, 10ms, std::string("boom"));
    // Armed after the crash's, so that it fires when nothing is left but to finish.
    context.spawn(
        [](Context* self, Words* words) -> Task<> {
          self->after(10ms, [words] { words->push_back("tick a"); });
          co_return;
        },
        &context, &tree.words);
  };
  auto deployed = loop.start(tree.root().deploy<Talker>({.name = "a"}, script));
  loop.advance(10ms);
  EXPECT_EQ(tree.said(), (Words{"start a", "up a", "tick a", "~a", "start a", "up a"}));
}

}  // namespace
}  // namespace fluxor::runtime
