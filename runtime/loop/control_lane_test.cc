#include "runtime/loop/control_lane.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

namespace fluxor::runtime {
namespace {

class TestNode final : public ControlNode {
 public:
  explicit TestNode(std::function<void()> run) : run_(std::move(run)) {}

 private:
  void on_control() override { run_(); }
  std::function<void()> run_;
};

TEST(ControlLane, RunsInTheOrderPushed) {
  ControlLane lane;
  std::vector<int> order;
  TestNode first([&] { order.push_back(1); });
  TestNode second([&] { order.push_back(2); });
  EXPECT_TRUE(lane.push(first));
  EXPECT_TRUE(lane.push(second));
  EXPECT_FALSE(lane.empty());
  lane.run_all();
  EXPECT_EQ(order, (std::vector{1, 2}));
  EXPECT_TRUE(lane.empty());
}

TEST(ControlLane, RunsOnceForSignalsThatCameBeforeItRan) {
  ControlLane lane;
  int runs = 0;
  TestNode node([&] { ++runs; });
  EXPECT_TRUE(lane.push(node));
  EXPECT_FALSE(lane.push(node));
  lane.run_all();
  EXPECT_EQ(runs, 1);
}

TEST(ControlLane, RunsAgainForASignalThatCameWhileItRan) {
  ControlLane lane;
  int runs = 0;
  TestNode* self = nullptr;
  TestNode node([&] {
    if (++runs == 1) lane.push(*self);
  });
  self = &node;
  lane.push(node);
  lane.run_all();
  EXPECT_EQ(runs, 1) << "the next call's, so that it cannot hold this one";
  lane.run_all();
  EXPECT_EQ(runs, 2);
}

TEST(ControlLane, KeepsTheRestWhenOneThrows) {
  ControlLane lane;
  int runs = 0;
  TestNode bad([] { throw std::runtime_error("boom"); });
  TestNode good([&] { ++runs; });
  lane.push(bad);
  lane.push(good);
  EXPECT_THROW(lane.run_all(), std::runtime_error);
  EXPECT_FALSE(lane.empty());
  lane.run_all();
  EXPECT_EQ(runs, 1);
}

TEST(ControlLaneDeathTest, StopsWhenAQueuedNodeIsDestroyed) {
  EXPECT_DEATH(
      {
        ControlLane lane;
        TestNode node([] {});
        lane.push(node);
      },
      "not destroyed while it is queued");
}

TEST(ControlLane, LetsGoOfItsNodesWhenItCloses) {
  ControlLane lane;
  TestNode before([] { ADD_FAILURE(); });
  TestNode after([] { ADD_FAILURE(); });
  lane.push(before);
  lane.close();
  EXPECT_FALSE(lane.push(after));
  EXPECT_TRUE(lane.empty());
  lane.run_all();
}

TEST(ControlLane, LetsGoOfWhatIsLeftOfABrokenRunWhenItCloses) {
  ControlLane lane;
  TestNode bad([] { throw std::runtime_error("boom"); });
  TestNode rest([] { ADD_FAILURE(); });
  lane.push(bad);
  lane.push(rest);
  EXPECT_THROW(lane.run_all(), std::runtime_error);
  lane.close();
  EXPECT_TRUE(lane.empty());
  lane.run_all();
}

// What was written before a signal is seen by the run that follows, for every signal of every thread.
TEST(ControlLaneThreads, LosesNoSignal) {
  ControlLane lane;
  constexpr int kThreads = 4;
  constexpr int kSignals = 50'000;
  std::vector<std::atomic<int>> signalled(kThreads);
  std::vector<int> seen(kThreads, 0);
  std::vector<std::unique_ptr<TestNode>> nodes;
  for (std::size_t i = 0; i < kThreads; ++i) {
    nodes.push_back(std::make_unique<TestNode>([&, i] { seen[i] = signalled[i].load(std::memory_order_relaxed); }));
  }
  std::atomic<int> running{kThreads};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 1; n <= kSignals; ++n) {
        signalled[i].store(n, std::memory_order_relaxed);
        lane.push(*nodes[i]);
      }
      running.fetch_sub(1, std::memory_order_release);
    });
  }
  while (running.load(std::memory_order_acquire) != 0) lane.run_all();
  for (auto& thread : threads) thread.join();
  lane.run_all();
  EXPECT_EQ(seen, std::vector<int>(kThreads, kSignals));
}

// A signal that is told "queued already" is served by a run that sees what was written before it.
TEST(ControlLaneThreads, ServesASignalThatComesWhileItsNodeIsTaken) {
  constexpr int kRounds = 50'000;
  ControlLane lane;
  std::atomic<int> value{0};
  std::atomic<int> begun{0};
  std::atomic<int> signalled{0};
  bool pushed = false;
  int seen = 0;
  TestNode node([&] { seen = value.load(std::memory_order_relaxed); });
  std::thread signaller([&] {
    for (int round = 1; round <= kRounds; ++round) {
      for (int spins = 0; begun.load(std::memory_order_acquire) != round; ++spins) {
        if (spins > 1000) std::this_thread::yield();
      }
      value.store(round, std::memory_order_relaxed);
      pushed = lane.push(node);
      signalled.store(round, std::memory_order_release);
    }
  });
  int missed = 0;
  for (int round = 1; round <= kRounds; ++round) {
    lane.push(node);
    begun.store(round, std::memory_order_release);
    for (volatile int wait = round % 64; wait > 0;) wait = wait - 1;
    lane.run_all();
    while (signalled.load(std::memory_order_acquire) != round) std::this_thread::yield();
    if (!pushed && seen != round) ++missed;
    lane.run_all();
  }
  signaller.join();
  EXPECT_EQ(missed, 0);
}

}  // namespace
}  // namespace fluxor::runtime
