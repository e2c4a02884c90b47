#include "runtime/task/channel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/task/scope.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/testing/allocations.h"
#include "runtime/testing/explore.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/sim_group.h"
#include "runtime/testing/test_loop.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;
using Number = std::unique_ptr<int>;  // so that a value that is copied, lost or used twice shows

Number number(int value) { return std::make_unique<int>(value); }

Task<> send(Channel<Number>& channel, int value, Words& words) {
  const std::string name = "send " + std::to_string(value);
  try {
    const Result<void> sent = co_await channel.send(number(value));
    words.push_back(name + (sent ? "" : ": " + sent.error().message()));
  } catch (const Cancelled&) {
    words.push_back(name + " thrown");
    throw;
  }
}

Task<> receive(Channel<Number>& channel, Words& words) {
  try {
    const Result<Number> received = co_await channel.receive();
    words.push_back(received ? "got " + std::to_string(**received) : "got none: " + received.error().message());
  } catch (const Cancelled&) {
    words.push_back("receive thrown");
    throw;
  }
}

class ChannelTest : public testing::Test {
 protected:
  // Runs `body` in a scope, with the channel, until nothing is left to run without time.
  template <typename Body>
  void run(Body body) {
    ran_ = loop.start(in_scope(body));
  }
  template <typename Body>
  static Task<> in_scope(Body body) {
    co_await with_scope([&](Scope& scope) -> Task<> {
      body(scope);
      co_return;
    });
  }
  Words said() { return std::exchange(words, {}); }

  ManualClock clock;
  TestLoop loop{clock};
  Words words;
  std::optional<Started<>> ran_;
  const std::string closed = make_error_code(Errc::closed).message();
  const std::string cancelled = make_error_code(Errc::cancelled).message();
  const std::string deadline = make_error_code(Errc::deadline).message();
};

TEST_F(ChannelTest, HandsOverInOrderAndBuffersUpToItsCapacity) {
  Channel<Number> channel(2);
  EXPECT_EQ(channel.capacity(), 2U);
  run([&](Scope& scope) {
    for (const int value : {1, 2, 3, 4}) scope.spawn(send, std::ref(channel), value, std::ref(words));
  });
  EXPECT_EQ(said(), (Words{"send 1", "send 2"}));
  EXPECT_EQ(channel.size(), 2U);
  run([&](Scope& scope) {
    for (int i = 0; i < 4; ++i) scope.spawn(receive, std::ref(channel), std::ref(words));
  });
  EXPECT_EQ(said(), (Words{"got 1", "got 2", "got 3", "got 4", "send 3", "send 4"}));
  EXPECT_EQ(channel.size(), 0U);
}

TEST_F(ChannelTest, HandsAValueToTheReceiverThatHasWaitedLongest) {
  Channel<Number> channel(2);
  std::vector<int> order;
  const auto take = [](Channel<Number>& from, int id, std::vector<int>& log) -> Task<> {
    const Result<Number> received = co_await from.receive();
    log.push_back(id * 10 + **received);
  };
  run([&](Scope& scope) {
    for (const int id : {1, 2, 3}) scope.spawn(take, std::ref(channel), id, std::ref(order));
  });
  EXPECT_TRUE(channel.try_send(number(1)));
  EXPECT_TRUE(channel.try_send(number(2)));
  EXPECT_EQ(channel.size(), 0U);  // handed over, not buffered
  EXPECT_TRUE(channel.try_send(number(3)));
  loop.run_until_idle();
  EXPECT_EQ(order, (std::vector{11, 22, 33}));
}

TEST_F(ChannelTest, RefusesWithoutMovingFromTheValueWhenItIsFullOrClosed) {
  Channel<Number> channel(1);
  EXPECT_TRUE(channel.try_send(number(1)));
  Number second = number(2);
  EXPECT_EQ(channel.try_send(std::move(second)).error(), Errc::overloaded);
  ASSERT_NE(second, nullptr);  // NOLINT(bugprone-use-after-move)
  channel.close();
  EXPECT_EQ(channel.try_send(std::move(second)).error(), Errc::closed);
  ASSERT_NE(second, nullptr);  // NOLINT(bugprone-use-after-move)
}

TEST_F(ChannelTest, GivesWhatIsThereAtOnceOrSaysThatThereIsNone) {
  Channel<Number> channel(1);
  EXPECT_EQ(channel.try_receive().error(), Errc::try_again);
  EXPECT_TRUE(channel.try_send(number(1)));
  EXPECT_EQ(*channel.try_receive().value(), 1);
  EXPECT_TRUE(channel.try_send(number(2)));
  channel.close();
  EXPECT_EQ(*channel.try_receive().value(), 2);
  EXPECT_EQ(channel.try_receive().error(), Errc::closed);
}

// Else a value that comes later would be received earlier.
TEST_F(ChannelTest, MovesAWaitingSenderUpWhenAPlaceIsFree) {
  Channel<Number> channel(1);
  EXPECT_TRUE(channel.try_send(number(1)));
  run([&](Scope& scope) { scope.spawn(send, std::ref(channel), 2, std::ref(words)); });
  EXPECT_EQ(*channel.try_receive().value(), 1);
  EXPECT_EQ(channel.try_send(number(3)).error(), Errc::overloaded);  // before the sender has run
  loop.run_until_idle();
  EXPECT_EQ(said(), Words{"send 2"});
  EXPECT_EQ(*channel.try_receive().value(), 2);
}

TEST_F(ChannelTest, GoesRoundItsBufferManyTimes) {
  Channel<Number> channel(3);
  int next = 0, expected = 0;
  for (int round = 0; round < 10; ++round) {
    while (channel.try_send(number(next))) ++next;
    EXPECT_EQ(*channel.try_receive().value(), expected++);
    EXPECT_EQ(*channel.try_receive().value(), expected++);
  }
  EXPECT_EQ(channel.size(), 1U);  // destroyed with a value in it
}

TEST_F(ChannelTest, GoesFromHandToHandWithoutACapacity) {
  Channel<Number> channel(0);
  EXPECT_EQ(channel.try_send(number(0)).error(), Errc::overloaded);
  run([&](Scope& scope) {
    for (const int value : {1, 2}) scope.spawn(send, std::ref(channel), value, std::ref(words));
  });
  EXPECT_EQ(said(), Words{});
  run([&](Scope& scope) { scope.spawn(receive, std::ref(channel), std::ref(words)); });
  EXPECT_EQ(said(), (Words{"got 1", "send 1"}));
  EXPECT_EQ(*channel.try_receive().value(), 2);
  run([&](Scope& scope) { scope.spawn(receive, std::ref(channel), std::ref(words)); });
  EXPECT_TRUE(channel.try_send(number(3)));
  loop.run_until_idle();
  EXPECT_EQ(said(), (Words{"send 2", "got 3"}));
}

TEST_F(ChannelTest, TellsThoseWhoWaitToSendThatItIsClosedAndIsDrained) {
  Channel<Number> channel(1);
  run([&](Scope& scope) {
    for (const int value : {1, 2, 3}) scope.spawn(send, std::ref(channel), value, std::ref(words));
  });
  EXPECT_EQ(said(), Words{"send 1"});
  EXPECT_FALSE(channel.closed());
  channel.close();
  channel.close();
  EXPECT_TRUE(channel.closed());
  loop.run_until_idle();
  EXPECT_EQ(said(), (Words{"send 2: " + closed, "send 3: " + closed}));
  run([&](Scope& scope) {
    scope.spawn(send, std::ref(channel), 4, std::ref(words));
    for (int i = 0; i < 2; ++i) scope.spawn(receive, std::ref(channel), std::ref(words));
  });
  EXPECT_EQ(said(), (Words{"send 4: " + closed, "got 1", "got none: " + closed}));
}

// The tasks it has woken run when it is gone.
TEST_F(ChannelTest, TellsThoseWhoWaitToReceiveThatItIsClosedAndMayThenGo) {
  auto channel = std::make_unique<Channel<Number>>(1);
  run([&](Scope& scope) {
    for (int i = 0; i < 2; ++i) scope.spawn(receive, std::ref(*channel), std::ref(words));
  });
  channel->close();
  channel.reset();
  loop.run_until_idle();
  EXPECT_EQ(said(), (Words{"got none: " + closed, "got none: " + closed}));
}

TEST_F(ChannelTest, LetsACancelledSenderGoAndThoseBehindMoveUp) {
  Channel<Number> channel(1);
  EXPECT_TRUE(channel.try_send(number(0)));
  run([&](Scope& scope) {
    scope.spawn(send, std::ref(channel), 1, std::ref(words));
    auto second = scope.spawn(send, std::ref(channel), 2, std::ref(words));
    scope.spawn(send, std::ref(channel), 3, std::ref(words));
    scope.spawn(
        [](Child<> child) -> Task<> {
          child.cancel();
          co_return;
        },
        std::move(second));
  });
  EXPECT_EQ(said(), Words{"send 2: " + cancelled});
  for (const int value : {0, 1, 3}) EXPECT_EQ(*channel.try_receive().value(), value);
  EXPECT_EQ(channel.try_receive().error(), Errc::try_again);
  loop.run_until_idle();
  EXPECT_EQ(said(), (Words{"send 1", "send 3"}));
}

TEST_F(ChannelTest, LetsACancelledReceiverGo) {
  Channel<Number> channel(1);
  std::optional<Child<>> first;
  run([&](Scope& scope) {
    first.emplace(scope.spawn(receive, std::ref(channel), std::ref(words)));
    scope.spawn(receive, std::ref(channel), std::ref(words));
  });
  first->cancel();
  EXPECT_TRUE(channel.try_send(number(1)));
  loop.run_until_idle();
  EXPECT_EQ(said(), (Words{"got none: " + cancelled, "got 1"}));
}

TEST_F(ChannelTest, SaysWhetherADeadlineEndedTheWait) {
  Channel<Number> channel(1);
  EXPECT_TRUE(channel.try_send(number(0)));
  Channel<Number> empty(1);
  const auto body = [](Channel<Number>& full, Channel<Number>& none, Words& log) -> Task<> {
    co_await with_scope(within(5ms), [&](Scope& scope) -> Task<> {
      scope.spawn(send, std::ref(full), 1, std::ref(log));
      scope.spawn(receive, std::ref(none), std::ref(log));
      co_return;
    });
  };
  auto scoped = loop.start(body(channel, empty, words));
  loop.advance(5ms);
  EXPECT_EQ(said(), (Words{"send 1: " + deadline, "got none: " + deadline}));
  EXPECT_NO_THROW(scoped.get());  // both answered, so nothing was cut short
}

// Once woken, a task has what it waited for.
TEST_F(ChannelTest, KeepsWhatWasHandedOverBeforeTheCancellation) {
  Channel<Number> channel(1);
  std::optional<Child<>> receiver, sender;
  run([&](Scope& scope) { receiver.emplace(scope.spawn(receive, std::ref(channel), std::ref(words))); });
  EXPECT_TRUE(channel.try_send(number(1)));
  receiver->cancel();
  loop.run_until_idle();
  EXPECT_EQ(said(), Words{"got 1"});
  EXPECT_TRUE(channel.try_send(number(2)));
  run([&](Scope& scope) { sender.emplace(scope.spawn(send, std::ref(channel), 3, std::ref(words))); });
  EXPECT_EQ(*channel.try_receive().value(), 2);
  sender->cancel();
  loop.run_until_idle();
  EXPECT_EQ(said(), Words{"send 3"});
  EXPECT_EQ(*channel.try_receive().value(), 3);
}

TEST_F(ChannelTest, DoesNothingForATaskThatWasToldToStopBefore) {
  Channel<Number> channel(2);
  EXPECT_TRUE(channel.try_send(number(1)));
  run([&](Scope& scope) {
    scope.spawn(receive, std::ref(channel), std::ref(words)).cancel();
    scope.spawn(send, std::ref(channel), 2, std::ref(words)).cancel();
  });
  EXPECT_EQ(said(), (Words{"receive thrown", "send 2 thrown"}));
  EXPECT_EQ(channel.size(), 1U);
}

TEST_F(ChannelTest, AllocatesNothingOnceItIsMade) {
  Channel<int> channel(2);
  int sum = 0;
  const auto produce = [](Channel<int>& to) -> Task<> {
    for (int i = 1;; ++i) {
      if (!co_await to.send(i)) co_return;
    }
  };
  const auto consume = [](Channel<int>& from, int& total) -> Task<> {
    while (const Result<int> value = co_await from.receive()) {
      total += *value;
      if (*value % 10 == 0) co_await sleep_for(1ms);
    }
  };
  run([&](Scope& scope) {
    scope.spawn(produce, std::ref(channel));
    scope.spawn(consume, std::ref(channel), std::ref(sum));
  });
  const int before = sum;
  EXPECT_EQ(allocations_of([&] { loop.advance(20ms); }).count, 0U);
  EXPECT_GT(sum, before);
  channel.close();
  loop.advance(2ms);
  EXPECT_TRUE(ran_->ready());
}

// Tasks of a loop that send and receive, with cancellations and a close at any time: each value that was accepted is
// received exactly once or still there, and those of one sender in order.
TEST(ChannelProperty, LosesNothingAndKeepsTheOrderOfEachSender) {
  constexpr int kSenders = 3, kReceivers = 3, kValues = 6;
  struct State {
    SimGroup& sim;
    Channel<Number> channel;
    std::vector<int> accepted, received;
    std::vector<std::vector<int>> by_receiver = std::vector<std::vector<int>>(kReceivers);
  };
  struct Run {
    static Task<> pause(State& state) {
      if (state.sim.random().chance(0.5)) co_await sleep_for(Duration(state.sim.random().below(5)));
    }
    static Task<> send(State& state, int sender) {
      for (int i = 0; i < kValues; ++i) {
        co_await pause(state);
        const int value = sender * kValues + i;
        if (state.sim.random().chance(0.3)) {
          if (state.channel.try_send(number(value))) state.accepted.push_back(value);
        } else if (co_await state.channel.send(number(value))) {
          state.accepted.push_back(value);
        }
      }
    }
    static Task<> receive(State& state, int receiver) {
      for (;;) {
        const Result<Number> value = co_await state.channel.receive();
        if (!value) co_return;
        state.received.push_back(**value);
        state.by_receiver[static_cast<std::size_t>(receiver)].push_back(**value);
        co_await pause(state);
      }
    }
    static Task<> all(State& state) {
      co_await with_scope([&](Scope& scope) -> Task<> {
        std::vector<Child<>> children;
        for (int i = 0; i < kReceivers; ++i) children.push_back(scope.spawn(&Run::receive, std::ref(state), i));
        for (int i = 0; i < kSenders; ++i) children.push_back(scope.spawn(&Run::send, std::ref(state), i));
        for (int i = 0; i < 3; ++i) {
          co_await sleep_for(Duration(state.sim.random().below(10)));
          children[state.sim.random().below(children.size())].cancel();
        }
        co_await sleep_for(Duration(state.sim.random().below(60)));
        state.channel.close();
      });
    }
  };
  explore(2000, {.loops = 1, .faults = {.loop_stalls = 0.01, .unit_time_max = Duration(2)}}, [](SimGroup& sim) {
    State state{sim, Channel<Number>(sim.random().below(3)), {}, {}};
    auto run = sim.start(0, Run::all(state));
    ASSERT_TRUE(sim.run_until([&] { return run.ready(); }, 1s));
    run.get();
    while (Result<Number> left = state.channel.try_receive()) state.received.push_back(**left);
    for (const auto& numbers : state.by_receiver) {
      std::vector<int> last(kSenders, -1);
      for (const int value : numbers) {
        EXPECT_LT(std::exchange(last[static_cast<std::size_t>(value / kValues)], value), value);
      }
    }
    std::sort(state.accepted.begin(), state.accepted.end());
    std::sort(state.received.begin(), state.received.end());
    EXPECT_EQ(state.accepted, state.received);
    EXPECT_EQ(sim.failures(), std::vector<std::string>{});
  });
}

TEST(ChannelDeathTest, OutlivesThoseWhoWaitInIt) {
  ManualClock clock;
  EXPECT_DEATH(
      {
        TestLoop loop(clock);
        auto channel = std::make_unique<Channel<Number>>(1);
        Words words;
        const auto waits = loop.start(receive(*channel, words));
        channel.reset();
      },
      "a channel outlives those who wait in it");
}

}  // namespace
}  // namespace fluxor::runtime
