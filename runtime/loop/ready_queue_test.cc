#include "runtime/loop/ready_queue.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

namespace fluxor::runtime {
namespace {

class TestNode final : public ReadyNode {
 public:
  explicit TestNode(std::function<void()> run) : run_(std::move(run)) {}

 private:
  void on_ready() override { run_(); }
  std::function<void()> run_;
};

TEST(ReadyQueue, RunsFirstInFirstOut) {
  ReadyQueue queue;
  std::vector<int> order;
  TestNode first([&] { order.push_back(1); });
  TestNode second([&] { order.push_back(2); });
  queue.push(first);
  queue.push(second);
  queue.push(first);  // queued already
  queue.run_queued();
  EXPECT_EQ(order, (std::vector{1, 2}));
  EXPECT_EQ(queue.ran(), 2U);
}

TEST(ReadyQueue, LeavesWhatQueuesItselfAgainToTheNextCall) {
  ReadyQueue queue;
  int runs = 0;
  TestNode* self = nullptr;
  TestNode node([&] {
    ++runs;
    queue.push(*self);
  });
  self = &node;
  queue.push(node);
  queue.run_queued();
  EXPECT_EQ(runs, 1);
  queue.run_queued();
  EXPECT_EQ(runs, 2);
}

TEST(ReadyQueue, ForgetsANodeThatIsDestroyed) {
  ReadyQueue queue;
  auto victim = std::make_unique<TestNode>([] { ADD_FAILURE(); });
  int runs = 0;
  TestNode first([&] { victim.reset(); });
  TestNode last([&] { ++runs; });
  queue.push(first);
  queue.push(*victim);
  queue.push(last);
  queue.run_queued();
  EXPECT_EQ(runs, 1);
  EXPECT_TRUE(queue.empty());
}

TEST(ReadyQueue, KeepsTheRestWhenOneThrows) {
  ReadyQueue queue;
  int runs = 0;
  TestNode bad([] { throw std::runtime_error("boom"); });
  TestNode good([&] { ++runs; });
  queue.push(bad);
  queue.push(good);
  EXPECT_THROW(queue.run_queued(), std::runtime_error);
  queue.run_queued();
  EXPECT_EQ(runs, 1);
}

TEST(ReadyQueue, OutlivedByANodeLeavesItUnqueued) {
  TestNode node([] {});
  {
    ReadyQueue queue;
    queue.push(node);
  }
  EXPECT_FALSE(node.queued());
}

}  // namespace
}  // namespace fluxor::runtime
