#include "runtime/loop/watchdog.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/stack_text.h"
#include "runtime/net/epoll_poller.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

// The watchdog's time is real here, but nothing depends on how much of it passes: what is held stays held until it is
// reported.
constexpr Duration kShort = 4ms;
constexpr Duration kLong = 24h;

class Barrier {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

extern "C" [[gnu::noinline]] void hold_the_loop(Barrier& barrier) {
  barrier.wait();
  asm volatile("");  // else the call above could be a jump, and leave no frame
}

struct Hold {
  void operator()() const { hold_the_loop(*barrier); }
  Barrier* barrier;
};

template <typename Condition>
void await(Condition&& condition) {
  while (!condition()) std::this_thread::yield();
}

class WatchdogTest : public testing::Test {
 protected:
  static constexpr std::size_t kLoops = 2;

  ~WatchdogTest() override {
    if (watchdog != nullptr) watchdog->stop();
    stop_loops();
  }

  void make(const WatchdogOptions& options, StallWatch::Report report) {
    watchdog = std::make_unique<Watchdog>(options, clock, std::move(report));
    for (std::size_t id = 0; id < kLoops; ++id) {
      loops.push_back(std::make_unique<EventLoop>(EventLoopOptions{.id = id, .watcher = watchdog.get()}, clock,
                                                  EpollPoller::create().value(), nullptr));
    }
  }
  void start_watchdog() {
    std::vector<EventLoop*> watched;
    for (const auto& loop : loops) watched.push_back(loop.get());
    watchdog->start(watched);
  }
  void start_loops() {
    for (const auto& loop : loops) threads.emplace_back([&loop = *loop] { loop.run(); });
  }
  void stop_loops() {
    for (const auto& loop : loops) loop->stop();
    for (std::thread& thread : threads) thread.join();
    threads.clear();
  }
  // Wakes all up, and waits until they sleep again.
  void await_sleep() {
    const std::uint64_t before = watchdog->sleeps();
    run_on(*loops[0]);
    await([&] { return watchdog->sleeps() > before && loops[0]->parked() && loops[1]->parked(); });
  }
  static void run_on(EventLoop& loop) {
    std::promise<void> ran;
    ASSERT_TRUE(loop.post([&ran] { ran.set_value(); }));
    ran.get_future().get();
  }

  const SystemClock clock;
  Barrier barrier;
  std::unique_ptr<Watchdog> watchdog;
  std::vector<std::unique_ptr<EventLoop>> loops;
  std::vector<std::thread> threads;
};

TEST_F(WatchdogTest, ReportsAHeldLoopByNameHandlerAndStackWhileTheOtherGoesOn) {
  const std::string handler = type_name(typeid(Hold));
  std::promise<StallReport> begun;
  std::promise<StallReport> ended;
  // A loop that gets no CPU for some milliseconds is reported as well, and not what this is about.
  make({.threshold = kShort}, [&](const StallReport& report) {
    if (report.handler != handler) return;
    (report.moment == StallReport::Moment::begin ? begun : ended).set_value(report);
  });
  start_loops();
  start_watchdog();

  ASSERT_TRUE(loops[1]->post(Hold{&barrier}));
  const StallReport begin = begun.get_future().get();
  run_on(*loops[0]);
  barrier.open();
  const StallReport end = ended.get_future().get();

  EXPECT_EQ(begin.loop, 1U);
  EXPECT_EQ(begin.stage, Stage::ring);
  EXPECT_GE(begin.held, kShort);
  EXPECT_NE(stack_text(begin.stack).find(" hold_the_loop "), std::string::npos) << stack_text(begin.stack);
  EXPECT_EQ(end.loop, 1U);
  EXPECT_GE(end.held, begin.held);
  EXPECT_GE(watchdog->stats().stalls_by_loop[1], 1U);
  EXPECT_GE(watchdog->stats().durations.count, 1U);
}

TEST_F(WatchdogTest, TakesNoStackIfNotAsked) {
  const std::string handler = type_name(typeid(Hold));
  std::promise<bool> has_stack;
  make({.threshold = kShort, .stacks = WatchdogOptions::Stacks::none}, [&](const StallReport& report) {
    if (report.handler != handler || report.moment != StallReport::Moment::begin) return;
    has_stack.set_value(!report.stack.empty());
    barrier.open();
  });
  start_loops();
  start_watchdog();
  ASSERT_TRUE(loops[0]->post(Hold{&barrier}));
  EXPECT_FALSE(has_stack.get_future().get());
}

TEST_F(WatchdogTest, DoesNotWakeUpWhileAllLoopsSleep) {
  make({.threshold = kShort}, [](const StallReport&) {});
  start_loops();
  start_watchdog();
  run_on(*loops[0]);
  await([&] { return loops[0]->parked() && loops[1]->parked(); });
  const std::uint64_t looks = watchdog->looks();
  // If it woke up by itself, it would some hundred times in so many threads' lives.
  for (int i = 0; i < 5000; ++i) std::thread([] {}).join();
  EXPECT_LE(watchdog->looks(), looks + 3);  // those that were under way when the loops fell asleep
  EXPECT_GE(watchdog->sleeps(), 1U);
}

TEST_F(WatchdogTest, WakesUpWithTheFirstLoopThatDoes) {
  make({.threshold = kLong}, [](const StallReport&) {});
  start_watchdog();
  await([&] { return watchdog->sleeps() == 1; });  // nothing runs yet
  const std::uint64_t looks = watchdog->looks();
  start_loops();
  await([&] { return watchdog->looks() > looks; });
}

TEST_F(WatchdogTest, SleepsAgainAndAgain) {
  make({.threshold = kShort}, [](const StallReport&) {});
  start_loops();
  start_watchdog();
  for (int i = 0; i < 10; ++i) await_sleep();
  EXPECT_GE(watchdog->sleeps(), 10U);
}

TEST_F(WatchdogTest, StopsAtOnceWhileItWaitsForItsNextLook) {
  make({.threshold = kLong}, [](const StallReport&) {});
  start_loops();
  start_watchdog();
  std::promise<void> held;
  ASSERT_TRUE(loops[0]->post([&] {
    held.set_value();
    hold_the_loop(barrier);
  }));
  held.get_future().get();
  watchdog->stop();
  barrier.open();
}

TEST_F(WatchdogTest, StopsAtOnceWhileItSleeps) {
  make({.threshold = kShort}, [](const StallReport&) {});
  start_loops();
  start_watchdog();
  await_sleep();
  watchdog->stop();
  watchdog->stop();
  run_on(*loops[0]);  // which has nobody to tell any more
}

TEST_F(WatchdogTest, MayBeStoppedBeforeItIsStarted) {
  make({.threshold = kShort}, [](const StallReport&) {});
  watchdog->stop();
}

TEST_F(WatchdogTest, SleepsWhenAllLoopsHaveEnded) {
  make({.threshold = kShort}, [](const StallReport&) {});
  start_loops();
  start_watchdog();
  await_sleep();
  const std::uint64_t sleeps = watchdog->sleeps();
  stop_loops();
  await([&] { return watchdog->sleeps() > sleeps; });
}

}  // namespace
}  // namespace fluxor::runtime
