#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>

#include "runtime/loop/event_loop.h"
#include "runtime/net/epoll_poller.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/testing/allocations.h"
#include "runtime/testing/manual_clock.h"

// What a loop does all day asks nothing of the heap (malloc is watched).
namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

class NullTimer final : public Timer {
  void on_timer() override {}
};
class NullNode final : public ReadyNode {
  void on_ready() override {}
};
class NullSignal final : public ControlNode {
  void on_control() override {}
};
class NullSource final : public WorkSource {
  More work() override { return More::no; }
};

class EventLoopAllocationTest : public testing::Test {
 protected:
  ManualClock clock;
  EventLoop loop{{.ring_capacity = 64}, clock, EpollPoller::create().value(), nullptr};
};

TEST_F(EventLoopAllocationTest, PostsAndRunsAnEventOf48BytesWithoutAllocation) {
  std::array<std::byte, kEventPayloadBytes> payload{};
  std::size_t handled = 0;
  static std::size_t* counter = nullptr;
  counter = &handled;
  const Allocations asked = allocations_of([&] {
    for (int i = 0; i < 1000; ++i) {
      ASSERT_TRUE(loop.post([payload] { *counter += payload.size(); }));
      if (i % 50 == 49) loop.run_until_idle();
    }
    while (loop.post([] {})) {
    }
    loop.run_until_idle();
  });
  EXPECT_EQ(asked.count, 0U);
  EXPECT_EQ(handled, 1000 * kEventPayloadBytes);
}

TEST_F(EventLoopAllocationTest, ArmsCancelsAndFiresTimersWithoutAllocation) {
  std::array<NullTimer, 100> timers;
  const auto round = [&] {
    for (std::size_t i = 0; i < timers.size(); ++i) loop.arm_after(timers[i], Duration(i * 1'000'000));
    for (std::size_t i = 0; i < timers.size(); i += 2) loop.cancel(timers[i]);
    clock.advance(1s);
    loop.run_until_idle();
  };
  round();  // the wheel makes room to sort what is due together, once
  EXPECT_EQ(allocations_of(round).count, 0U);
}

TEST_F(EventLoopAllocationTest, RunsWhatIsReadySignalledAndWorkingWithoutAllocation) {
  NullNode node;
  NullSignal signal;
  NullSource source;
  const Allocations asked = allocations_of([&] {
    for (int i = 0; i < 100; ++i) {
      loop.make_ready(node);
      loop.make_ready(source);
      loop.signal(signal);
      loop.run_until_idle();
    }
  });
  EXPECT_EQ(asked.count, 0U);
  EXPECT_EQ(loop.stats().ready_runs, 100U);
}

Task<> sleep_often(int times) {
  for (int i = 0; i < times; ++i) co_await sleep_for(1ms);
}

TEST_F(EventLoopAllocationTest, SuspendsAndResumesACoroutineWithoutAllocation) {
  bool ended = false;
  ASSERT_TRUE(loop.post([&] { start(sleep_often(100), [&ended](Outcome<>) { ended = true; }); }));
  loop.run_until_idle();
  const auto sleep_once = [&] {
    clock.advance(1ms);
    loop.run_until_idle();
  };
  sleep_once();  // the wheel makes room, once
  EXPECT_EQ(allocations_of([&] {
              for (int i = 0; i < 98; ++i) sleep_once();
            }).count,
            0U);
  sleep_once();
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace fluxor::runtime
