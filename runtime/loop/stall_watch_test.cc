#include "runtime/loop/stall_watch.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "runtime/loop/loop_activity.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/epoll_poller.h"
#include "runtime/net/listener.h"
#include "runtime/net/listening_socket.h"
#include "runtime/net/poller.h"
#include "runtime/net/socket.h"
#include "runtime/net/stream.h"
#include "runtime/testing/manual_clock.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;
using Moment = StallReport::Moment;

struct Slow {
  void operator()() const { (*during)(); }
  const std::function<void()>* during;
};

// A poller on this thread that never waits, and calls the test when the loop does.
class TestPoller final : public Poller {
 public:
  std::function<bool()> has_more = [] { return false; };
  std::function<void()> sleep = [] {};

 private:
  void wait(Duration timeout) override {
    if (timeout != Duration::zero()) sleep();
  }
  bool has_pending() const noexcept override { return has_more(); }
  std::size_t dispatch(std::size_t) override { return 0; }
  std::uint64_t told() const noexcept override { return 0; }
  void wake() noexcept override {}
  int descriptor() const noexcept override { return -1; }
  Result<std::unique_ptr<Listener>> listen(const ListeningSocket&, ListenerHandler&) override { return Errc::invalid; }
  std::unique_ptr<Stream> adopt(Socket, const StreamOptions&) override { return nullptr; }
  Result<std::unique_ptr<Stream>> connect(const Endpoint&, const StreamOptions&) override { return Errc::invalid; }
};

// One that sleeps until it is told.
class TestWatcher final : public WakeWatcher {
 public:
  void sleep() { set_asleep(true); }
  int told = 0;

 private:
  void on_first_awake() noexcept override {
    ++told;
    set_asleep(false);
  }
};

StackTrace taken;

// Loops on this thread, which the test drives, and looks at from inside what holds them.
class StallWatchTest : public testing::Test {
 protected:
  static constexpr std::int32_t kThread = 4711;

  void make_watch(StallWatch::Report report) {
    watch = std::make_unique<StallWatch>(loops, StallWatchOptions{.threshold = 1s, .stack_of = stack_of}, clock,
                                         std::move(report));
  }
  void make_watch() {
    make_watch([this](const StallReport& report) { reports.push_back(report); });
  }
  std::optional<Duration> look_after(Duration passed) {
    clock.advance(passed);
    return watch->look();
  }
  void look_for(Duration time) {
    for (Duration passed{}; passed < time; passed += 250ms) look_after(250ms);
  }
  // Runs `during` as an event of the loop; the other one does not run.
  void run_on(EventLoop& loop, const std::function<void()>& during) {
    for (EventLoop* each : loops) each->activity().begin(each == &loop ? kThread : 0);
    ASSERT_TRUE(loop.post(Slow{&during}));
    loop.run_turn();
    loop.run_turn();  // it goes on
  }

  ManualClock clock;
  EventLoop first{{.id = 0}, clock, EpollPoller::create().value(), nullptr};
  EventLoop second{{.id = 7}, clock, EpollPoller::create().value(), nullptr};
  std::array<EventLoop*, 2> loops{&first, &second};
  std::function<StackTrace(std::int32_t)> stack_of;
  std::vector<StallReport> reports;
  std::unique_ptr<StallWatch> watch;
};

TEST_F(StallWatchTest, ReportsLoopStageHandlerLabelAndTime) {
  make_watch();
  run_on(second, [&] {
    const ActivityLabel label(second.activity(), "/slow");
    watch->look();
    look_for(1s);
  });
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].moment, Moment::begin);
  EXPECT_EQ(reports[0].loop, 7U);
  EXPECT_EQ(reports[0].stage, Stage::ring);
  EXPECT_EQ(reports[0].handler, "fluxor::runtime::(anonymous namespace)::Slow");
  EXPECT_EQ(reports[0].label, "/slow");
  EXPECT_EQ(reports[0].held, 1s);
  EXPECT_TRUE(reports[0].stack.empty());  // nobody takes one
}

TEST_F(StallWatchTest, ReportsTheEndWithTheTimeInAll) {
  make_watch();
  run_on(second, [&] {
    watch->look();
    look_for(3s);
  });
  look_after(250ms);
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(reports[1].moment, Moment::end);
  EXPECT_EQ(reports[1].loop, 7U);
  EXPECT_EQ(reports[1].handler, "fluxor::runtime::(anonymous namespace)::Slow");
  EXPECT_EQ(reports[1].held, 3250ms);
  EXPECT_TRUE(reports[1].label.empty());
}

TEST_F(StallWatchTest, CountsStallsByLoopAndTheirDurations) {
  make_watch();
  for (int i = 0; i < 3; ++i) {
    run_on(i == 0 ? first : second, [&] {
      watch->look();
      look_for(2s);
    });
    look_after(0ms);
  }
  const StallStats stats = watch->stats();
  EXPECT_EQ(stats.stalls, 3U);
  EXPECT_EQ(stats.stalls_by_loop, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(stats.durations.count, 3U);
  EXPECT_EQ(stats.durations.sum_nanoseconds, static_cast<std::uint64_t>(Duration(6s).count()));
}

TEST_F(StallWatchTest, TakesTheStackOfTheThreadThatIsHeld) {
  std::vector<std::int32_t> asked;
  StackTrace some;
  stack_of = [&](std::int32_t thread_id) {
    asked.push_back(thread_id);
    return some;
  };
  make_watch();
  run_on(first, [&] {
    watch->look();
    look_for(3s);
  });
  look_after(250ms);
  EXPECT_EQ(asked, std::vector<std::int32_t>{kThread});  // once for the stall, not at its end
}

TEST_F(StallWatchTest, DropsAStackThatWasTakenOfSomethingElse) {
  struct sigaction action{};
  action.sa_sigaction = [](int, siginfo_t*, void* context) { taken = StackTrace::interrupted(context); };
  action.sa_flags = SA_SIGINFO;
  ASSERT_EQ(::sigaction(SIGUSR1, &action, nullptr), 0);
  ASSERT_EQ(::raise(SIGUSR1), 0);
  ASSERT_FALSE(taken.empty());

  bool moves_on = false;
  stack_of = [&](std::int32_t) {
    if (moves_on) first.activity().move_on();
    return taken;
  };
  make_watch();
  for (const bool moves : {false, true}) {
    moves_on = moves;
    run_on(first, [&] {
      watch->look();
      look_for(1s);
    });
    look_after(0ms);
  }
  ASSERT_EQ(reports.size(), 4U);
  EXPECT_FALSE(reports[0].stack.empty());
  EXPECT_TRUE(reports[2].stack.empty());
}

TEST_F(StallWatchTest, WantsToLookAFewTimesForEachThresholdWhileALoopIsAwake) {
  make_watch();
  first.activity().begin(kThread);
  EXPECT_EQ(watch->look(), Duration(250ms));
  EXPECT_TRUE(watch->any_awake());
}

TEST_F(StallWatchTest, WantsToLookNoMoreWhileNoLoopRuns) {
  make_watch();
  second.activity().begin(kThread);
  EXPECT_EQ(watch->look(), Duration(250ms));
  second.activity().begin(0);
  EXPECT_EQ(watch->look(), std::nullopt);
  EXPECT_FALSE(watch->any_awake());
}

TEST_F(StallWatchTest, WantsToLookNoMoreWhileAllLoopsSleep) {
  auto made = std::make_unique<TestPoller>();
  TestPoller& poller = *made;
  EventLoop loop({}, clock, std::move(made), nullptr);
  std::array<EventLoop*, 1> one{&loop};
  StallWatch of_one(one, {}, clock, [](const StallReport&) { ADD_FAILURE() << "nothing is held"; });
  int sleeps = 0;
  poller.sleep = [&] {
    clock.advance(1h);
    EXPECT_EQ(of_one.look(), std::nullopt);
    EXPECT_FALSE(of_one.any_awake());
    if (++sleeps == 5) loop.stop();
  };
  bool ran = false;
  ASSERT_TRUE(loop.post([&] {
    EXPECT_NE(of_one.look(), std::nullopt);
    ran = true;
  }));
  loop.run();
  EXPECT_EQ(sleeps, 5);
  EXPECT_TRUE(ran);
  EXPECT_EQ(of_one.look(), std::nullopt);  // it has ended
}

TEST_F(StallWatchTest, IsToldByALoopThatBeginsToRun) {
  TestWatcher watcher;
  watcher.sleep();
  EventLoop loop({.watcher = &watcher}, clock, EpollPoller::create().value(), nullptr);
  int told_before_the_first_event = 0;
  ASSERT_TRUE(loop.post([&] { told_before_the_first_event = watcher.told; }));
  loop.stop();
  loop.run();
  EXPECT_EQ(told_before_the_first_event, 1);
}

TEST_F(StallWatchTest, IsToldByALoopThatHasSlept) {
  TestWatcher watcher;
  auto made = std::make_unique<TestPoller>();
  TestPoller& poller = *made;
  EventLoop loop({.watcher = &watcher}, clock, std::move(made), nullptr);
  poller.sleep = [&] {
    watcher.sleep();
    loop.stop();
  };
  loop.run();
  EXPECT_EQ(watcher.told, 1);
}

// It was seen parked in between, so the watcher may rely on it.
TEST_F(StallWatchTest, IsToldByALoopThatWasGoingToSleepAndDidNot) {
  TestWatcher watcher;
  auto made = std::make_unique<TestPoller>();
  TestPoller& poller = *made;
  EventLoop loop({.watcher = &watcher}, clock, std::move(made), nullptr);
  poller.sleep = [] { ADD_FAILURE() << "it has more to do"; };
  bool was_parked = false;
  poller.has_more = [&] {
    if (!loop.parked()) return false;
    was_parked = true;
    watcher.sleep();
    loop.stop();
    return true;
  };
  loop.run();
  EXPECT_TRUE(was_parked);
  EXPECT_EQ(watcher.told, 1);
}

// A loop that spins instead of sleeping has turns that find nothing.
TEST_F(StallWatchTest, SeesNoStallInALoopThatHasNothingToDoAndDoesNotSleep) {
  make_watch();
  first.activity().begin(kThread);
  for (int i = 0; i < 20; ++i) {
    look_after(250ms);
    first.run_turn();
  }
  EXPECT_TRUE(reports.empty());
}

TEST_F(StallWatchTest, GoesOnWhenAReportThrows) {
  int calls = 0;
  make_watch([&](const StallReport&) {
    ++calls;
    throw std::runtime_error("no room for a report");
  });
  run_on(first, [&] {
    watch->look();
    look_for(1s);
  });
  look_after(250ms);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(watch->stats().report_failures, 2U);
  EXPECT_EQ(watch->stats().stalls, 1U);
}

}  // namespace
}  // namespace fluxor::runtime
