#include "runtime/loop/ready_queue.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
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

std::size_t run_queued(ReadyQueue& queue) {
  return queue.run(queue.size(), [](const ReadyNode&, std::optional<Instant>) {});
}

TEST(ReadyQueue, RunsFirstInFirstOut) {
  ReadyQueue queue;
  std::vector<int> order;
  TestNode first([&] { order.push_back(1); });
  TestNode second([&] { order.push_back(2); });
  queue.push(first, Instant());
  queue.push(second, Instant());
  queue.push(first, Instant());  // queued already
  run_queued(queue);
  EXPECT_EQ(order, (std::vector{1, 2}));
  EXPECT_EQ(queue.ran(), 2U);
}

TEST(ReadyQueue, LeavesWhatQueuesItselfAgainToTheNextCall) {
  ReadyQueue queue;
  int runs = 0;
  TestNode* self = nullptr;
  TestNode node([&] {
    ++runs;
    queue.push(*self, Instant());
  });
  self = &node;
  queue.push(node, Instant());
  run_queued(queue);
  EXPECT_EQ(runs, 1);
  run_queued(queue);
  EXPECT_EQ(runs, 2);
}

TEST(ReadyQueue, ForgetsANodeThatIsDestroyed) {
  ReadyQueue queue;
  auto victim = std::make_unique<TestNode>([] { ADD_FAILURE(); });
  int runs = 0;
  TestNode first([&] { victim.reset(); });
  TestNode last([&] { ++runs; });
  queue.push(first, Instant());
  queue.push(*victim, Instant());
  queue.push(last, Instant());
  run_queued(queue);
  EXPECT_EQ(runs, 1);
  EXPECT_TRUE(queue.empty());
}

TEST(ReadyQueue, KeepsTheRestWhenOneThrows) {
  ReadyQueue queue;
  int runs = 0;
  TestNode bad([] { throw std::runtime_error("boom"); });
  TestNode good([&] { ++runs; });
  queue.push(bad, Instant());
  queue.push(good, Instant());
  EXPECT_THROW(run_queued(queue), std::runtime_error);
  run_queued(queue);
  EXPECT_EQ(runs, 1);
}

TEST(ReadyQueue, OutlivedByANodeLeavesItUnqueued) {
  TestNode node([] {});
  {
    ReadyQueue queue;
    queue.push(node, Instant());
  }
  EXPECT_FALSE(node.queued());
}

}  // namespace
}  // namespace fluxor::runtime
