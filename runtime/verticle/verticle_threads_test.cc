#include <gtest/gtest.h>

#include <malloc.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/random.h"
#include "runtime/loop/event_loop.h"
#include "runtime/loop/event_loop_group.h"
#include "runtime/task/frame_pool.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/verticle/context.h"
#include "runtime/verticle/directory.h"
#include "runtime/verticle/exit_reason.h"
#include "runtime/verticle/root.h"
#include "runtime/verticle/verticle.h"
#include "runtime/verticle/verticle_system.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

// Three loops on threads, and a main that is a function.
class Threads {
 public:
  Threads() { EXPECT_TRUE(group_->start()); }
  ~Threads() { group_->stop(); }

  VerticleSystem& system() { return system_; }
  EventLoopGroup& group() { return *group_; }

  // Runs `main` as a task of the root, then ends the tree.
  void run(const std::function<Task<>(Context&)>& main) {
    std::promise<void> ended;
    Root root(system_, group_->at(0), [&] { return std::make_unique<Main>(main); }, 1min,
              {.exited = [&](const ExitReason& reason) {
                EXPECT_EQ(reason.text(), "ended");
                ended.set_value();
              }});
    root.begin();
    ended.get_future().wait();
    EXPECT_EQ(system_.directory().size(), 0u);
  }

 private:
  struct Main final : Verticle {
    explicit Main(const std::function<Task<>(Context&)>& main) : main(main) {}
    Task<> start(Context& context) override {
      context.spawn(
          [](const std::function<Task<>(Context&)>* main, Context* context) -> Task<> {
            co_await (*main)(*context);
            context->exit();
          },
          &main, &context);
      co_return;
    }
    const std::function<Task<>(Context&)>& main;
  };
  struct Quiet final : LogSink {
    void write(Severity, std::string_view, std::span<const LogField>) noexcept override {}
  };

  SystemClock clock_;
  SystemRandom random_;
  Quiet log_;
  std::unique_ptr<EventLoopGroup> group_ = EventLoopGroup::create({.loops = 3}, clock_, nullptr).value();
  VerticleSystem system_{{.loops = group_->all(), .clock = clock_, .random = random_, .log = log_},
                         {.backoff = {.second = 1ms, .longest = 5ms}}};
};

struct Counts {
  std::atomic<int> made{0}, destroyed{0}, downs{0}, resources{0};
};

class Held final : public VerticleResource {
 public:
  Held(Context& context, Counts& counts) : VerticleResource(context), counts_(counts) { ++counts_.resources; }
  ~Held() override { --counts_.resources; }

 private:
  void on_verticle_end() noexcept override { delete this; }
  Counts& counts_;
};

// Links, watches, crashes or ends, all at once.
class Busy final : public Verticle {
 public:
  Busy(Counts* counts, int number) : counts_(*counts), number_(number) { ++counts_.made; }
  ~Busy() override {
    ++counts_.destroyed;
    if (loop_ != nullptr) EXPECT_EQ(EventLoop::current(), loop_);
  }
  Task<> start(Context& context) override {
    loop_ = &context.loop();
    EXPECT_EQ(EventLoop::current(), loop_);
    new Held(context, counts_);
    context.every(1ms, [] {});
    for (const VerticleInfo& other : context.system().directory().list()) {
      if (other.name.empty()) continue;
      const std::uint64_t key = context.monitor(other.id, [this](const Down&) { ++counts_.downs; });
      if (other.id < context.id() && number_ % 3 == 0) context.link(other.id);
      if (number_ % 5 == 0) context.unlink(other.id);
      if (number_ % 7 == 0) context.demonitor(key);
    }
    if (number_ % 4 == 0) {
      static_cast<void>(co_await context.deploy<Busy>({.restart = Restart::temporary}, &counts_, 1));
    }
    if (number_ % 6 == 5) throw std::runtime_error("start");
    if (number_ % 2 == 0) context.spawn(&Busy::crash, this);
  }
  Task<> stop() override {
    EXPECT_EQ(EventLoop::current(), loop_);
    co_await sleep_for(100us);
  }

 private:
  Task<> crash() {
    co_await sleep_for(Duration(100us) * (number_ % 10));
    throw std::runtime_error("crash");
  }
  Counts& counts_;
  const int number_;
  EventLoop* loop_ = nullptr;
};

TEST(VerticleThreads, LoseNothingWhenVerticlesComeCrashAndGoOnAllLoops) {
  const std::uint64_t frames = live_frames();
  Counts counts;
  {
    Threads threads;
    threads.run([&](Context& root) -> Task<> {
      for (int i = 0; i < 150; ++i) {
        std::optional<DeploymentId> one, group;
        try {
          const auto deployed =
              co_await root.deploy<Busy>({.name = "n" + std::to_string(i % 7), .instances = 3}, &counts, i);
          if (deployed) one = *deployed;
        } catch (const std::runtime_error&) {
        }
        SupervisorSpec spec{.strategy = i % 2 == 0 ? Strategy::one_for_all : Strategy::rest_for_one,
                            .intensity = {.restarts_max = 2},
                            .restart = Restart::temporary};
        for (int child = 0; child < 3; ++child) {
          spec.child<Busy>({.name = "c" + std::to_string(child)}, &counts, 4 * i + child);
        }
        try {
          const auto deployed = co_await root.deploy(spec);
          if (deployed) group = *deployed;
        } catch (const std::runtime_error&) {
        }
        if (i % 3 == 0) co_await sleep_for(1ms);
        for (const auto& id : {group, one}) {
          if (id) static_cast<void>(co_await root.undeploy(*id));
        }
      }
    });
    EXPECT_EQ(threads.system().abandoned(), 0u);
  }
  EXPECT_GT(counts.made, 500);
  EXPECT_EQ(counts.made, counts.destroyed);
  EXPECT_EQ(counts.resources, 0);
  EXPECT_EQ(live_frames(), frames);
}

struct Steady final : Verticle {
  Task<> start(Context& context) override {
    context.every(100us, [] {});
    context.every(
        1ms, [](Context* context) { context->spawn([]() -> Task<> { co_await sleep_for(50us); }); }, &context);
    co_return;
  }
};

struct Cycled final : Verticle {
  explicit Cycled(Counts* counts) : counts(*counts) {}
  Task<> start(Context& context) override {
    new Held(context, counts);
    context.every(1ms, [] {});
    context.spawn([]() -> Task<> { co_await sleep_for(1h); });
    static_cast<void>(co_await context.deploy<Steady>({}));
  }
  Counts& counts;
};

TEST(VerticleThreads, AreWhereTheyWereAfterAThousandDeploymentsUnderLoad) {
  struct Use {
    std::uint64_t frames = 0;
    std::size_t descriptors = 0, timers = 0, heap = 0;
    int resources = 0;
  };
  Counts counts;
  Threads threads;
  auto measure = [&] {
    std::size_t timers = 0;
    for (EventLoop* loop : threads.group().all()) timers += loop->stats().timers_armed;
    const auto descriptors = std::filesystem::directory_iterator("/proc/self/fd");
    return Use{.frames = live_frames(),
               .descriptors = static_cast<std::size_t>(std::distance(begin(descriptors), end(descriptors))),
               .timers = timers,
               .heap = mallinfo2().uordblks,
               .resources = counts.resources};
  };
  threads.run([&](Context& root) -> Task<> {
    static_cast<void>((co_await root.deploy<Steady>({.instances = 3})).value());
    Use before;
    for (int i = 0; i < 1100; ++i) {
      const DeploymentId id = (co_await root.deploy<Cycled>({.name = "cycled", .instances = 3}, &counts)).value();
      (co_await root.undeploy(id)).value();
      if (i != 99) continue;
      co_await sleep_for(20ms);
      before = measure();
    }
    co_await sleep_for(20ms);
    const Use after = measure();
    EXPECT_EQ(after.resources, 0);
    EXPECT_EQ(after.descriptors, before.descriptors);
    // The load has up to two tasks of two frames on each loop, or none, when one looks.
    EXPECT_NEAR(static_cast<double>(after.frames), static_cast<double>(before.frames), 24);
    EXPECT_NEAR(static_cast<double>(after.timers), static_cast<double>(before.timers), 6);
    // 3 000 verticles of a few hundred bytes each would show.
    EXPECT_LT(after.heap, before.heap + 256 * 1024);
    EXPECT_EQ(threads.system().directory().size(), 4u);
  });
}

}  // namespace
}  // namespace fluxor::runtime
