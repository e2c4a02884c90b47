#include "runtime/task/post_when_room.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "runtime/loop/loop_faults.h"
#include "runtime/net/epoll_poller.h"
#include "runtime/task/task.h"
#include "runtime/testing/manual_clock.h"

namespace fluxor::runtime {
namespace {

class PostWhenRoomTest : public testing::Test {
 protected:
  void fill(EventLoop& loop) {
    while (loop.post([] {})) {
    }
  }
  Task<> put(EventLoop& to, int number) {
    const Result<void> posted = co_await post_when_room(to, [this, number] { ran.push_back(number); });
    if (posted) accepted.push_back(number);
    if (!posted) refused.push_back(posted.error());
    EXPECT_EQ(EventLoop::current(), &home);
  }
  // Runs it on `home`, until it ends or waits.
  void begin(EventLoop& to, int number) {
    ASSERT_TRUE(home.post([this, &to, number] { start(put(to, number), [](Outcome<>) {}); }));
    home.run_until_idle();
  }

  ManualClock clock;
  std::vector<int> ran, accepted;
  std::vector<error_code> refused;
  EventLoop home{{.id = 1, .ring_capacity = 8}, clock, EpollPoller::create().value(), nullptr};
  EventLoop other{{.id = 2, .ring_capacity = 2}, clock, EpollPoller::create().value(), nullptr};
};

TEST_F(PostWhenRoomTest, PostsAtOnceWhenThereIsRoom) {
  begin(other, 1);
  EXPECT_EQ(accepted, std::vector{1});
  other.run_until_idle();
  EXPECT_EQ(ran, std::vector{1});
  EXPECT_EQ(other.stats().ring_waits, 0U);
}

TEST_F(PostWhenRoomTest, WaitsForRoomAndKeepsTheOrderOfWhoWaits) {
  fill(other);
  for (const int number : {1, 2, 3}) begin(other, number);
  EXPECT_TRUE(accepted.empty());
  EXPECT_EQ(other.stats().queue_length, 2U + 3U);
  other.run_turn();
  home.run_until_idle();
  EXPECT_EQ(accepted, (std::vector{1, 2}));
  other.run_until_idle();
  home.run_until_idle();
  EXPECT_EQ(ran, (std::vector{1, 2, 3}));
  EXPECT_EQ(accepted, (std::vector{1, 2, 3}));
  EXPECT_EQ(other.stats().ring_waits, 3U);
}

TEST_F(PostWhenRoomTest, SuspendsInALoopsOwnFullRingWhileThatGoesOn) {
  ASSERT_TRUE(home.post([this] {
    fill(home);
    start(put(home, 1), [](Outcome<>) {});
    EXPECT_TRUE(accepted.empty());
  }));
  home.run_until_idle();
  EXPECT_EQ(accepted, std::vector{1});
  EXPECT_EQ(ran, std::vector{1});
}

TEST_F(PostWhenRoomTest, IsToldThatTheLoopIsClosedWhileItWaits) {
  fill(other);
  begin(other, 1);
  other.stop();
  other.run();
  home.run_until_idle();
  EXPECT_EQ(refused, std::vector{make_error_code(Errc::closed)});
  EXPECT_TRUE(ran.empty());
}

TEST_F(PostWhenRoomTest, IsToldAtOnceThatTheLoopIsClosed) {
  other.stop();
  other.run();
  begin(other, 1);
  EXPECT_EQ(refused, std::vector{make_error_code(Errc::closed)});
}

TEST_F(PostWhenRoomTest, IsToldThatTheLoopIsGoneWhenItIsDestroyedUnrun) {
  auto gone =
      std::make_unique<EventLoop>(EventLoopOptions{.ring_capacity = 2}, clock, EpollPoller::create().value(), nullptr);
  fill(*gone);
  begin(*gone, 1);
  gone.reset();
  home.run_until_idle();
  EXPECT_EQ(refused, std::vector{make_error_code(Errc::closed)});
}

// Says that the ring is full though it is not, as it may be no longer when the waiter is heard of.
class SaysFull final : public LoopFaults {
 private:
  bool refuses_post(const EventLoop&) noexcept override { return true; }
  void may_hold(const EventLoop&, RingBuffer<Event>::Claim&) noexcept override {}
  void before_event(const EventLoop&) override {}
};

TEST_F(PostWhenRoomTest, GetsAPlaceThoughTheRingHasRunEmptyMeanwhile) {
  SaysFull full;
  EventLoop empty({.ring_capacity = 2, .faults = &full}, clock, EpollPoller::create().value(), nullptr);
  begin(empty, 1);
  EXPECT_TRUE(accepted.empty());
  empty.run_until_idle();
  EXPECT_EQ(ran, std::vector{1});
  home.run_until_idle();
  EXPECT_EQ(accepted, std::vector{1});
}

TEST_F(PostWhenRoomTest, CannotWaitForALoopThatHasEnded) {
  class Waiter final : public RoomWaiter {
    void build(RingBuffer<Event>::Claim&) noexcept override {}
    bool tell() noexcept override { return false; }
    void on_control() override {}
  };
  other.stop();
  other.run();
  std::unique_ptr<RoomWaiter> waiter = std::make_unique<Waiter>();
  EXPECT_FALSE(other.await_room(waiter));
  EXPECT_NE(waiter, nullptr);
}

// Nobody else wakes the loop, and each waiter comes about when it has just found nothing to do.
TEST(PostWhenRoomThreads, WakesALoopThatSleepsOrFallsAsleep) {
  constexpr int kPosts = 10'000;
  const SystemClock clock;
  SaysFull full;
  EventLoop consumer({.ring_capacity = 2, .faults = &full}, clock, EpollPoller::create().value(), nullptr);
  EventLoop producer({}, clock, EpollPoller::create().value(), nullptr);
  std::thread consuming([&] { consumer.run(); });
  std::thread producing([&] { producer.run(); });
  struct Produce {
    static Task<> run(EventLoop& to, std::atomic<int>& ran) {
      for (int i = 1; i <= kPosts; ++i) {
        EXPECT_TRUE(co_await post_when_room(to, [&ran, i] { ran.store(i, std::memory_order_release); }));
        for (volatile int wait = i % 512; wait > 0;) wait = wait - 1;
      }
    }
  };
  std::atomic<int> ran{0};
  std::promise<void> done;
  ASSERT_TRUE(producer.post([&] { start(Produce::run(consumer, ran), [&](Outcome<>) { done.set_value(); }); }));
  done.get_future().wait();
  producer.stop();
  producing.join();
  consumer.stop();
  consuming.join();
  EXPECT_EQ(ran.load(), kPosts);
}

TEST(PostWhenRoomDeathTest, StopsWhenItIsAwaitedOffALoop) {
  const ManualClock clock;
  EventLoop loop({.ring_capacity = 2}, clock, EpollPoller::create().value(), nullptr);
  while (loop.post([] {})) {
  }
  const auto wait = [](EventLoop& to) -> Task<> { co_await post_when_room(to, [] {}); };
  EXPECT_DEATH(start(wait(loop), [](Outcome<>) {}), "lives on an event loop");
}

// Producers on loops of their own, each with many coroutines that wait; one slow ring between them.
TEST(PostWhenRoomThreads, LosesNothingAndKeepsTheOrderOfEachCoroutine) {
  constexpr int kLoops = 2;
  constexpr int kCoroutines = 8;
  constexpr int kPosts = 2000;
  const SystemClock clock;
  EventLoop consumer({.ring_capacity = 4}, clock, EpollPoller::create().value(), nullptr);
  std::vector<int> next(kLoops * kCoroutines, 0);
  bool in_order = true;
  std::thread consuming([&] { consumer.run(); });

  std::vector<std::unique_ptr<EventLoop>> loops;
  std::vector<std::thread> threads;
  std::atomic<int> left{kLoops * kCoroutines};
  std::promise<void> done;
  struct Produce {
    static Task<> run(EventLoop& to, std::vector<int>& next, bool& in_order, int id) {
      for (int i = 0; i < kPosts; ++i) {
        const auto posted = co_await post_when_room(to, [&next, &in_order, id, i] {
          in_order = in_order && next[static_cast<std::size_t>(id)] == i;
          next[static_cast<std::size_t>(id)] = i + 1;
        });
        EXPECT_TRUE(posted);
      }
    }
  };
  for (int l = 0; l < kLoops; ++l) {
    loops.push_back(std::make_unique<EventLoop>(EventLoopOptions{}, clock, EpollPoller::create().value(), nullptr));
    threads.emplace_back([&loop = *loops.back()] { loop.run(); });
    ASSERT_TRUE(loops.back()->post([&, l] {
      for (int c = 0; c < kCoroutines; ++c) {
        start(Produce::run(consumer, next, in_order, l * kCoroutines + c), [&](Outcome<>) {
          if (left.fetch_sub(1) == 1) done.set_value();
        });
      }
    }));
  }
  done.get_future().wait();
  for (const auto& loop : loops) loop->stop();
  for (std::thread& thread : threads) thread.join();
  consumer.stop();
  consuming.join();
  EXPECT_TRUE(in_order);
  EXPECT_EQ(next, std::vector<int>(kLoops * kCoroutines, kPosts));
  EXPECT_GT(consumer.stats().ring_waits, 0U);
}

// The consumer stops while they wait: each is told, one way or the other.
TEST(PostWhenRoomThreads, TellsEveryWaiterWhenTheLoopStops) {
  const SystemClock clock;
  for (int round = 0; round < 50; ++round) {
    EventLoop consumer({.ring_capacity = 2}, clock, EpollPoller::create().value(), nullptr);
    EventLoop producer({}, clock, EpollPoller::create().value(), nullptr);
    std::atomic<int> ran{0};
    int accepted = 0;
    int closed = 0;
    struct Produce {
      static Task<> run(EventLoop& to, std::atomic<int>& ran, int& accepted, int& closed) {
        for (;;) {
          const auto posted = co_await post_when_room(to, [&ran] { ran.fetch_add(1, std::memory_order_relaxed); });
          if (!posted) break;
          ++accepted;
        }
        ++closed;
      }
    };
    std::promise<void> done;
    std::thread consuming([&] { consumer.run(); });
    std::thread producing([&] { producer.run(); });
    ASSERT_TRUE(producer.post([&] {
      for (int c = 0; c < 5; ++c) {
        start(Produce::run(consumer, ran, accepted, closed), [&](Outcome<>) {
          if (closed == 5) done.set_value();
        });
      }
    }));
    while (ran.load(std::memory_order_relaxed) < 20) std::this_thread::yield();
    consumer.stop();
    consuming.join();
    done.get_future().wait();
    producer.stop();
    producing.join();
    EXPECT_EQ(ran.load(), accepted);
  }
}

}  // namespace
}  // namespace fluxor::runtime
