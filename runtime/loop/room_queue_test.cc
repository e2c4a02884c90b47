#include "runtime/loop/room_queue.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <vector>

namespace fluxor::runtime {
namespace {

class TestWaiter final : public RoomWaiter {
 public:
  explicit TestWaiter(
      std::function<void(State)> told, std::function<void()> event = [] {}) noexcept
      : told_(std::move(told)), event_(std::move(event)) {}
  ~TestWaiter() override {
    if (destroyed != nullptr) ++*destroyed;
  }
  bool home_has_ended = false;
  int* destroyed = nullptr;

 private:
  void build(RingBuffer<Event>::Claim& claim) noexcept override {
    claim.emplace([event = std::make_unique<std::function<void()>>(std::move(event_))] { (*event)(); });
  }
  bool tell() noexcept override {
    if (home_has_ended) return false;
    told_(state());
    delete this;
    return true;
  }
  void on_control() override {}

  std::function<void(State)> told_;
  std::function<void()> event_;
};

class RoomQueueTest : public testing::Test {
 protected:
  TestWaiter& wait(int number) {
    auto waiter = std::make_unique<TestWaiter>(
        [this, number](RoomWaiter::State state) {
          if (state == RoomWaiter::State::accepted) accepted.push_back(number);
          if (state == RoomWaiter::State::closed) closed.push_back(number);
        },
        [this, number] { ran.push_back(number); });
    TestWaiter& made = *waiter;
    made.destroyed = &destroyed;
    std::unique_ptr<RoomWaiter> owned = std::move(waiter);
    pushed = queue.push(owned);
    return made;
  }
  void fill() {
    while (auto claim = ring.try_next()) {
      claim->emplace([] {});
      claim->publish();
    }
  }
  void consume(std::size_t count) {
    ring.consume([](Event& event) { event(); }, count);
  }

  RingBuffer<Event> ring{2};
  int destroyed = 0;
  std::vector<int> accepted, closed, ran;
  bool pushed = false;
  RoomQueue queue;
};

TEST_F(RoomQueueTest, GivesRoomToWhoCameFirst) {
  fill();
  for (const int number : {1, 2, 3}) wait(number);
  EXPECT_EQ(queue.size(), 3U);
  EXPECT_EQ(queue.grant(ring), 0U);
  consume(1);
  EXPECT_EQ(queue.grant(ring), 1U);
  EXPECT_EQ(accepted, std::vector{1});
  wait(4);
  consume(2);
  EXPECT_EQ(queue.grant(ring), 2U);
  EXPECT_EQ(accepted, (std::vector{1, 2, 3}));
  consume(2);
  queue.grant(ring);
  consume(2);
  EXPECT_EQ(ran, (std::vector{1, 2, 3, 4}));
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(destroyed, 4);
}

TEST_F(RoomQueueTest, SkipsWhoHasWithdrawn) {
  fill();
  TestWaiter& first = wait(1);
  wait(2);
  EXPECT_TRUE(first.withdraw());
  EXPECT_EQ(destroyed, 0) << "the queue's until it comes to it";
  consume(2);
  EXPECT_EQ(queue.grant(ring), 1U);
  EXPECT_EQ(accepted, std::vector{2});
  EXPECT_EQ(destroyed, 2);
  consume(2);
  EXPECT_EQ(ran, std::vector{2});
}

TEST_F(RoomQueueTest, TellsWhoWaitsThatTheRingIsClosed) {
  fill();
  wait(1);
  wait(2).withdraw();
  ring.close();
  EXPECT_EQ(queue.grant(ring), 0U);
  EXPECT_EQ(closed, std::vector{1});
  EXPECT_EQ(destroyed, 2);
}

TEST_F(RoomQueueTest, TellsWhoWaitsThatTheQueueIsClosedAndTakesNobodyElse) {
  fill();
  wait(1);
  queue.grant(ring);
  wait(2);
  queue.close();
  EXPECT_EQ(closed, (std::vector{1, 2}));
  EXPECT_EQ(queue.size(), 0U);
  wait(3);
  EXPECT_FALSE(pushed);
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_EQ(destroyed, 3);
  EXPECT_TRUE(queue.empty());
}

TEST_F(RoomQueueTest, FreesAWaiterWhoseLoopHasEnded) {
  fill();
  wait(1).home_has_ended = true;
  wait(2).home_has_ended = true;
  consume(1);
  queue.grant(ring);
  queue.close();
  EXPECT_EQ(destroyed, 2);
}

TEST_F(RoomQueueTest, CannotWithdrawWhatWasDecided) {
  fill();
  TestWaiter* undecided = &wait(1);
  bool withdrew = true;
  undecided->home_has_ended = false;
  consume(1);
  auto waiter = std::make_unique<TestWaiter>([](RoomWaiter::State) {});
  TestWaiter& second = *waiter;
  std::unique_ptr<RoomWaiter> owned = std::move(waiter);
  ASSERT_TRUE(queue.push(owned));
  EXPECT_TRUE(second.withdraw());
  withdrew = second.withdraw();
  EXPECT_FALSE(withdrew);
}

}  // namespace
}  // namespace fluxor::runtime
