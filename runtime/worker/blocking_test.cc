#include "runtime/worker/blocking.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "runtime/loop/event_loop.h"
#include "runtime/net/epoll_poller.h"
#include "runtime/task/frame_pool.h"
#include "runtime/task/scope.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/testing/allocations.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/test_loop.h"
#include "runtime/worker/hand_workers.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

int twice(int number) { return 2 * number; }

class BlockingTest : public testing::Test {
 protected:
  ~BlockingTest() override { EXPECT_EQ(live_frames(), frames_before_); }

  // What came of it, told by a task that may be cancelled: it notes the answer itself.
  template <typename... Call>
  Started<> begin(std::optional<Result<int>>& answer, Call... call) {
    struct Run {
      static Task<> run(HandWorkers* workers, std::optional<Result<int>>* answer, Scope** scope, Call... call) {
        co_await with_scope([&](Scope& inner) -> Task<> {
          *scope = &inner;
          *answer = co_await blocking(*workers, std::move(call)...);
        });
      }
    };
    return loop.start(Run::run(&workers, &answer, &scope, std::move(call)...));
  }

  const std::uint64_t frames_before_ = live_frames();
  ManualClock clock;
  TestLoop loop{clock};
  HandWorkers workers{2};
  Scope* scope = nullptr;
  std::optional<Result<int>> answer, second, third;
};

TEST_F(BlockingTest, RunsTheFunctionElsewhereAndGoesOnOnTheLoopWithItsValue) {
  const auto ask = [](HandWorkers& workers, EventLoop*& during, EventLoop*& after) -> Task<int> {
    const Result<int> value = co_await blocking(workers, [&during] {
      during = EventLoop::current();
      return 7;
    });
    after = EventLoop::current();
    co_return *value;
  };
  EventLoop* during = &loop.loop();
  EventLoop* after = nullptr;
  auto asked = loop.start(ask(workers, during, after));
  EXPECT_FALSE(asked.ready());
  EXPECT_TRUE(workers.do_one());
  EXPECT_EQ(during, nullptr);
  EXPECT_FALSE(asked.ready()) << "not on the worker";
  loop.run_until_idle();
  EXPECT_EQ(asked.get(), 7);
  EXPECT_EQ(after, &loop.loop());
}

TEST_F(BlockingTest, ComesHomeThoughTheRingOfItsLoopIsFull) {
  auto asked = begin(answer, twice, 4);
  workers.do_one();
  while (loop.loop().post([] {})) {
  }
  loop.loop().run_unit();
  EXPECT_EQ(answer->value(), 8);
  loop.run_until_idle();
}

TEST_F(BlockingTest, TakesWhatCanBeMovedOnlyAndWhatReturnsNothing) {
  const auto ask = [](HandWorkers& workers) -> Task<std::string> {
    Result<std::unique_ptr<std::string>> text = co_await blocking(
        workers, [](std::unique_ptr<std::string> given) { return given; }, std::make_unique<std::string>("moved"));
    const Result<void> nothing = co_await blocking(workers, [] {});
    EXPECT_TRUE(nothing);
    co_return **text;
  };
  auto asked = loop.start(ask(workers));
  while (workers.do_one()) loop.run_until_idle();
  EXPECT_EQ(asked.get(), "moved");
}

TEST_F(BlockingTest, AnswersTheResultOfAFunctionThatReturnsOne) {
  const auto ask = [](HandWorkers& workers) -> Task<error_code> {
    const auto answer = co_await blocking(workers, []() -> Result<int> { return Errc::not_found; });
    static_assert(std::is_same_v<decltype(answer), const Result<int>>);
    co_return answer.error();
  };
  auto asked = loop.start(ask(workers));
  workers.do_one();
  loop.run_until_idle();
  EXPECT_EQ(asked.get(), Errc::not_found);
}

TEST_F(BlockingTest, ThrowsWhatTheFunctionThrows) {
  auto asked = begin(answer, []() -> int { throw std::runtime_error("no disk"); });
  workers.do_one();
  loop.run_until_idle();
  EXPECT_THROW(asked.get(), std::runtime_error);
  EXPECT_TRUE(loop.failures().empty());
}

TEST_F(BlockingTest, IsRefusedAtOnceWhenTheQueueIsFullOrClosed) {
  auto one = begin(answer, twice, 1);
  auto two = begin(answer, twice, 2);
  auto three = begin(second, twice, 3);
  EXPECT_EQ(second->error(), Errc::overloaded);
  while (workers.do_one()) {
  }
  loop.run_until_idle();
  workers.stop();
  auto four = begin(third, twice, 4);
  EXPECT_EQ(third->error(), Errc::closed);
  EXPECT_EQ(workers.stats().refused, 1U);
}

TEST_F(BlockingTest, DestroysFunctionAndArgumentsOnTheWorkerBeforeTheWaiterHears) {
  auto counted = std::make_shared<int>(1);  // not const, or the capture would be copied where it is moved
  auto asked = begin(answer, [counted](const std::shared_ptr<int>& given) { return *given; }, counted);
  EXPECT_EQ(counted.use_count(), 3);
  workers.do_one();
  EXPECT_EQ(counted.use_count(), 1);
  loop.run_until_idle();
  EXPECT_TRUE(answer->has_value());
}

TEST_F(BlockingTest, WakesAtOnceWhenItIsCancelledWhileTheJobRunsOnAndIsCounted) {
  const auto counted = std::make_shared<int>(1);
  auto asked = begin(answer, [counted] { return *counted; });
  BlockingJob* const job = workers.begin();
  scope->cancel();
  loop.run_until_idle();
  EXPECT_EQ(answer->error(), Errc::cancelled);
  EXPECT_TRUE(asked.ready());
  EXPECT_EQ(workers.stats().abandoned, 1U);
  EXPECT_EQ(workers.stats().running, 1U);
  EXPECT_EQ(counted.use_count(), 2);
  workers.finish(*job);
  loop.run_until_idle();
  EXPECT_EQ(workers.stats().done, 1U);
  EXPECT_EQ(counted.use_count(), 1);
  EXPECT_TRUE(loop.failures().empty());
}

TEST_F(BlockingTest, AnswersDeadlineWhenTheTimeOfItsScopeIsOver) {
  const auto ask = [](HandWorkers* workers, std::optional<Result<int>>* answer) -> Task<> {
    try {
      co_await with_scope(within(5ms), [&](Scope&) -> Task<> { *answer = co_await blocking(*workers, twice, 1); });
    } catch (const std::exception&) {
    }
  };
  auto asked = loop.start(ask(&workers, &answer));
  loop.advance(5ms - 1ns);
  EXPECT_FALSE(asked.ready());
  loop.advance(1ns);
  EXPECT_TRUE(asked.ready());
  EXPECT_EQ(answer->error(), Errc::deadline);
}

TEST_F(BlockingTest, NeverRunsAJobThatHadNotBegunWhenItsWaiterWasCancelled) {
  const auto counted = std::make_shared<int>(1);
  bool ran = false;
  auto asked = begin(answer, [counted, &ran] { return ran = true, *counted; });
  scope->cancel();
  loop.run_until_idle();
  EXPECT_EQ(answer->error(), Errc::cancelled);
  EXPECT_EQ(counted.use_count(), 1);
  EXPECT_FALSE(workers.do_one());
  EXPECT_FALSE(ran);
  EXPECT_EQ(workers.stats().withdrawn, 1U);
}

TEST_F(BlockingTest, KeepsTheValueOfAJobThatHadEndedWhenItsWaiterWasCancelled) {
  auto asked = begin(answer, twice, 21);
  BlockingJob* const job = workers.begin();
  workers.run(*job);
  scope->cancel();
  loop.run_until_idle();
  EXPECT_FALSE(answer.has_value()) << "the word of it is on its way";
  job->tell();
  loop.run_until_idle();
  EXPECT_EQ(answer->value(), 42);
  EXPECT_EQ(workers.stats().abandoned, 0U);
}

TEST_F(BlockingTest, DoesNotBeginInATaskThatWasCancelledBefore) {
  const auto ask = [](HandWorkers* workers, bool* went_on) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.cancel();
      static_cast<void>(co_await blocking(*workers, twice, 1));
      *went_on = true;
    });
  };
  bool went_on = false;
  auto asked = loop.start(ask(&workers, &went_on));
  EXPECT_TRUE(asked.ready());
  EXPECT_FALSE(went_on);
  EXPECT_EQ(workers.stats().queued, 0U);
}

TEST_F(BlockingTest, ReportsWhatAnAbandonedJobThrows) {
  auto asked = begin(answer, []() -> int { throw std::runtime_error("nobody waits"); });
  BlockingJob* const job = workers.begin();
  scope->cancel();
  workers.finish(*job);
  loop.run_until_idle();
  ASSERT_EQ(loop.failures().size(), 1U);
  EXPECT_NE(loop.failures().front().find("nobody waits"), std::string::npos);
}

TEST_F(BlockingTest, KeepsThePlaceItWasAskedFrom) {
  auto asked = begin(answer, twice, 1);
  BlockingJob* const job = workers.begin();
  EXPECT_NE(std::string(job->site().file_name()).find("blocking_test.cc"), std::string::npos);
  workers.finish(*job);
  loop.run_until_idle();
}

TEST_F(BlockingTest, AllocatesOneObjectFromTheFreeList) {
  if (!kRecyclesFrames) GTEST_SKIP() << "frames are not recycled here";
  const auto ask = [](HandWorkers& workers, bool& stop) -> Task<> {
    while (!stop) static_cast<void>(co_await blocking(workers, twice, 1));
  };
  bool stop = false;
  auto asked = loop.start(ask(workers, stop));
  workers.do_one();
  loop.run_until_idle();
  const AllocationWatch watch;
  for (int i = 0; i < 10; ++i) {
    workers.do_one();
    loop.run_until_idle();
  }
  EXPECT_EQ(watch.so_far().count, 0U);
  stop = true;
  workers.do_one();
  loop.run_until_idle();
}

// The waiter is left behind, as every task of a loop that has ended; the job is not.
TEST(BlockingAfterItsLoop, FreesTheJobWhenTheLoopHasEndedBeforeOrAfterItsSignal) {
  for (const bool before : {true, false}) {
    const auto counted = std::make_shared<int>(1);
    HandWorkers workers;
    const ManualClock clock;
    {
      EventLoop loop({}, clock, EpollPoller::create().value(), nullptr);
      BlockingJob* job = nullptr;
      Scope* scope = nullptr;
      const auto ask = [](HandWorkers* to, Scope** scope, std::shared_ptr<int> counted) -> Task<> {
        co_await with_scope([&](Scope& inner) -> Task<> {
          *scope = &inner;
          static_cast<void>(co_await blocking(*to, [counted] { return counted; }));
        });
      };
      ASSERT_TRUE(loop.post([&] { start(ask(&workers, &scope, counted), [](Outcome<>) {}); }));
      loop.run_until_idle();
      job = workers.begin();
      scope->cancel();  // so that no task is left behind, which a leak checker would tell
      loop.run_until_idle();
      EXPECT_EQ(counted.use_count(), 2);
      workers.run(*job);
      EXPECT_EQ(counted.use_count(), 2) << "what it returned";
      if (before) {
        loop.stop();
        loop.run();
        job->tell();
      } else {
        job->tell();  // and the loop is destroyed without another turn
      }
    }
    EXPECT_EQ(counted.use_count(), 1) << before;
  }
}

}  // namespace
}  // namespace fluxor::runtime
