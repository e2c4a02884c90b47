#include "runtime/loop/event_loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/net/epoll_poller.h"
#include "runtime/net/poller.h"
#include "runtime/net/socket.h"
#include "runtime/net/stream.h"
#include "runtime/testing/manual_clock.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

class TestTimer final : public Timer {
 public:
  explicit TestTimer(std::function<void()> fire) : fire_(std::move(fire)) {}

 private:
  void on_timer() override { fire_(); }
  std::function<void()> fire_;
};

class TestNode final : public ControlNode {
 public:
  explicit TestNode(std::function<void()> run) : run_(std::move(run)) {}

 private:
  void on_control() override { run_(); }
  std::function<void()> run_;
};

std::string text_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& exception) {
    return exception.what();
  }
}

class TestStreamHandler final : public StreamHandler {
 public:
  std::promise<void> closed;
  std::function<void(std::size_t)> data = [](std::size_t) {};
  std::function<void()> closing = [] {};
  int ends = 0;

 private:
  std::size_t on_data(std::span<char> bytes) override {
    data(bytes.size());
    return bytes.size();
  }
  void on_end() override { ++ends; }
  void on_drained() override {}
  void on_closed(error_code) override {
    closing();
    closed.set_value();
  }
};

class EventLoopTest : public testing::Test {
 protected:
  ManualClock clock;
  std::vector<std::string> failures;
  EventLoop loop{{.ring_capacity = 8, .stage_units_max = 4},
                 clock,
                 EpollPoller::create().value(),
                 [this](EventLoop&, const std::exception_ptr& failure) { failures.push_back(text_of(failure)); }};
};

TEST_F(EventLoopTest, RunsPostsInOrderAndNeverInline) {
  std::vector<int> order;
  ASSERT_TRUE(loop.post([&] {
    EXPECT_EQ(EventLoop::current(), &loop);
    ASSERT_TRUE(loop.post([&] { order.push_back(2); }));  // NOLINT(clang-analyzer-core.CallAndMessage): not null
    order.push_back(1);
  }));
  EXPECT_TRUE(order.empty());
  loop.run_until_idle();
  EXPECT_EQ(order, (std::vector{1, 2}));
  EXPECT_EQ(EventLoop::current(), nullptr);
}

TEST_F(EventLoopTest, RefusesAPostIntoItsOwnFullRing) {
  bool refused = false;
  ASSERT_TRUE(loop.post([&] {
    for (int i = 0; i < 7; ++i) ASSERT_TRUE(loop.post([] {}));
    refused = loop.post([] { ADD_FAILURE() << "it was refused"; }).error() == Errc::overloaded;
  }));
  loop.run_until_idle();
  EXPECT_TRUE(refused);
  EXPECT_EQ(loop.stats().ring_refused, 1U);
  EXPECT_EQ(loop.stats().ring_events, 8U);
}

TEST_F(EventLoopTest, HandlesTheOtherEventsWhenOneThrows) {
  int handled = 0;
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(loop.post([&handled, i] {
      if (i == 3) throw std::runtime_error("event 3");
      ++handled;
    }));
  }
  loop.run_until_idle();
  EXPECT_EQ(handled, 7);
  EXPECT_EQ(failures, std::vector<std::string>{"event 3"});
  EXPECT_EQ(loop.stats().failures, 1U);
  EXPECT_EQ(loop.stats().ring_events, 8U);
}

TEST(EventLoop, SurvivesAFailureHandlerThatThrows) {
  const ManualClock clock;
  EventLoop loop({}, clock, EpollPoller::create().value(),
                 [](EventLoop&, const std::exception_ptr&) { throw std::runtime_error("from the failure handler"); });
  int handled = 0;
  ASSERT_TRUE(loop.post([] { throw std::runtime_error("event"); }));
  ASSERT_TRUE(loop.post([&] { ++handled; }));
  EXPECT_NO_THROW(loop.run_until_idle());
  EXPECT_EQ(handled, 1);
  EXPECT_EQ(loop.stats().failures, 2U);
}

TEST_F(EventLoopTest, ServesTimersBetweenTheEventsOfAFlood) {
  int events_before_timer = 0;
  TestTimer timer([&] { loop.stop(); });
  std::function<void()> again = [&] {
    ++events_before_timer;
    static_cast<void>(loop.post([&] { again(); }));
  };
  ASSERT_TRUE(loop.post([&] { again(); }));
  loop.arm_after(timer, Duration::zero());
  loop.run();  // the flood never ends by itself
  EXPECT_LE(events_before_timer, 100);
}

TEST_F(EventLoopTest, ServesTheKernelBetweenTheEventsOfAFlood) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  Socket peer(ends[1]);
  TestStreamHandler handler;
  auto stream = loop.poller().adopt(Socket(ends[0]), {});
  ASSERT_TRUE(stream->start(handler));
  peer.reset();
  int events = 0;
  std::function<void()> again = [&] {
    clock.advance(1us);
    if (++events < 10'000 && handler.ends == 0) ASSERT_TRUE(loop.post([&] { again(); }));
  };
  ASSERT_TRUE(loop.post([&] { again(); }));
  while (handler.ends == 0 && events < 10'000) loop.run_turn();
  EXPECT_LE(events, 200);
  stream.reset();
}

// Each stage but the control lane leaves the rest for the next turn when it has used up its time.
class EventLoopBudgetTest : public testing::Test {
 protected:
  static constexpr Duration kUnit = 30us;
  // Two more than fit into 200 us, since the last may begin just before the end.
  static constexpr int kAtMost = 8;

  void unit() {
    clock.advance(kUnit);
    ++units;
  }
  void expect_a_share_of(int total) {
    loop.run_turn();
    EXPECT_GT(units, 1);
    EXPECT_LE(units, kAtMost);
    loop.run_until_idle();
    EXPECT_EQ(units, total);
  }

  ManualClock clock;
  int units = 0;
  EventLoop loop{{.ring_capacity = 128}, clock, EpollPoller::create().value(), nullptr};
};

TEST_F(EventLoopBudgetTest, BoundsTheTimeOfTheRing) {
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(loop.post([this] { unit(); }));
  expect_a_share_of(100);
}

class TestReadyNode final : public ReadyNode {
 public:
  std::function<void()> run = [] {};

 private:
  void on_ready() override { run(); }
};

TEST_F(EventLoopBudgetTest, BoundsTheTimeOfTheReadyQueue) {
  std::vector<TestReadyNode> nodes(100);
  for (TestReadyNode& node : nodes) {
    node.run = [this] { unit(); };
    loop.make_ready(node);
  }
  expect_a_share_of(100);
}

TEST_F(EventLoopBudgetTest, BoundsTheTimeOfTimers) {
  std::vector<std::unique_ptr<TestTimer>> timers;
  for (int i = 0; i < 100; ++i) {
    timers.push_back(std::make_unique<TestTimer>([this] { unit(); }));
    loop.arm(*timers.back(), clock.now());
  }
  expect_a_share_of(100);
}

class TestSource final : public WorkSource {
 public:
  std::function<bool()> run;

 private:
  More work() override { return run() ? More::yes : More::no; }
};

TEST_F(EventLoopBudgetTest, BoundsTheTimeOfSourcesOfWork) {
  TestSource source;
  source.run = [this] {
    unit();
    return units < 100;
  };
  loop.make_ready(source);
  expect_a_share_of(100);
  EXPECT_EQ(loop.stats().work_units, 100U);
}

TEST_F(EventLoopBudgetTest, BoundsTheTimeOfStreams) {
  std::vector<Socket> peers;
  std::vector<std::unique_ptr<TestStreamHandler>> handlers;
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 50; ++i) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    peers.emplace_back(ends[1]);
    handlers.push_back(std::make_unique<TestStreamHandler>());
    handlers.back()->data = [this](std::size_t) { unit(); };
    streams.push_back(loop.poller().adopt(Socket(ends[0]), {}));
    ASSERT_TRUE(streams.back()->start(*handlers.back()));
    ASSERT_EQ(::send(peers.back().descriptor(), "x", 1, MSG_NOSIGNAL), 1);
  }
  expect_a_share_of(50);
  for (const auto& stream : streams) stream->close();
  loop.run_until_idle();
}

TEST_F(EventLoopBudgetTest, KeepsToItsTimeOnceCheapWorkHasBecomeSlow) {
  // So few that the loop, which believes them cheap, need not look at the clock while they run.
  for (const int slow : {1, 2, 4, 8, 16, 32}) {
    EventLoop fresh({.ring_capacity = 128}, clock, EpollPoller::create().value(), nullptr);
    for (int round = 0; round < 13; ++round) {  // 650 events: the next to be timed, one in 65, is far away
      for (int i = 0; i < 50; ++i) ASSERT_TRUE(fresh.post([] {}));
      fresh.run_until_idle();
    }
    for (int i = 0; i < slow; ++i) ASSERT_TRUE(fresh.post([this] { unit(); }));
    fresh.run_turn();
    if (fresh.stats().queue_length != 0) continue;
    units = 0;
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(fresh.post([this] { unit(); }));
    fresh.run_turn();
    if (slow >= 8) EXPECT_LE(units, kAtMost) << slow;
    fresh.run_until_idle();
    EXPECT_EQ(units, 100);
  }
}

TEST_F(EventLoopBudgetTest, LeavesWhatMakesItselfReadyAgainToTheNextTurn) {
  TestReadyNode node;
  node.run = [&] {
    if (++units < 5) loop.make_ready(node);
  };
  loop.make_ready(node);
  loop.run_turn();
  EXPECT_EQ(units, 1);
  TestTimer timer([&] { EXPECT_EQ(units, 2); });
  loop.arm(timer, clock.now());
  EXPECT_TRUE(loop.run_unit());
  EXPECT_TRUE(loop.run_unit());
  EXPECT_FALSE(timer.armed()) << "its turn came between two runs of the node";
  loop.run_until_idle();
  EXPECT_EQ(units, 5);
}

TEST_F(EventLoopBudgetTest, ServesATrickleBesideFloodsOfEveryKindWithinTwoMilliseconds) {
  std::function<void()> again = [&] {
    clock.advance(20us);
    static_cast<void>(loop.post([&] { again(); }));
  };
  for (int i = 0; i < 60; ++i) again();
  TestReadyNode node;
  node.run = [&] {
    clock.advance(20us);
    loop.make_ready(node);
  };
  loop.make_ready(node);
  std::vector<TestSource> floods(4);
  for (TestSource& flood : floods) {
    flood.run = [&] {
      clock.advance(20us);
      return true;
    };
    loop.make_ready(flood);
  }
  TestSource trickle;
  Instant since;
  int served = 0;
  trickle.run = [&] {
    EXPECT_LE(clock.now() - since, 2ms);
    ++served;
    return false;
  };
  for (int i = 0; i < 100; ++i) {
    since = clock.now();
    loop.make_ready(trickle);
    while (trickle.queued()) loop.run_turn();
  }
  EXPECT_EQ(served, 100);
}

TEST_F(EventLoopTest, DropsAndCountsWhatItIsToldToDropWhenFull) {
  int ran = 0;
  for (int i = 0; i < 10; ++i) loop.post_or_drop([&ran] { ++ran; });
  loop.run_until_idle();
  EXPECT_EQ(ran, 8);
  EXPECT_EQ(loop.stats().ring_dropped, 2U);
  EXPECT_EQ(loop.stats().ring_refused, 0U);
  loop.stop();
  loop.run();
  loop.post_or_drop([&ran] { ++ran; });
  EXPECT_EQ(loop.stats().ring_dropped, 3U);
}

TEST_F(EventLoopTest, RunsOneUnitAtATimeInTheOrderOfATurn) {
  std::vector<std::string> order;
  TestNode control([&] { order.emplace_back("control"); });
  TestReadyNode ready;
  ready.run = [&] { order.emplace_back("ready"); };
  TestSource source;
  source.run = [&] {
    order.emplace_back("work");
    return false;
  };
  TestTimer timer([&] { order.emplace_back("timer"); });
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  Socket peer(ends[1]);
  TestStreamHandler handler;
  handler.data = [&](std::size_t) { order.emplace_back("stream"); };
  auto stream = loop.poller().adopt(Socket(ends[0]), {});
  ASSERT_TRUE(stream->start(handler));
  ASSERT_EQ(::send(peer.descriptor(), "x", 1, MSG_NOSIGNAL), 1);
  loop.arm_after(timer, 0ns);
  loop.make_ready(source);
  loop.make_ready(ready);
  for (const char* event : {"first event", "second event"}) {
    ASSERT_TRUE(loop.post([&order, event] {
      EXPECT_NE(EventLoop::current(), nullptr);
      order.emplace_back(event);
    }));
  }
  loop.signal(control);
  const std::vector<std::string> expected{"control", "first event", "second event", "ready", "work", "timer", "stream"};
  for (std::size_t units = 1; units <= expected.size(); ++units) {
    EXPECT_TRUE(loop.run_unit());
    EXPECT_EQ(order, std::vector<std::string>(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(units)));
  }
  EXPECT_FALSE(loop.run_unit());
  EXPECT_EQ(loop.stats().processed(), expected.size());
  stream->close();
  loop.run_until_idle();
}

TEST_F(EventLoopTest, RunsUnitsThatThrowOneByOneToo) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(loop.post([] { throw std::runtime_error("event"); }));
  int units = 0;
  while (loop.run_unit()) ++units;
  EXPECT_EQ(units, 3);
  EXPECT_EQ(failures.size(), 3U);
}

TEST_F(EventLoopTest, TellsStreamsThatTheyAreClosedBeforeItEnds) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  const Socket peer(ends[1]);
  TestStreamHandler handler;
  auto stream = loop.poller().adopt(Socket(ends[0]), {});
  ASSERT_TRUE(stream->start(handler));
  auto closed = handler.closed.get_future();
  // It closes while others are told, so that it can be told in the next round only.
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  const Socket other_peer(ends[1]);
  TestStreamHandler other_handler;
  auto other = loop.poller().adopt(Socket(ends[0]), {});
  ASSERT_TRUE(other->start(other_handler));
  other_handler.closing = [&] { stream->close(); };
  other_handler.data = [&](std::size_t) { other->close(); };
  ASSERT_EQ(::send(other_peer.descriptor(), "x", 1, MSG_NOSIGNAL), 1);
  loop.stop();
  loop.run();
  EXPECT_EQ(closed.wait_for(0s), std::future_status::ready);
}

TEST_F(EventLoopTest, MeasuresHowLongEventsWaitAndRun) {
  EventLoop big({.ring_capacity = 1024}, clock, EpollPoller::create().value(), nullptr);
  // One event in 64 is looked at; each of these waits for those before it, and takes 100 us.
  for (int i = 0; i < 640; ++i) ASSERT_TRUE(big.post([this] { clock.advance(100us); }));
  big.run_until_idle();
  const EventLoopLatency latency = big.latency();
  EXPECT_EQ(latency.wait.count, 10U);
  EXPECT_NEAR(static_cast<double>(latency.wait.quantile(0.5).count()), 4 * 64 * 100e3, 4 * 64 * 100e3 / 8);
  EXPECT_NEAR(static_cast<double>(latency.wait.quantile(1).count()), 9 * 64 * 100e3, 9 * 64 * 100e3 / 8);
  EXPECT_NEAR(static_cast<double>(latency.service.count), 10, 1);
  EXPECT_NEAR(static_cast<double>(latency.service.quantile(0.5).count()), 100e3, 100e3 / 8);
  EXPECT_EQ(latency.held.count, 0U);
}

TEST_F(EventLoopTest, MeasuresHowLongWhatIsReadyAndWhatIsDueWaits) {
  std::vector<TestReadyNode> nodes(64);
  for (TestReadyNode& node : nodes) loop.make_ready(node);
  clock.advance(5ms);
  loop.run_until_idle();
  EXPECT_EQ(loop.latency().wait.count, 1U);
  EXPECT_NEAR(static_cast<double>(loop.latency().wait.quantile(1).count()), 5e6, 5e6 / 8);
}

TEST_F(EventLoopTest, RemembersWhatHeldItForAMillisecondOrMore) {
  ASSERT_TRUE(loop.post([this] { clock.advance(20ms); }));
  ASSERT_TRUE(loop.post([this] { clock.advance(900us); }));
  loop.run_until_idle();
  EXPECT_EQ(loop.latency().held.count, 1U);
  EXPECT_NEAR(static_cast<double>(loop.latency().held.quantile(1).count()), 20e6, 20e6 / 8);
}

// Refuses, holds and crashes as told.
class TestFaults final : public LoopFaults {
 public:
  bool refuse = false;
  bool hold = false;
  bool crash = false;
  std::optional<RingBuffer<Event>::Claim> held;

  bool refuses_post(const EventLoop&) noexcept override { return refuse; }
  void may_hold(const EventLoop&, RingBuffer<Event>::Claim& claim) noexcept override {
    if (hold) held.emplace(std::move(claim));
  }
  void before_event(const EventLoop&) override {
    if (crash) throw std::runtime_error("injected");
  }
};

TEST(EventLoop, TakesTheFaultsOfASimulation) {
  const ManualClock clock;
  TestFaults faults;
  int failures = 0;
  int ran = 0;
  EventLoop loop({.faults = &faults}, clock, EpollPoller::create().value(),
                 [&](EventLoop&, const std::exception_ptr&) { ++failures; });
  faults.refuse = true;
  EXPECT_EQ(loop.post([] {}).error(), Errc::overloaded);
  faults.refuse = false;
  faults.hold = true;
  ASSERT_TRUE(loop.post([&] { ran = 1; }));
  faults.hold = false;
  ASSERT_TRUE(loop.post([&] { ran = ran * 10 + 2; }));
  loop.run_until_idle();
  EXPECT_EQ(ran, 0) << "behind a producer that is suspended";
  faults.held->publish();
  loop.run_until_idle();
  EXPECT_EQ(ran, 12);
  faults.crash = true;
  ASSERT_TRUE(loop.post([&] { ran = 0; }));
  loop.run_until_idle();
  EXPECT_EQ(failures, 1);
  EXPECT_EQ(ran, 12);
}

TEST_F(EventLoopTest, LetsGoOfWhatIsSignalledAfterItsEnd) {
  loop.stop();
  loop.run();
  {
    TestNode node([] { ADD_FAILURE() << "its loop has ended"; });
    EXPECT_FALSE(loop.signal(node));
  }  // a node that was queued still would stop the process here
}

TEST_F(EventLoopTest, EndsWithTheReadyQueueEmpty) {
  class Node final : public ReadyNode {
   public:
    explicit Node(EventLoop& its_loop) : loop_(its_loop) {}
    int runs = 0;

   private:
    void on_ready() override {
      if (++runs < 5) loop_.make_ready(*this);
    }
    EventLoop& loop_;
  };
  Node node(loop);
  loop.make_ready(node);
  loop.stop();
  loop.run();
  EXPECT_EQ(node.runs, 5);
}

TEST_F(EventLoopTest, RunsControlSignalsWhenTheRingIsFull) {
  std::vector<std::string> order;
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(loop.post([&] { order.emplace_back("event"); }));
  TestNode node([&] { order.emplace_back("control"); });
  loop.signal(node);
  loop.run_turn();
  EXPECT_EQ(order, (std::vector<std::string>{"control", "event", "event", "event", "event"}));
  EXPECT_EQ(loop.stats().control_signals, 1U);
  EXPECT_EQ(loop.stats().queue_length, 4U);  // the budget of a turn is four
}

TEST_F(EventLoopTest, FiresTimersOnItsOwnClock) {
  int fired = 0;
  TestTimer timer([&] { ++fired; });
  loop.arm_after(timer, 100ms);
  EXPECT_EQ(loop.stats().timers_armed, 0U);
  loop.run_until_idle();
  EXPECT_EQ(loop.stats().timers_armed, 1U);
  clock.advance(99ms);
  loop.run_until_idle();
  EXPECT_EQ(fired, 0);
  clock.advance(1ms);
  loop.run_until_idle();
  EXPECT_EQ(fired, 1);
  EXPECT_EQ(loop.stats().timers_fired, 1U);
}

TEST_F(EventLoopTest, ArmsATimerForeverWhenTheDelayIsBeyondTheEndOfTime) {
  TestTimer timer([] { ADD_FAILURE() << "it is due never"; });
  loop.arm_after(timer, Duration::max());
  loop.run_until_idle();
  EXPECT_EQ(timer.deadline(), kNever);
}

TEST_F(EventLoopTest, RunsWhatWasAcceptedBeforeItStopsAndRefusesTheRest) {
  int ran = 0;
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(loop.post([&] { ++ran; }));
  }
  loop.stop();
  loop.run();
  EXPECT_EQ(ran, 8);
  EXPECT_EQ(loop.post([] {}).error(), Errc::closed);
  EXPECT_EQ(loop.stats().queue_length, 0U);
}

TEST_F(EventLoopTest, RunsHandlersOfItsIoContext) {
  std::vector<std::string> order;
  ASSERT_TRUE(loop.post([&] {
    boost::asio::post(loop.io_context(), [&] {
      EXPECT_EQ(EventLoop::current(), &loop);
      order.push_back("asio");
    });
  }));
  loop.run_until_idle();
  loop.run_until_idle();
  EXPECT_EQ(order, std::vector<std::string>{"asio"});
}

TEST_F(EventLoopTest, SurvivesAHandlerOfItsIoContextThatThrows) {
  boost::asio::post(loop.io_context(), [] { throw std::runtime_error("from asio"); });
  int after = 0;
  boost::asio::post(loop.io_context(), [&] { ++after; });
  loop.run_until_idle();
  EXPECT_EQ(failures, std::vector<std::string>{"from asio"});
  EXPECT_EQ(after, 1);
}

TEST_F(EventLoopTest, ServesTheRestWhenHandlersOfItsIoContextNeverEnd) {
  constexpr int kMany = 100'000;
  int runs = 0;
  std::function<void()> again = [&] {
    if (++runs < kMany) boost::asio::post(loop.io_context(), [&] { again(); });
  };
  again();
  loop.run_turn();
  EXPECT_LT(runs, kMany);
}

TEST_F(EventLoopTest, CountsEveryHandlerOfItsIoContextOnce) {
  for (int i = 0; i < 3; ++i) boost::asio::post(loop.io_context(), [] {});
  boost::asio::post(loop.io_context(), [] { throw std::runtime_error("from asio"); });
  loop.run_until_idle();
  EXPECT_EQ(loop.stats().io_events, 4U);
}

TEST_F(EventLoopTest, CountsWhatTheKernelToldOnceThoughAsioWatchesToo) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  const Socket peer(ends[1]);
  TestStreamHandler handler;
  auto stream = loop.poller().adopt(Socket(ends[0]), {});
  ASSERT_TRUE(stream->start(handler));
  loop.io_context();
  loop.run_until_idle();
  const std::uint64_t before = loop.stats().io_events;
  ASSERT_EQ(::send(peer.descriptor(), "x", 1, MSG_NOSIGNAL), 1);
  loop.run_until_idle();
  EXPECT_EQ(loop.stats().io_events, before + 1);
}

// While the loop sleeps, that is inside wait(), it posts twice.
class PostsWhileItWaits final : public Poller {
 public:
  EventLoop* loop = nullptr;
  int wakes = 0;

 private:
  void wait(Duration) override {
    if (std::exchange(posted_, true)) return;
    EXPECT_TRUE(loop->post([] {}));
    EXPECT_TRUE(loop->post([] {}));
    loop->stop();
  }
  bool has_pending() const noexcept override { return false; }
  std::size_t dispatch(std::size_t) override { return 0; }
  std::uint64_t told() const noexcept override { return 0; }
  void wake() noexcept override { ++wakes; }
  int descriptor() const noexcept override { return -1; }
  Result<std::unique_ptr<Listener>> listen(const ListeningSocket&, ListenerHandler&) override { return Errc::invalid; }
  std::unique_ptr<Stream> adopt(Socket, const StreamOptions&) override { return nullptr; }
  Result<std::unique_ptr<Stream>> connect(const Endpoint&, const StreamOptions&) override { return Errc::invalid; }

  bool posted_ = false;
};

TEST(EventLoop, IsWokenOnceForAllThatComesWhileItSleeps) {
  const ManualClock clock;
  auto made = std::make_unique<PostsWhileItWaits>();
  PostsWhileItWaits& poller = *made;
  EventLoop loop({}, clock, std::move(made), nullptr);
  poller.loop = &loop;
  loop.run();
  EXPECT_EQ(poller.wakes, 1);
  EXPECT_EQ(loop.stats().wake_ups, 1U);
  EXPECT_EQ(loop.stats().ring_events, 2U);
}

TEST_F(EventLoopTest, GoesOnWithItsIoContextAfterSomebodyStoppedThat) {
  loop.io_context().stop();
  int ran = 0;
  boost::asio::post(loop.io_context(), [&] { ++ran; });
  loop.run_until_idle();
  EXPECT_EQ(ran, 1);
}

TEST(EventLoopDeathTest, StopsWhenATurnIsMadeInsideATurnOfTheSameLoop) {
  const ManualClock clock;
  EventLoop loop({}, clock, EpollPoller::create().value(), nullptr);
  int runs = 0;
  ASSERT_TRUE(loop.post([&] {
    if (++runs == 1) loop.run_turn();  // would run this very event a second time
  }));
  EXPECT_DEATH(loop.run_turn(), "turns of a loop do not nest");
}

// With real threads, and by default the machine's clock.
template <typename LoopClock>
class RunningLoopOn {
 public:
  explicit RunningLoopOn(const EventLoopOptions& options = {.ring_capacity = 1024})
      : loop(options, clock, EpollPoller::create().value(), nullptr), thread_([this] { loop.run(); }) {}
  ~RunningLoopOn() {
    loop.stop();
    thread_.join();
  }

  LoopClock clock;
  EventLoop loop;

 private:
  std::thread thread_;
};
using RunningLoop = RunningLoopOn<SystemClock>;

TEST(EventLoopThreads, WakesFromItsSleepForAPost) {
  RunningLoop running;
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t parks = running.loop.stats().parks;
    std::promise<void> done;
    ASSERT_TRUE(running.loop.post([&done] { done.set_value(); }));
    done.get_future().wait();
    if (i % 2 == 0) {  // let it fall asleep, every other time
      while (running.loop.stats().parks == parks) std::this_thread::yield();
    }
  }
}

TEST(EventLoopThreads, ServesRingLaneTimersAndKernelHoweverItWaits) {
  for (const WaitKind wait : {WaitKind::busy_spin, WaitKind::yield, WaitKind::adaptive}) {
    RunningLoop running({.wait = wait});
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    Socket peer(ends[1]);
    TestStreamHandler handler;
    std::promise<void> data;
    handler.data = [&](std::size_t) { data.set_value(); };
    std::unique_ptr<Stream> stream;
    std::promise<void> fired;
    TestTimer timer([&] { fired.set_value(); });
    ASSERT_TRUE(running.loop.post([&] {
      stream = running.loop.poller().adopt(Socket(ends[0]), {});
      ASSERT_TRUE(stream->start(handler));
      running.loop.arm_after(timer, 2ms);
    }));
    fired.get_future().wait();
    ASSERT_EQ(::send(peer.descriptor(), "x", 1, MSG_NOSIGNAL), 1);
    data.get_future().wait();
    std::promise<void> signalled;
    TestNode node([&] { signalled.set_value(); });
    running.loop.signal(node);
    signalled.get_future().wait();
    std::promise<void> gone;
    ASSERT_TRUE(running.loop.post([&] {
      stream.reset();
      gone.set_value();
    }));
    gone.get_future().wait();
    if (wait != WaitKind::adaptive) EXPECT_EQ(running.loop.stats().parks, 0U);
  }
}

class CountingWatcher final : public WakeWatcher {
 public:
  CountingWatcher() { set_asleep(true); }
  std::atomic<int> awake{0};

 private:
  void on_first_awake() noexcept override { awake.fetch_add(1, std::memory_order_relaxed); }
};

TEST(EventLoopThreads, TellsItsWatcherEachTimeItHasSlept) {
  CountingWatcher watcher;
  RunningLoop running({.watcher = &watcher});
  for (int i = 1; i <= 20; ++i) {
    while (!running.loop.parked()) std::this_thread::yield();
    std::promise<void> done;
    ASSERT_TRUE(running.loop.post([&] { done.set_value(); }));
    done.get_future().wait();
    EXPECT_GE(watcher.awake.load(), i);
  }
}

TEST(EventLoopThreads, WakesFromItsSleepForAControlSignal) {
  RunningLoop running;
  for (int i = 0; i < 200; ++i) {
    std::promise<void> done;
    TestNode node([&done] { done.set_value(); });
    running.loop.signal(node);
    done.get_future().wait();
    std::promise<void> gone;  // the node may be destroyed once its loop is behind it
    ASSERT_TRUE(running.loop.post([&gone] { gone.set_value(); }));
    gone.get_future().wait();
  }
}

TEST(EventLoopThreads, WakesFromItsSleepInAsioForPostsOfBothKinds) {
  RunningLoop running;
  std::promise<boost::asio::io_context*> made;
  ASSERT_TRUE(running.loop.post([&] { made.set_value(&running.loop.io_context()); }));
  boost::asio::io_context& context = *made.get_future().get();
  for (int i = 0; i < 200; ++i) {
    std::promise<void> posted;
    ASSERT_TRUE(running.loop.post([&] { posted.set_value(); }));
    posted.get_future().wait();
    std::promise<void> asio_posted;
    boost::asio::post(context, [&] { asio_posted.set_value(); });
    asio_posted.get_future().wait();
  }
}

TEST(EventLoopThreads, TellsOfATestStreamHandlerBeforeItSleepsInAsio) {
  RunningLoop running;
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  const Socket peer(ends[1]);
  TestStreamHandler handler;
  std::unique_ptr<Stream> stream;
  ASSERT_TRUE(running.loop.post([&] {
    running.loop.io_context();
    stream = running.loop.poller().adopt(Socket(ends[0]), {});
    ASSERT_TRUE(stream->start(handler));
    stream->close();  // the kernel has nothing to say to this
  }));
  handler.closed.get_future().wait();
  std::promise<void> gone;
  ASSERT_TRUE(running.loop.post([&] {
    stream.reset();
    gone.set_value();
  }));
  gone.get_future().wait();
}

// The kernel tells Asio of a change, not of a state: what is left from before must not be slept over.
TEST(EventLoopThreads, ReadsOnInAsioWhatTheKernelHasLeftToRead) {
  RunningLoop running;
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  const Socket peer(ends[1]);
  const std::string bytes(200'000, 'x');
  const ssize_t sent = ::send(peer.descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  ASSERT_GT(sent, 130 * 1024) << "more than is read at once";
  TestStreamHandler handler;
  std::promise<void> all;
  ssize_t got = 0;
  handler.data = [&](std::size_t count) {
    got += static_cast<ssize_t>(count);
    if (got == sent) all.set_value();
  };
  std::unique_ptr<Stream> stream;
  ASSERT_TRUE(running.loop.post([&] {
    running.loop.io_context();
    stream = running.loop.poller().adopt(Socket(ends[0]), {});
    ASSERT_TRUE(stream->start(handler));
  }));
  all.get_future().wait();
  std::promise<void> gone;
  ASSERT_TRUE(running.loop.post([&] {
    stream.reset();
    gone.set_value();
  }));
  gone.get_future().wait();
}

TEST(EventLoopThreads, SleepsUntilTheNextDeadline) {
  RunningLoop running;
  for (const bool in_asio : {false, true}) {
    std::promise<Duration> late;
    Instant deadline;
    TestTimer timer([&] { late.set_value(running.clock.now() - deadline); });
    ASSERT_TRUE(running.loop.post([&] {
      if (in_asio) running.loop.io_context();
      deadline = running.loop.now() + 20ms;
      running.loop.arm(timer, deadline);
    }));
    EXPECT_GE(late.get_future().get(), 0ms);
  }
}

TEST(EventLoopThreads, SleepsInAsioForATimerFartherAwayThanAsioCanCount) {
  RunningLoop running;
  TestTimer timer([] { ADD_FAILURE() << "not in our time"; });
  std::promise<std::uint64_t> armed;
  ASSERT_TRUE(running.loop.post([&] {
    running.loop.io_context();
    running.loop.arm(timer, kNever - 1ns);
    armed.set_value(running.loop.stats().parks);
  }));
  const std::uint64_t parks = armed.get_future().get();
  while (running.loop.stats().parks == parks) std::this_thread::yield();
  std::promise<void> done;
  ASSERT_TRUE(running.loop.post([&] {
    running.loop.cancel(timer);
    done.set_value();
  }));
  done.get_future().wait();
}

TEST(EventLoopThreads, RunsATimerOfAsioWhileItSleeps) {
  RunningLoop running;
  std::promise<void> fired;
  std::unique_ptr<boost::asio::steady_timer> timer;
  ASSERT_TRUE(running.loop.post([&] {
    timer = std::make_unique<boost::asio::steady_timer>(running.loop.io_context(), 5ms);
    timer->async_wait([&](const boost::system::error_code&) { fired.set_value(); });
  }));
  fired.get_future().wait();
  std::promise<void> gone;
  ASSERT_TRUE(running.loop.post([&] {
    timer.reset();
    gone.set_value();
  }));
  gone.get_future().wait();
}

TEST(EventLoopThreads, TellsAStreamThatWokeItTheTimeItWokeAt) {
  RunningLoopOn<ManualClock> running;
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  const Socket peer(ends[1]);
  TestStreamHandler handler;
  std::promise<Instant> told;
  handler.data = [&](std::size_t) { told.set_value(running.loop.now()); };
  std::unique_ptr<Stream> stream;
  std::promise<std::uint64_t> started;
  ASSERT_TRUE(running.loop.post([&] {
    stream = running.loop.poller().adopt(Socket(ends[0]), {});
    ASSERT_TRUE(stream->start(handler));
    started.set_value(running.loop.stats().parks);
  }));
  const std::uint64_t parks = started.get_future().get();
  while (running.loop.stats().parks == parks) std::this_thread::yield();
  running.clock.advance(10s);
  ASSERT_EQ(::send(peer.descriptor(), "x", 1, MSG_NOSIGNAL), 1);
  EXPECT_EQ(told.get_future().get(), running.clock.now());
  std::promise<void> gone;
  ASSERT_TRUE(running.loop.post([&] {
    stream.reset();
    gone.set_value();
  }));
  gone.get_future().wait();
}

TEST(EventLoopThreads, DoesNotSleepOverADeadlineThatPassedDuringTheTurn) {
  RunningLoopOn<ManualClock> running;
  std::promise<void> fired;
  TestTimer timer([&] { fired.set_value(); });
  ASSERT_TRUE(running.loop.post([&] {
    running.loop.arm_after(timer, 1h);
    running.clock.advance(1h);  // this event takes an hour
  }));
  fired.get_future().wait();
}

TEST(EventLoopThreads, ShowsWhatItHasWhileItSleeps) {
  RunningLoopOn<ManualClock> running;
  TestTimer timer([] { ADD_FAILURE(); });
  ASSERT_TRUE(running.loop.post([&] { running.loop.arm_after(timer, 1h); }));
  while (running.loop.stats().timers_armed != 1) std::this_thread::yield();
  std::promise<void> gone;
  ASSERT_TRUE(running.loop.post([&] {
    running.loop.cancel(timer);
    gone.set_value();
  }));
  gone.get_future().wait();
}

TEST(EventLoopThreads, TellsAHandlerOfAsioThatWokeItTheTimeItWokeAt) {
  RunningLoopOn<ManualClock> running;
  std::promise<std::pair<boost::asio::io_context*, std::uint64_t>> made;
  ASSERT_TRUE(running.loop.post([&] { made.set_value({&running.loop.io_context(), running.loop.stats().parks}); }));
  const auto [context, parks] = made.get_future().get();
  while (running.loop.stats().parks == parks) std::this_thread::yield();  // asleep, or as good as
  running.clock.advance(10s);
  std::promise<Instant> told;
  boost::asio::post(*context, [&] { told.set_value(running.loop.now()); });
  EXPECT_EQ(told.get_future().get(), running.clock.now());
}

TEST(EventLoopThreads, LosesNoPostWhileItFallsAsleepAgainAndAgain) {
  RunningLoop running;
  constexpr std::uint64_t kPosts = 20'000;
  std::atomic<std::uint64_t> handled{0};
  std::vector<std::thread> producers;
  for (int p = 0; p < 2; ++p) {
    producers.emplace_back([&] {
      for (std::uint64_t i = 0; i < kPosts;) {
        if (running.loop.post([&handled] { handled.fetch_add(1, std::memory_order_relaxed); })) {
          ++i;
          if (i % 8 == 0) {
            while (handled.load(std::memory_order_relaxed) < i) std::this_thread::yield();  // now and then it runs dry
          }
        }
      }
    });
  }
  for (auto& producer : producers) producer.join();
  while (handled.load(std::memory_order_relaxed) != 2 * kPosts) std::this_thread::yield();
  EXPECT_GT(running.loop.stats().parks, 0U);
}

// Nobody else wakes the loop, and each post comes about when the loop has just found nothing to do.
TEST(EventLoopThreads, LosesNoPostThatComesWhileItFallsAsleep) {
  RunningLoop running;
  constexpr int kPosts = 20'000;
  alignas(64) std::atomic<int> handled{0};
  for (int i = 1; i <= kPosts; ++i) {
    ASSERT_TRUE(running.loop.post([&handled, i] { handled.store(i, std::memory_order_release); }));
    for (int spins = 0; handled.load(std::memory_order_acquire) != i; ++spins) {
      if (spins > 1000) std::this_thread::yield();
    }
    for (volatile int wait = i % 512; wait > 0;) wait = wait - 1;
  }
}

TEST(EventLoopThreads, AccountsForEveryPostThatRacesWithItsStop) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> ran{0};
    std::atomic<int> accepted{0};
    {
      RunningLoop running;
      std::thread producer([&] {
        for (;;) {
          auto posted = running.loop.post([&ran] { ran.fetch_add(1, std::memory_order_relaxed); });
          if (posted) {
            accepted.fetch_add(1, std::memory_order_relaxed);
          } else if (posted.error() == Errc::closed) {
            return;
          }
        }
      });
      while (ran.load(std::memory_order_relaxed) < 10) std::this_thread::yield();
      running.loop.stop();
      producer.join();
    }
    EXPECT_EQ(ran.load(), accepted.load());
  }
}

}  // namespace
}  // namespace fluxor::runtime
