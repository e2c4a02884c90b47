#include "runtime/task/timeout.h"

#include <gtest/gtest.h>

#include <boost/system/system_error.hpp>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "runtime/task/channel.h"
#include "runtime/task/frame_pool.h"
#include "runtime/task/scope.h"
#include "runtime/task/shield.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/test_loop.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

Task<std::unique_ptr<int>> value_after(Duration delay, int value) {
  co_await sleep_for(delay);
  co_return std::make_unique<int>(value);
}

Task<> nothing_after(Duration delay) { co_await sleep_for(delay); }

std::string word(const error_code& error) {
  for (const Errc errc : {Errc::timeout, Errc::deadline, Errc::cancelled, Errc::closed}) {
    if (error == errc) {
      return errc == Errc::timeout
                 ? "timeout"
                 : (errc == Errc::deadline ? "deadline" : (errc == Errc::closed ? "closed" : "cancelled"));
    }
  }
  return error.message();
}

// How it ended, in a word.
template <typename F, typename... Args>
Task<std::string> end_of(Duration duration, F function, Args... args) {
  try {
    const auto result = co_await timeout(duration, function, std::move(args)...);
    co_return result ? "value" : word(result.error());
  } catch (const boost::system::system_error& error) {
    co_return "throws " + word(error.code());
  } catch (const std::exception& error) {
    co_return std::string("throws ") + error.what();
  }
}

class TimeoutTest : public testing::Test {
 protected:
  ~TimeoutTest() override { EXPECT_EQ(live_frames(), frames_before_); }
  const std::uint64_t frames_before_ = live_frames();
  ManualClock clock;
  TestLoop loop{clock};
};

TEST_F(TimeoutTest, GivesTheValueOfATaskThatIsInTime) {
  const auto body = []() -> Task<int> {
    const Result<std::unique_ptr<int>> value = co_await timeout(5ms, value_after, 5ms - 1ns, 7);
    EXPECT_TRUE(co_await timeout(5ms, nothing_after, 1ms));
    co_return **value;
  };
  auto run = loop.start(body());
  loop.advance(6ms);
  EXPECT_EQ(run.get(), 7);
  EXPECT_EQ(loop.loop().next_expiry(), kNever);  // no timer left behind
}

TEST_F(TimeoutTest, SaysTimeoutExactlyWhenTheTimeIsOver) {
  auto run = loop.start(end_of(5ms, value_after, 1s, 7));
  auto none = loop.start(end_of(5ms, nothing_after, 1s));
  loop.advance(5ms - 1ns);
  EXPECT_FALSE(run.ready());
  loop.advance(1ns);
  EXPECT_EQ(run.get(), "timeout");
  EXPECT_EQ(none.get(), "timeout");
}

TEST_F(TimeoutTest, ThrowsWhatTheTaskThrows) {
  const auto fails = []() -> Task<int> {
    co_await sleep_for(1ms);
    throw std::runtime_error("boom");
  };
  auto run = loop.start(end_of(5ms, fails));
  loop.advance(1ms);
  EXPECT_EQ(run.get(), "throws boom");
}

TEST_F(TimeoutTest, IsToldApartFromTheDeadlineOfAScopeInside) {
  const auto inner = [](Duration own) -> Task<int> {
    co_await with_scope(within(own), [](Scope&) -> Task<> { co_await sleep_for(1s); });
    co_return 1;
  };
  auto inside = loop.start(end_of(5ms, inner, 2ms));
  auto outside = loop.start(end_of(5ms, inner, 7ms));
  loop.advance(5ms);
  EXPECT_EQ(inside.get(), "throws deadline");
  EXPECT_EQ(outside.get(), "timeout");
}

TEST_F(TimeoutTest, FlattensAResultAndSaysTimeoutWhereAWaitInsideSaysDeadline) {
  Channel<int> channel(1);
  const auto receive = [](Channel<int>& from) -> Task<Result<int>> { co_return co_await from.receive(); };
  const auto insist = [](Channel<int>& from) -> Task<int> { co_return (co_await from.receive()).value(); };
  const auto body = [](Channel<int>& from, auto function) -> Task<Result<int>> {
    co_return co_await timeout(5ms, function, std::ref(from));
  };
  auto first = loop.start(body(channel, receive));
  auto second = loop.start(body(channel, insist));
  auto third = loop.start(body(channel, receive));
  EXPECT_TRUE(channel.try_send(7));
  loop.advance(5ms);
  EXPECT_EQ(first.get().value(), 7);
  EXPECT_EQ(second.get().error(), Errc::timeout);
  EXPECT_EQ(third.get().error(), Errc::timeout);
  channel.close();
  auto fourth = loop.start(body(channel, receive));
  EXPECT_EQ(fourth.get().error(), Errc::closed);
}

// What a Result says that comes before our time is over is the task's own word.
TEST_F(TimeoutTest, LeavesADeadlineThatTheTaskAnswersAlone) {
  const auto answers = []() -> Task<Result<int>> { co_return Errc::deadline; };
  auto run = loop.start(end_of(5ms, answers));
  EXPECT_EQ(run.get(), "deadline");
}

TEST_F(TimeoutTest, GivesTheValueThatATaskMakesThoughItsTimeIsOver) {
  const auto stubborn = []() -> Task<int> {
    try {
      co_await sleep_for(1s);
    } catch (const Cancelled&) {
    }
    co_return 7;
  };
  auto run = loop.start(end_of(5ms, stubborn));
  loop.advance(5ms);
  EXPECT_EQ(run.get(), "value");
}

TEST_F(TimeoutTest, WaitsForTheCleanUpOfTheTask) {
  const auto cleans = []() -> Task<> {
    bool stopped = false;
    try {
      co_await sleep_for(1s);
    } catch (const Cancelled&) {
      stopped = true;
    }
    if (stopped) {
      co_await shield(10ms, nothing_after, 3ms);
      co_await sleep_for(1ms);  // throws
    }
  };
  auto run = loop.start(end_of(5ms, cleans));
  loop.advance(8ms - 1ns);
  EXPECT_FALSE(run.ready());
  loop.advance(1ns);
  EXPECT_EQ(run.get(), "timeout");
}

// Also where that is the deadline of a scope around, which is no timeout of this call.
TEST_F(TimeoutTest, ThrowsCancelledWhenTheTaskAroundIsToldToStop) {
  const auto body = [](Duration around, std::string& seen) -> Task<> {
    co_await with_scope(within(around), [&](Scope& scope) -> Task<> {
      auto child = scope.spawn(
          [](std::string& said) -> Task<> {
            try {
              said = co_await timeout(5ms, nothing_after, 1s) ? "value" : "error";
            } catch (const Cancelled& cancelled) {
              said = cancelled.reason == CancelReason::deadline ? "Cancelled: deadline" : "Cancelled";
              throw;
            }
          },
          std::ref(seen));
      co_await sleep_for(3ms);
      child.cancel();
    });
  };
  std::string by_hand, by_deadline, before;
  auto first = loop.start(body(1s, by_hand));
  auto second = loop.start(body(2ms, by_deadline));
  loop.advance(10ms);
  EXPECT_EQ(by_hand, "Cancelled");
  EXPECT_EQ(by_deadline, "Cancelled: deadline");
}

TEST_F(TimeoutTest, BeginsNothingInATaskThatWasToldToStopBefore) {
  const auto body = [](bool& ran) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.cancel();
      static_cast<void>(co_await timeout(
          5ms,
          [](bool& flag) -> Task<> {
            flag = true;
            co_return;
          },
          std::ref(ran)));
      ADD_FAILURE() << "it goes on";
    });
  };
  bool ran = false;
  auto run = loop.start(body(ran));
  EXPECT_TRUE(run.ready());
  EXPECT_FALSE(ran);
}

TEST_F(TimeoutTest, NestsByTheEarlierOne) {
  const auto inner = [](Duration own) -> Task<std::string> { co_return co_await end_of(own, nothing_after, 1s); };
  auto short_inside = loop.start(end_of(5ms, inner, 2ms));
  auto short_outside = loop.start(end_of(2ms, inner, 5ms));
  loop.advance(2ms);
  EXPECT_EQ(short_inside.get(), "value");  // which is the inner one's "timeout"
  EXPECT_EQ(short_outside.get(), "timeout");
}

}  // namespace
}  // namespace fluxor::runtime
