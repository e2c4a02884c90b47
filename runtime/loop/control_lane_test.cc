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

void run_all(ControlLane& lane) {
  lane.run_all([](const ControlNode&) {});
}

TEST(ControlLane, RunsInTheOrderPushed) {
  ControlLane lane;
  std::vector<int> order;
  TestNode first([&] { order.push_back(1); });
  TestNode second([&] { order.push_back(2); });
  EXPECT_EQ(lane.push(first), ControlLane::Pushed::queued);
  EXPECT_EQ(lane.push(second), ControlLane::Pushed::queued);
  EXPECT_FALSE(lane.empty());
  run_all(lane);
  EXPECT_EQ(order, (std::vector{1, 2}));
  EXPECT_TRUE(lane.empty());
}

TEST(ControlLane, RunsOnceForSignalsThatCameBeforeItRan) {
  ControlLane lane;
  int runs = 0;
  TestNode node([&] { ++runs; });
  EXPECT_EQ(lane.push(node), ControlLane::Pushed::queued);
  EXPECT_EQ(lane.push(node), ControlLane::Pushed::waits_already);
  run_all(lane);
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
  run_all(lane);
  EXPECT_EQ(runs, 1) << "the next call's, so that it cannot hold this one";
  run_all(lane);
  EXPECT_EQ(runs, 2);
}

TEST(ControlLane, KeepsTheRestWhenOneThrows) {
  ControlLane lane;
  int runs = 0;
  TestNode bad([] { throw std::runtime_error("boom"); });
  TestNode good([&] { ++runs; });
  lane.push(bad);
  lane.push(good);
  EXPECT_THROW(run_all(lane), std::runtime_error);
  EXPECT_FALSE(lane.empty());
  run_all(lane);
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
  EXPECT_EQ(lane.push(after), ControlLane::Pushed::closed);
  EXPECT_TRUE(lane.empty());
  run_all(lane);
}

TEST(ControlLane, LetsGoOfWhatIsLeftOfABrokenRunWhenItCloses) {
  ControlLane lane;
  TestNode bad([] { throw std::runtime_error("boom"); });
  TestNode rest([] { ADD_FAILURE(); });
  lane.push(bad);
  lane.push(rest);
  EXPECT_THROW(run_all(lane), std::runtime_error);
  lane.close();
  EXPECT_TRUE(lane.empty());
  run_all(lane);
}

TEST(ControlLane, TellsEachNodeThatItsEndDropsOnceAndLetsItFreeItself) {
  class Owned final : public ControlNode {
   public:
    explicit Owned(int& dropped) : dropped_(dropped) {}

   private:
    void on_control() override { ADD_FAILURE(); }
    void on_dropped() noexcept override {
      ++dropped_;
      delete this;
    }
    int& dropped_;
  };
  int dropped = 0;
  ControlLane lane;
  lane.push(*new Owned(dropped));
  lane.take();
  lane.push(*new Owned(dropped));
  lane.close();
  EXPECT_EQ(dropped, 2);
  lane.close();
  EXPECT_EQ(dropped, 2);
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
  while (running.load(std::memory_order_acquire) != 0) run_all(lane);
  for (auto& thread : threads) thread.join();
  run_all(lane);
  EXPECT_EQ(seen, std::vector<int>(kThreads, kSignals));
}

// A signal that is told "queued already" is served by a run that sees what was written before it.  Many nodes in a row,
// so that signal and run often meet at one.
TEST(ControlLaneThreads, ServesASignalThatComesWhileItsNodeIsTaken) {
  struct Meeting {
    ControlLane lane;
    alignas(64) std::atomic<int> value{0};
    alignas(64) int seen = 0;
    alignas(64) TestNode node{[this] { seen = value.load(std::memory_order_relaxed); }};
    alignas(64) bool pushed = false;
  };
  constexpr int kBatches = 200;
  std::vector<std::unique_ptr<Meeting>> meetings;
  for (int i = 0; i < 500; ++i) meetings.push_back(std::make_unique<Meeting>());
  int missed = 0;
  for (int batch = 1; batch <= kBatches; ++batch) {
    std::atomic<bool> queued{false};
    std::atomic<bool> begun{false};
    std::thread signaller([&] {
      for (const auto& meeting : meetings) EXPECT_EQ(meeting->lane.push(meeting->node), ControlLane::Pushed::queued);
      queued.store(true);
      while (!begun.load()) std::this_thread::yield();
      for (const auto& meeting : meetings) {
        meeting->value.store(batch, std::memory_order_relaxed);
        meeting->pushed = meeting->lane.push(meeting->node) == ControlLane::Pushed::queued;
      }
    });
    while (!queued.load()) std::this_thread::yield();
    // At hand, so that looking is faster than freeing the node, which is at hand on the other side.
    for (const auto& meeting : meetings) EXPECT_NE(meeting->value.load(), batch);
    begun.store(true);
    for (volatile int wait = batch; wait > 0;) wait = wait - 1;
    for (const auto& meeting : meetings) run_all(meeting->lane);
    signaller.join();
    for (const auto& meeting : meetings) {
      if (!meeting->pushed && meeting->seen != batch) ++missed;
      run_all(meeting->lane);
    }
  }
  EXPECT_EQ(missed, 0);
}

}  // namespace
}  // namespace fluxor::runtime
