#include "runtime/task/task.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/task/frame_pool.h"
#include "runtime/testing/allocations.h"

namespace fluxor::runtime {
namespace {

// Suspends whoever awaits it until the test says go.
class Gate {
 public:
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) noexcept { awaiting_ = awaiting; }
  void await_resume() const noexcept {}
  void open() { std::exchange(awaiting_, nullptr).resume(); }

 private:
  std::coroutine_handle<> awaiting_;
};

Task<int> ready(int value) { co_return value; }

Task<std::string> fails(std::string text) {
  throw std::runtime_error(text);
  co_return text;
}

TEST(Task, DoesNothingUntilItIsAwaited) {
  bool ran = false;
  const auto set = [](bool& flag) -> Task<> {
    flag = true;
    co_return;
  };
  {
    auto dropped = set(ran);
  }
  EXPECT_FALSE(ran);
  start(set(ran), [](Outcome<void>) {});
  EXPECT_TRUE(ran);
}

TEST(Task, HandsItsValueToTheAwaiter) {
  const auto sum = [](int a, int b) -> Task<int> { co_return co_await ready(a) + co_await ready(b); };
  int result = 0;
  start(sum(2, 3), [&result](Outcome<int> outcome) { result = outcome.take(); });
  EXPECT_EQ(result, 5);
}

TEST(Task, MovesValuesThatCannotBeCopied) {
  const auto make = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(7); };
  const auto pass = [](Task<std::unique_ptr<int>> inner) -> Task<std::unique_ptr<int>> {
    co_return co_await std::move(inner);
  };
  int result = 0;
  start(pass(make()), [&result](Outcome<std::unique_ptr<int>> outcome) { result = *outcome.take(); });
  EXPECT_EQ(result, 7);
}

TEST(Task, HandsWhatItThrowsToTheAwaiter) {
  const auto catches = []() -> Task<std::string> {
    try {
      co_return co_await fails("inner");
    } catch (const std::runtime_error& error) {
      co_return std::string("caught ") + error.what();
    }
  };
  std::string result;
  start(catches(), [&result](Outcome<std::string> outcome) { result = outcome.take(); });
  EXPECT_EQ(result, "caught inner");
}

TEST(Task, TellsAValueFromAFailure) {
  start(ready(1), [](const Outcome<int>& outcome) {
    EXPECT_TRUE(outcome.has_value());
    EXPECT_EQ(outcome.failure(), nullptr);
  });
  start(fails("boom"), [](Outcome<std::string> outcome) { EXPECT_THROW(outcome.take(), std::runtime_error); });
}

TEST(Task, MovesIntoAnotherThatHasNotStarted) {
  const std::uint64_t before = live_frames();
  Task<int> task = ready(1);
  task = ready(2);
  EXPECT_EQ(live_frames(), before + 1);
  int result = 0;
  start(std::move(task), [&result](Outcome<int> outcome) { result = outcome.take(); });
  EXPECT_EQ(result, 2);
}

TEST(Task, ReportsAnExceptionThatNobodyCaught) {
  std::exception_ptr failure;
  start(fails("boom"), [&failure](Outcome<std::string> outcome) {
    EXPECT_FALSE(outcome.has_value());
    failure = outcome.failure();
  });
  EXPECT_THROW(std::rethrow_exception(failure), std::runtime_error);
}

TEST(Task, GoesOnWhereItWasSuspended) {
  Gate gate;
  std::vector<int> steps;
  const auto body = [](Gate& wait, std::vector<int>& log) -> Task<> {
    log.push_back(1);
    co_await wait;
    log.push_back(2);
  };
  bool done = false;
  start(body(gate, steps), [&done](Outcome<void>) { done = true; });
  EXPECT_EQ(steps, std::vector{1});
  EXPECT_FALSE(done);
  gate.open();
  EXPECT_EQ(steps, (std::vector{1, 2}));
  EXPECT_TRUE(done);
}

TEST(Task, DestroysTemporariesOfAnAwaitExpressionOnce) {
  struct Use {
    static Task<long> count(std::shared_ptr<int> held) { co_return held.use_count(); }
  };
  auto owned = std::make_shared<int>(1);
  const auto body = [](std::shared_ptr<int> held) -> Task<> { co_await Use::count(std::shared_ptr<int>(held)); };
  start(body(owned), [](Outcome<void>) {});
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(Task, AwaitsAMillionReadyTasksWithoutGrowingTheStack) {
  const auto loop = [](int times) -> Task<std::int64_t> {
    std::int64_t sum = 0;
    for (int i = 0; i < times; ++i) sum += co_await ready(1);
    co_return sum;
  };
  std::int64_t result = 0;
  start(loop(1'000'000), [&result](Outcome<std::int64_t> outcome) { result = outcome.take(); });
  EXPECT_EQ(result, 1'000'000);
}

TEST(Task, NestsDeeplyWithoutGrowingTheStackOnTheWayBack) {
  struct Nest {
    static Task<int> down(int depth, Gate& gate) {
      if (depth == 0) {
        co_await gate;
        co_return 0;
      }
      co_return 1 + co_await down(depth - 1, gate);
    }
  };
  Gate gate;
  int result = 0;
  start(Nest::down(100'000, gate), [&result](Outcome<int> outcome) { result = outcome.take(); });
  gate.open();
  EXPECT_EQ(result, 100'000);
}

TEST(Task, DestroysItsFrameAndArgumentsBeforeItReportsItsEnd) {
  auto argument = std::make_shared<int>(1);
  const auto body = [](std::shared_ptr<int>) -> Task<> { co_return; };
  long held = 0;
  start(body(argument), [&](Outcome<void>) { held = argument.use_count(); });
  EXPECT_EQ(held, 1);
  const auto failing = [](std::shared_ptr<int>) -> Task<> {
    throw std::runtime_error("boom");
    co_return;
  };
  held = 0;
  start(failing(argument), [&](Outcome<void>) { held = argument.use_count(); });
  EXPECT_EQ(held, 1);
}

TEST(TaskDeathTest, StopsWhenATaskIsAwaitedAgainBeforeItsEnd) {
  Gate gate;
  const auto body = [](Gate& wait) -> Task<> { co_await wait; };
  Task<> task = body(gate);
  const auto awaits = [](Task<>& awaited) -> Task<> { co_await std::move(awaited); };
  start(awaits(task), [](Outcome<void>) {});
  EXPECT_DEATH(start(awaits(task), [](Outcome<void>) {}), "a task is awaited once");
  gate.open();
}

TEST(TaskDeathTest, StopsWhenATaskIsAwaitedAgainAfterItsEnd) {
  Task<int> task = ready(1);
  const auto awaits = [](Task<int>& awaited) -> Task<> { co_await std::move(awaited); };
  start(awaits(task), [](Outcome<void>) {});
  EXPECT_DEATH(start(awaits(task), [](Outcome<void>) {}), "a task is awaited once");
}

TEST(TaskDeathTest, StopsWhenATaskIsAwaitedThatWasMovedAway) {
  Task<int> task = ready(1);
  const Task<int> elsewhere = std::move(task);
  const auto awaits = [](Task<int>& awaited) -> Task<> { co_await std::move(awaited); };
  EXPECT_DEATH(start(awaits(task), [](Outcome<void>) {}), "a task is awaited once");
}

TEST(TaskDeathTest, StopsWhenAnOutcomeIsTakenThatIsNotThereYet) {
  EXPECT_DEATH(Outcome<int>().take(), "an outcome is taken after the task has ended");
  EXPECT_DEATH(Outcome<void>().take(), "an outcome is taken after the task has ended");
}

TEST(TaskDeathTest, EndsTheProcessWhenWhoHearsOfTheEndThrows) {
  EXPECT_DEATH(start(ready(1), [](Outcome<int>) { throw std::runtime_error("not allowed"); }), "not allowed");
}

TEST(TaskDeathTest, StopsWhenAStartedTaskIsDestroyedBeforeItsEnd) {
  Gate gate;
  const auto body = [](Gate& wait) -> Task<> { co_await wait; };
  auto task = std::make_unique<Task<>>(body(gate));
  const auto awaits = [](Task<>& awaited) -> Task<> { co_await std::move(awaited); };
  start(awaits(*task), [](Outcome<void>) {});
  EXPECT_DEATH(task.reset(), "a started task is not destroyed before its end");
  gate.open();
}

TEST(Task, FreesEveryFrame) {
  const std::uint64_t before = live_frames();
  const auto outer = []() -> Task<int> { co_return co_await ready(1) + co_await ready(2); };
  start(outer(), [](Outcome<int>) {});
  start(fails("x"), [](Outcome<std::string>) {});
  {
    auto dropped = ready(3);
    dropped = ready(4);
  }
  EXPECT_EQ(live_frames(), before);
}

TEST(Task, AllocatesNothingToStartSuspendResumeAndAwaitOnceItsFramesAreThere) {
  Gate gate;
  struct Steps {
    static Task<int> inner(Gate& wait) {
      co_await wait;
      co_return co_await ready(1);
    }
    static Task<int> outer(Gate& wait) {
      const int first = co_await inner(wait);
      co_return first + co_await inner(wait);
    }
  };
  int sum = 0;
  const auto run_once = [&] {
    start(Steps::outer(gate), [&sum](Outcome<int> outcome) { sum += outcome.take(); });
    gate.open();
    gate.open();
  };
  run_once();
  const Allocations seen = allocations_of([&run_once] {
    for (int i = 0; i < 1000; ++i) run_once();
  });
  EXPECT_EQ(sum, 2002);
  // Root, outer, and twice inner and ready.
  EXPECT_EQ(seen.count, kRecyclesFrames ? 0U : 6000U);
}

}  // namespace
}  // namespace fluxor::runtime
