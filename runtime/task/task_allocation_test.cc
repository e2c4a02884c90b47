#include <gtest/gtest.h>

#include "runtime/task/frame_pool.h"
#include "runtime/task/post_when_room.h"
#include "runtime/task/scope.h"
#include "runtime/task/shield.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/testing/allocations.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/test_loop.h"

// What tasks and scopes do all day asks nothing of the heap, once their frames have been used before (malloc is
// watched).
namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

class TaskAllocationTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!kRecyclesFrames) GTEST_SKIP() << "frames are not recycled here";
  }
  // What the second half of `rounds` rounds asks for.
  template <typename Round>
  static Task<> measure(Round round, Allocations* asked) {
    for (int i = 0; i < 10; ++i) co_await round();
    const AllocationWatch watch;
    for (int i = 0; i < 100; ++i) co_await round();
    *asked = watch.so_far();
  }
  template <typename Round>
  std::uint64_t allocations_of_each(Round round) {
    Allocations asked{.count = 1};
    auto run = loop.start(measure(round, &asked));
    loop.advance(1s);
    EXPECT_TRUE(run.ready());
    return asked.count;
  }
  ManualClock clock;
  TestLoop loop{clock};
};

Task<int> seven() { co_return 7; }
Task<> sleep_1ms() { co_await sleep_for(1ms); }

TEST_F(TaskAllocationTest, SuspendsAndResumesWithoutAllocation) { EXPECT_EQ(allocations_of_each(sleep_1ms), 0U); }

TEST_F(TaskAllocationTest, OpensAScopeWithADeadlineWithoutAllocation) {
  EXPECT_EQ(allocations_of_each([]() -> Task<> {
              const int value = co_await with_scope(within(1ms), [](Scope&) { return seven(); });
              EXPECT_EQ(value, 7);
            }),
            0U);
}

TEST_F(TaskAllocationTest, SpawnsAndJoinsWithoutAllocation) {
  EXPECT_EQ(allocations_of_each([]() -> Task<> {
              co_await with_scope([](Scope& scope) -> Task<> {
                for (int i = 0; i < 20; ++i) scope.spawn(sleep_1ms);
                auto child = scope.spawn(seven);
                EXPECT_EQ(co_await child, 7);
              });
            }),
            0U);
}

TEST_F(TaskAllocationTest, ShieldsWithoutAllocation) {
  EXPECT_EQ(allocations_of_each([]() -> Task<> { co_await shield(1ms, sleep_1ms); }), 0U);
}

TEST_F(TaskAllocationTest, PostsWhenThereIsRoomWithoutAllocation) {
  EXPECT_EQ(allocations_of_each([]() -> Task<> {
              EXPECT_TRUE(co_await post_when_room(*EventLoop::current(), [] {}));
              co_await sleep_for(1ms);
            }),
            0U);
}

}  // namespace
}  // namespace fluxor::runtime
