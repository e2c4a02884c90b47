#include "runtime/worker/worker_pool.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <thread>
#include <vector>

#include "runtime/loop/event_loop.h"
#include "runtime/loop/event_loop_group.h"
#include "runtime/net/epoll_poller.h"
#include "runtime/task/frame_pool.h"
#include "runtime/task/scope.h"
#include "runtime/task/task.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/worker/blocking.h"
#include "runtime/worker/ordered_blocking.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;
using Place = BlockingExecutor::Place;

// Runs until it is let go.
class GateJob final : public BlockingJob {
 public:
  explicit GateJob(const std::source_location& site = std::source_location::current()) : BlockingJob(site) {}
  void run() noexcept override {
    std::array<char, 16> name{};
    ::pthread_getname_np(::pthread_self(), name.data(), name.size());
    thread_name = name.data();
    begun.set_value();
    gate.get_future().wait();
  }
  void tell() noexcept override { told.set_value(); }

  std::promise<void> begun, gate, told;
  std::string thread_name;
};

TEST(WorkerPoolThreads, RunsJobsOnItsNamedThreadsUpToTheirNumberAtATime) {
  const ManualClock clock;
  WorkerPool pool({.threads = 2, .queue_capacity = 1}, clock);
  ASSERT_TRUE(pool.start());
  GateJob a, b, c, d;
  ASSERT_TRUE(pool.submit(a, Place::free_one));
  a.begun.get_future().wait();
  ASSERT_TRUE(pool.submit(b, Place::free_one));
  b.begun.get_future().wait();
  ASSERT_TRUE(pool.submit(c, Place::free_one));
  EXPECT_EQ(pool.submit(d, Place::free_one).error(), Errc::overloaded);
  const BlockingStats stats = pool.stats();
  EXPECT_EQ(stats.running, 2U);
  EXPECT_EQ(stats.queued, 1U);
  EXPECT_EQ(stats.refused, 1U);
  EXPECT_EQ(a.thread_name.substr(0, 12), "fluxor-work-");
  EXPECT_NE(a.thread_name, b.thread_name);
  for (GateJob* job : {&a, &b, &c}) job->gate.set_value();
  for (GateJob* job : {&a, &b, &c}) job->told.get_future().wait();
  EXPECT_EQ(pool.stats().done, 3U);
}

TEST(WorkerPoolThreads, IsClosedBeforeItStartsAndAfterItStopped) {
  const ManualClock clock;
  WorkerPool pool({.threads = 1}, clock);
  GateJob job;
  EXPECT_EQ(pool.submit(job, Place::free_one).error(), Errc::closed);
  ASSERT_TRUE(pool.start());
  pool.stop();
  EXPECT_EQ(pool.submit(job, Place::free_one).error(), Errc::closed);
  pool.stop();
}

TEST(WorkerPoolThreads, CannotStartWithoutThreads) {
  const ManualClock clock;
  WorkerPool pool({.threads = 0}, clock);
  EXPECT_EQ(pool.start().error(), Errc::invalid);
}

TEST(WorkerPoolThreads, FinishesWhatItHasAcceptedWhenItStops) {
  const ManualClock clock;
  WorkerPool pool({.threads = 1}, clock);
  ASSERT_TRUE(pool.start());
  GateJob a, b;
  ASSERT_TRUE(pool.submit(a, Place::free_one));
  a.begun.get_future().wait();
  ASSERT_TRUE(pool.submit(b, Place::free_one));
  std::thread stopping([&] { pool.stop(); });
  b.gate.set_value();
  a.gate.set_value();
  stopping.join();
  EXPECT_EQ(pool.stats().done, 2U);
  EXPECT_EQ(b.told.get_future().wait_for(0s), std::future_status::ready);
}

TEST(WorkerPoolThreads, NamesWhatHoldsUpItsEndWithPlaceAndAge) {
  ManualClock clock;
  WorkerPool pool({.threads = 1}, clock);
  ASSERT_TRUE(pool.start());
  GateJob a, b;
  ASSERT_TRUE(pool.submit(a, Place::free_one));
  a.begun.get_future().wait();
  ASSERT_TRUE(pool.submit(b, Place::free_one));
  clock.advance(3s);
  const std::optional<WorkerHoldouts> holdouts = pool.stop_within(Duration::zero());
  ASSERT_TRUE(holdouts);
  ASSERT_EQ(holdouts->running.size(), 1U);
  EXPECT_EQ(holdouts->running[0].age, 3s);
  EXPECT_EQ(holdouts->running[0].site.line(), a.site().line());
  EXPECT_EQ(holdouts->queued, 1U);
  EXPECT_EQ(pool.running_jobs().size(), 1U);
  for (GateJob* job : {&a, &b}) job->gate.set_value();
  EXPECT_FALSE(pool.stop_within(24h)) << "as long as it takes, and no longer";
  EXPECT_EQ(pool.stats().done, 2U);
}

TEST(WorkerPoolThreads, StopsWithinNoTimeWhenNothingRuns) {
  const ManualClock clock;
  WorkerPool pool({.threads = 3}, clock);
  ASSERT_TRUE(pool.start());
  EXPECT_FALSE(pool.stop_within(Duration::zero()));
}

// A barrier that only jobs which run at the same time can pass.
TEST(WorkerPoolThreads, OverlapsUnorderedJobs) {
  const SystemClock clock;
  auto group = EventLoopGroup::create({.loops = 1}, clock, nullptr).value();
  WorkerPool pool({.threads = 3}, clock);
  ASSERT_TRUE(pool.start());
  ASSERT_TRUE(group->start());
  struct Run {
    static Task<> one(WorkerPool* pool, std::atomic<int>* inside) {
      const auto meet = [inside] {
        inside->fetch_add(1);
        while (inside->load() < 3) std::this_thread::yield();
      };
      EXPECT_TRUE(co_await blocking(*pool, meet));
    }
  };
  std::atomic<int> inside{0};
  std::atomic<int> left{3};
  std::promise<void> done;
  ASSERT_TRUE(group->at(0).post([&] {
    for (int i = 0; i < 3; ++i) {
      start(Run::one(&pool, &inside), [&](Outcome<>) {
        if (--left == 0) done.set_value();
      });
    }
  }));
  done.get_future().wait();
  pool.stop();
  group->stop();
}

// Several loops ask, in order and not; some tasks are cancelled at any moment, and the pool stops under way.
TEST(WorkerPoolThreads, EndsEachJobOnceUnderCancellationsAndAStop) {
  constexpr int kLoops = 2;
  constexpr int kTasks = 40;
  constexpr int kJobs = 60;
  const std::uint64_t frames_before = live_frames();
  std::atomic<std::uint64_t> ran{0}, values{0}, refused{0}, closed{0}, cut{0};
  {
    const SystemClock clock;
    auto group = EventLoopGroup::create({.loops = kLoops, .ring_capacity = 256}, clock, nullptr).value();
    WorkerPool pool({.threads = 3, .queue_capacity = 8}, clock);
    ASSERT_TRUE(pool.start());
    ASSERT_TRUE(group->start());
    struct Shared {
      WorkerPool& pool;
      std::atomic<std::uint64_t>&ran, &values, &refused, &closed, &cut;
    } shared{pool, ran, values, refused, closed, cut};
    struct Run {
      static Task<> job(Shared* shared, OrderedBlocking* line, int number) {
        const auto work = [ran = &shared->ran, number] {
          for (volatile int wait = number * 37 % 500; wait > 0;) wait = wait - 1;
          ran->fetch_add(1);
          return number;
        };
        Result<int> answer = Errc::invalid;
        if (number % 2 == 0) {
          answer = co_await blocking(shared->pool, work);
        } else {
          answer = co_await blocking(*line, work);
        }
        if (answer) {
          EXPECT_EQ(*answer, number);
          ++shared->values;
        } else if (answer.error() == Errc::overloaded) {
          ++shared->refused;
        } else if (answer.error() == Errc::closed) {
          ++shared->closed;
        } else {
          ++shared->cut;
        }
      }
      static Task<> some(Shared* shared) {
        OrderedBlocking line(shared->pool, 4);
        for (int round = 0; round < kJobs / 4; ++round) {
          try {
            co_await with_scope([&](Scope& scope) -> Task<> {
              for (int i = 0; i < 4; ++i) scope.spawn(job, shared, &line, round + i);
              if (round % 3 != 0) co_return;
              static_cast<void>(co_await blocking(shared->pool, [] {}));
              scope.cancel();
            });
          } catch (const std::exception&) {
          }
        }
      }
    };
    std::atomic<int> left{kLoops * kTasks};
    std::promise<void> done;
    for (int l = 0; l < kLoops; ++l) {
      for (int t = 0; t < kTasks; ++t) {
        ASSERT_TRUE(group->at(static_cast<std::size_t>(l)).post([&] {
          start(Run::some(&shared), [&](Outcome<>) {
            if (--left == 0) done.set_value();
          });
        }));
      }
    }
    while (ran.load() < 300 && left.load() != 0) std::this_thread::yield();
    pool.stop();
    done.get_future().wait();
    group->stop();
    const BlockingStats stats = pool.stats();
    EXPECT_EQ(stats.queued + stats.running, 0U);
    EXPECT_LE(ran.load(), stats.done);
    EXPECT_LE(values.load(), ran.load());
    EXPECT_GE(values.load() + stats.abandoned, ran.load());
  }
  EXPECT_EQ(live_frames(), frames_before);
}

TEST(WorkerPool, WaitsWithoutEndIfToldSo) {
  SystemClock clock;
  WorkerPool pool({.threads = 1}, clock);
  ASSERT_TRUE(pool.start());
  class Slow final : public BlockingJob {
   public:
    Slow() noexcept : BlockingJob(std::source_location::current()) {}
    void run() noexcept override {
      begun.set_value();
      go.get_future().wait();
    }
    void tell() noexcept override {}
    std::promise<void> begun, go;
  } job;
  ASSERT_TRUE(pool.submit(job, BlockingExecutor::Place::free_one));
  job.begun.get_future().wait();
  std::optional<WorkerHoldouts> holdouts;
  std::thread stops([&] { holdouts = pool.stop_within(Duration::max()); });
  // Until it is closed; then it waits, or has given up, which a moment later would be seen as well.
  while (pool.running_jobs().empty()) std::this_thread::yield();
  std::thread ends([&] { job.go.set_value(); });
  stops.join();
  ends.join();
  EXPECT_FALSE(holdouts);
}

}  // namespace
}  // namespace fluxor::runtime
