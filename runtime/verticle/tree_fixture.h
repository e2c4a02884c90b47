#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "runtime/task/frame_pool.h"
#include "runtime/verticle/test_tree.h"

namespace fluxor::runtime {

// A test of a tree, which ends with it and leaves nothing behind.
class TreeTest : public testing::Test {
 protected:
  explicit TreeTest(const VerticleSystemOptions& options = {}) : tree_(std::make_unique<TestTree>(options)) {}
  ~TreeTest() override {
    EXPECT_TRUE(tree_->end());
    EXPECT_EQ(directory().size(), 0u);
    EXPECT_EQ(tree_->loop.failures(), failures_expected_);
    tree_.reset();
    EXPECT_EQ(live_frames(), frames_before_);
  }

  Directory& directory() { return tree_->verticles.system().directory(); }
  DeploymentId deploy(DeploymentOptions options, Talker::Script script) {
    return deployed(tree.root().deploy<Talker>(std::move(options), std::move(script)));
  }
  DeploymentId deploy(SupervisorSpec spec) { return deployed(tree.root().deploy(std::move(spec))); }
  void expect_failure(std::string text) { failures_expected_.push_back(std::move(text)); }

 private:
  DeploymentId deployed(Task<Result<DeploymentId>> task) {
    auto deployed = loop.start(std::move(task));
    EXPECT_TRUE(deployed.ready());
    return deployed.get().value();
  }

  const std::uint64_t frames_before_ = live_frames();
  Words failures_expected_;
  std::unique_ptr<TestTree> tree_;

 protected:
  TestTree& tree = *tree_;
  TestLoop& loop = tree_->loop;
};

}  // namespace fluxor::runtime
