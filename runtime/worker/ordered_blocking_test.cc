#include "runtime/worker/ordered_blocking.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/task/frame_pool.h"
#include "runtime/task/scope.h"
#include "runtime/task/task.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/test_loop.h"
#include "runtime/worker/hand_workers.h"

namespace fluxor::runtime {
namespace {

class OrderedBlockingTest : public testing::Test {
 protected:
  ~OrderedBlockingTest() override {
    line.reset();
    EXPECT_EQ(live_frames(), frames_before_);
  }

  // Asks for job `number`; how that ended goes to `ends`, in order.
  Started<> ask(int number) {
    struct Run {
      static Task<> run(OrderedBlockingTest* test, int number) {
        try {
          co_await with_scope([&](Scope& scope) -> Task<> {
            test->scopes[number] = &scope;
            const Result<void> ended = co_await blocking(*test->line, [test, number] {
              test->ran.push_back(number);
              if (number == kThrows) throw std::runtime_error("bad");
            });
            test->ends.push_back(std::to_string(number) + (ended ? "" : " " + ended.error().message()));
          });
        } catch (const std::runtime_error&) {
          test->ends.push_back(std::to_string(number) + " threw");
        }
      }
    };
    return loop.start(Run::run(this, number));
  }
  void ask_three() {
    for (const int number : {1, 2, 3}) static_cast<void>(ask(number));
  }
  void cancel(int number) {
    scopes[number]->cancel();
    loop.run_until_idle();
  }
  bool do_one() {
    const bool did = workers.do_one();
    loop.run_until_idle();
    return did;
  }
  static std::string text(Errc errc) { return make_error_code(errc).message(); }

  static constexpr int kThrows = 9;
  const std::uint64_t frames_before_ = live_frames();
  ManualClock clock;
  TestLoop loop{clock};
  HandWorkers workers{2};
  std::optional<OrderedBlocking> line{std::in_place, workers, 3U};
  Scope* scopes[10] = {};
  std::vector<int> ran;
  std::vector<std::string> ends;
};

TEST_F(OrderedBlockingTest, HandsOverOneAfterAnotherInOrder) {
  ask_three();
  BlockingJob* const first = workers.begin();
  EXPECT_EQ(workers.begin(), nullptr);
  EXPECT_EQ(line->waiting(), 2U);
  workers.run(*first);
  EXPECT_EQ(workers.begin(), nullptr) << "the next waits until the loop has heard";
  first->tell();
  loop.run_until_idle();
  while (do_one()) {
  }
  EXPECT_EQ(ran, (std::vector{1, 2, 3}));
  EXPECT_EQ(ends, (std::vector<std::string>{"1", "2", "3"}));
}

TEST_F(OrderedBlockingTest, RefusesWhenAsManyWaitAsMay) {
  for (const int number : {1, 2, 3, 4, 5}) static_cast<void>(ask(number));
  EXPECT_EQ(ends, std::vector{"5 " + text(Errc::overloaded)});
  while (do_one()) {
  }
  EXPECT_EQ(ran, (std::vector{1, 2, 3, 4}));
}

TEST_F(OrderedBlockingTest, RefusesTheFirstWhenTheExecutorIsFullAndNoneOfThoseBehind) {
  OrderedBlocking other(workers), another(workers);
  const auto fill = [](OrderedBlocking* into) -> Task<> { static_cast<void>(co_await blocking(*into, [] {})); };
  ask_three();
  BlockingJob* const first = workers.begin();
  auto one = loop.start(fill(&other));
  auto two = loop.start(fill(&another));
  EXPECT_EQ(workers.stats().queued, 2U);
  workers.finish(*first);
  loop.run_until_idle();
  EXPECT_EQ(workers.stats().queued, 3U) << "the second has the place of the first";
  OrderedBlocking late(workers);
  const auto refused = [](OrderedBlocking* into) -> Task<Errc> {
    const Result<void> answer = co_await blocking(*into, [] {});
    EXPECT_EQ(answer.error(), Errc::overloaded);
    co_return Errc::overloaded;
  };
  auto three = loop.start(refused(&late));
  EXPECT_TRUE(three.ready());
  while (do_one()) {
  }
  EXPECT_EQ(ends, (std::vector<std::string>{"1", "2", "3"}));
}

TEST_F(OrderedBlockingTest, DropsWhoIsCancelledInLineAndKeepsTheOrderBehind) {
  ask_three();
  cancel(2);
  EXPECT_EQ(ends, std::vector{"2 " + text(Errc::cancelled)});
  EXPECT_EQ(line->waiting(), 1U);
  while (do_one()) {
  }
  EXPECT_EQ(ran, (std::vector{1, 3}));
}

TEST_F(OrderedBlockingTest, DropsTheLastInLineAndTakesOthersBehind) {
  ask_three();
  cancel(3);
  static_cast<void>(ask(4));
  cancel(2);
  cancel(4);
  static_cast<void>(ask(5));
  while (do_one()) {
  }
  EXPECT_EQ(ran, (std::vector{1, 5}));
}

TEST_F(OrderedBlockingTest, StartsTheNextAtOnceWhenOneIsCancelledBeforeItBegan) {
  ask_three();
  cancel(1);
  EXPECT_EQ(line->waiting(), 1U);
  EXPECT_EQ(workers.stats().queued, 1U);
  while (do_one()) {
  }
  EXPECT_EQ(ran, (std::vector{2, 3}));
}

TEST_F(OrderedBlockingTest, StartsTheNextOnlyWhenAnAbandonedJobHasEnded) {
  ask_three();
  BlockingJob* const first = workers.begin();
  cancel(1);
  EXPECT_EQ(ends, std::vector{"1 " + text(Errc::cancelled)});
  EXPECT_EQ(workers.begin(), nullptr);
  workers.finish(*first);
  loop.run_until_idle();
  while (do_one()) {
  }
  EXPECT_EQ(ran, (std::vector{1, 2, 3}));
}

TEST_F(OrderedBlockingTest, KeepsTheAnswerOfOneThatHadEndedWhenItWasCancelled) {
  ask_three();
  BlockingJob* const first = workers.begin();
  workers.run(*first);
  cancel(1);
  EXPECT_TRUE(ends.empty());
  first->tell();
  loop.run_until_idle();
  EXPECT_EQ(ends, std::vector<std::string>{"1"});
  while (do_one()) {
  }
}

TEST_F(OrderedBlockingTest, GoesOnAfterAJobThatThrows) {
  for (const int number : {kThrows, 2}) static_cast<void>(ask(number));
  while (do_one()) {
  }
  EXPECT_EQ(ends, (std::vector<std::string>{"9 threw", "2"}));
}

TEST_F(OrderedBlockingTest, ReportsWhatAnAbandonedJobThrows) {
  static_cast<void>(ask(kThrows));
  BlockingJob* const first = workers.begin();
  cancel(kThrows);
  workers.finish(*first);
  loop.run_until_idle();
  EXPECT_EQ(loop.failures().size(), 1U);
}

TEST_F(OrderedBlockingTest, TellsAllInLineThatTheExecutorIsClosed) {
  ask_three();
  workers.stop();
  while (do_one()) {
  }
  EXPECT_EQ(ends, (std::vector<std::string>{"1", "2 " + text(Errc::closed), "3 " + text(Errc::closed)}));
  EXPECT_EQ(ran, std::vector{1}) << "what was accepted runs";
}

TEST_F(OrderedBlockingTest, MayGoWhileAnAbandonedJobRunsOn) {
  static_cast<void>(ask(1));
  BlockingJob* const first = workers.begin();
  cancel(1);
  line.emplace(workers, 3U);  // the next incarnation, in the same place
  static_cast<void>(ask(2));
  workers.finish(*first);
  loop.run_until_idle();
  EXPECT_EQ(ran, std::vector{1});
  EXPECT_EQ(ends.size(), 1U) << "the next one hears nothing of it";
  do_one();
  EXPECT_EQ(ran, (std::vector{1, 2}));
}

TEST_F(OrderedBlockingTest, MayGoWhenItsLastWaiterGoesOn) {
  const auto last = [](std::optional<OrderedBlocking>* line) -> Task<> {
    static_cast<void>(co_await blocking(**line, [] {}));
    line->reset();
  };
  auto run = loop.start(last(&line));
  do_one();
  EXPECT_TRUE(run.ready());
}

TEST(OrderedBlockingDeathTest, StopsWhenItGoesBeforeThoseWhoWait) {
  ManualClock clock;
  TestLoop loop(clock);
  HandWorkers workers;
  const auto wait = [](OrderedBlocking* line) -> Task<> { static_cast<void>(co_await blocking(*line, [] {})); };
  const auto die = [&] {
    OrderedBlocking line(workers);
    auto waiting = loop.start(wait(&line));
  };
  EXPECT_DEATH(die(), "goes before their line");
}

}  // namespace
}  // namespace fluxor::runtime
