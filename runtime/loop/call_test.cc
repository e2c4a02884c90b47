#include "runtime/loop/call.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/loop/event_loop_group.h"
#include "runtime/net/epoll_poller.h"

namespace fluxor::runtime {
namespace {

class CallTest : public testing::Test {
 protected:
  CallTest() { group->start().value(); }
  const SystemClock clock;
  std::unique_ptr<EventLoopGroup> group = EventLoopGroup::create({.loops = 1}, clock, nullptr).value();
  EventLoop& loop = group->at(0);
};

TEST_F(CallTest, RunsOnTheLoopAndReturnsWhatTheFunctionReturns) {
  const auto where = call(loop, [] { return EventLoop::current(); });
  EXPECT_EQ(*where, &loop);
  std::string text = "moved";
  const auto moved = call(loop, [&] { return std::make_unique<std::string>(std::move(text)); });
  EXPECT_EQ(**moved, "moved");
  int ran = 0;
  EXPECT_TRUE(call(loop, [&ran] { ++ran; }));
  EXPECT_EQ(ran, 1);
}

TEST_F(CallTest, ThrowsWhatTheFunctionThrows) {
  EXPECT_THROW(static_cast<void>(call(loop, []() -> int { throw std::runtime_error("boom"); })), std::runtime_error);
  EXPECT_EQ(loop.stats().failures, 0U);
}

TEST_F(CallTest, IsRefusedOnALoopsThread) {
  const auto refused = call(loop, [this] { return call(loop, [] { return 1; }).error() == Errc::invalid; });
  EXPECT_TRUE(*refused);
}

TEST_F(CallTest, IsRefusedOnceTheLoopHasStopped) {
  group->stop();
  bool ran = false;
  EXPECT_EQ(call(loop, [&ran] { ran = true; }).error(), Errc::closed);
  EXPECT_FALSE(ran);
}

TEST(Call, IsRefusedByAFullRing) {
  const SystemClock clock;
  EventLoop loop({.ring_capacity = 2}, clock, EpollPoller::create().value(), nullptr);
  while (loop.post([] {})) {
  }
  EXPECT_EQ(call(loop, [] {}).error(), Errc::overloaded);
}

// Keeps what is posted from being published.
class Holding final : public LoopFaults {
 public:
  std::promise<RingBuffer<Event>::Claim> held;

 private:
  bool refuses_post(const EventLoop&) noexcept override { return false; }
  void may_hold(const EventLoop&, RingBuffer<Event>::Claim& claim) noexcept override {
    held.set_value(std::move(claim));
  }
  void before_event(const EventLoop&) override {}
};

TEST(Call, IsToldClosedWhenItsEventIsDestroyedUnrun) {
  const SystemClock clock;
  Holding holding;
  EventLoop loop({.faults = &holding}, clock, EpollPoller::create().value(), nullptr);
  bool ran = false;
  error_code told;
  std::thread caller([&] { told = call(loop, [&ran] { ran = true; }).error(); });
  {
    const auto destroyed_unrun = holding.held.get_future().get();
  }
  caller.join();
  EXPECT_EQ(told, Errc::closed);
  EXPECT_FALSE(ran);
}

TEST_F(CallTest, ServesManyThreadsAtOnce) {
  int sum = 0;  // the loop's
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        ASSERT_TRUE(call(loop, [&sum] { ++sum; }));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(*call(loop, [&sum] { return sum; }), 2000);
}

}  // namespace
}  // namespace fluxor::runtime
