#include "runtime/testing/test_loop.h"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/task/sleep.h"
#include "runtime/task/task.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

Task<int> nap(Duration duration, int result) {
  co_await sleep_for(duration);
  co_return result;
}

Task<> fail_after(Duration duration) {
  co_await sleep_for(duration);
  throw std::runtime_error("task");
}

class TestLoopTest : public testing::Test {
 protected:
  ManualClock clock;
  TestLoop loop{clock};
};

TEST_F(TestLoopTest, RunsOnlyWhenToldTo) {
  int ran = 0;
  ASSERT_TRUE(loop.loop().post([&ran] { ++ran; }));
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(loop.run_until_idle(), 1U);
  EXPECT_EQ(ran, 1);
}

TEST_F(TestLoopTest, EndsATaskExactlyAtItsDeadline) {
  auto slept = loop.start(nap(5ms, 42));
  loop.advance(5ms - 1ns);
  EXPECT_FALSE(slept.ready());
  loop.advance(1ns);
  ASSERT_TRUE(slept.ready());
  EXPECT_EQ(slept.get(), 42);
}

TEST_F(TestLoopTest, HandsOutWhatATaskThrew) {
  auto failed = loop.start(fail_after(1ms));
  loop.advance(1ms);
  EXPECT_THROW(failed.get(), std::runtime_error);
  EXPECT_TRUE(loop.failures().empty()) << "it has an owner";
}

TEST_F(TestLoopTest, LetsTimePassMomentByMoment) {
  std::vector<Duration> woke;
  const Instant begin = clock.now();
  struct Ticks {
    static Task<> run(ManualClock& clock, Instant begin, std::vector<Duration>& woke) {
      for (int i = 0; i < 3; ++i) {
        co_await sleep_for(10ms);
        woke.push_back(clock.now() - begin);
      }
    }
  };
  auto ticks = loop.start(Ticks::run(clock, begin, woke));
  loop.advance(1s);
  EXPECT_EQ(woke, (std::vector<Duration>{10ms, 20ms, 30ms}));
  EXPECT_EQ(clock.now() - begin, 1s);
  ticks.get();
}

TEST_F(TestLoopTest, KeepsTheTextsOfExceptionsThatNobodyOwns) {
  ASSERT_TRUE(loop.loop().post([] { throw std::runtime_error("event"); }));
  ASSERT_TRUE(loop.loop().post([] { throw 1; }));
  loop.run_until_idle();
  EXPECT_EQ(loop.failures(), (std::vector<std::string>{"event", "not a std::exception"}));
}

TEST_F(TestLoopTest, StartsATaskThoughTheRingIsFull) {
  TestLoop small(clock, {.ring_capacity = 2});
  while (small.loop().post([] {})) {
  }
  auto slept = small.start(nap(0ms, 1));
  small.advance(0ms);
  EXPECT_EQ(slept.get(), 1);
}

TEST_F(TestLoopTest, StopsWhenAnOutcomeIsTakenTooEarly) {
  auto slept = loop.start(nap(5ms, 42));
  EXPECT_DEATH(slept.get(), "has ended");
  loop.advance(5ms);
  slept.get();
}

}  // namespace
}  // namespace fluxor::runtime
