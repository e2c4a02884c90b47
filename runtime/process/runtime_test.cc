#include "runtime/process/runtime.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <coroutine>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/random.h"
#include "runtime/process/termination.h"
#include "runtime/task/scope.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/verticle/context.h"
#include "runtime/verticle/verticle.h"
#include "runtime/worker/blocking.h"
#include "runtime/worker/ordered_blocking.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

class TestLog final : public LogSink {
 public:
  bool has(std::string_view part) const {
    const std::lock_guard lock(mutex_);
    for (const std::string& line : lines_) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }

 private:
  void write(Severity, std::string_view message, std::span<const LogField> fields) noexcept override {
    std::string line(message);
    for (const auto& field : fields) line.append(" ").append(field.key).append("=").append(field.value);
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

void signal_ourselves() { ASSERT_EQ(::kill(::getpid(), SIGTERM), 0); }

class RuntimeTest : public testing::Test {
 protected:
  ExitCode run(Runtime::Main main, RuntimeOptions options = {}) {
    options.loops = 2;
    const auto runtime = Runtime::create(options, clock, random, log, termination).value();
    return runtime->run(std::move(main));
  }

  SystemClock clock;
  SystemRandom random;
  TestLog log;
  Termination termination = Termination::create().value();
};

class Child final : public Verticle {
 public:
  explicit Child(std::atomic<int>* stopped) noexcept : stopped_(stopped) {}
  Task<> start(Context&) override { co_return; }
  Task<> stop() override {
    ++*stopped_;
    co_return;
  }

 private:
  std::atomic<int>* const stopped_;
};

TEST_F(RuntimeTest, UndeploysTheTreeOnASignal) {
  std::atomic<int> stopped{0};
  const ExitCode code = run([&stopped](Context& root) -> Task<> {
    EXPECT_TRUE(co_await root.deploy<Child>({.name = "child", .instances = 4}, &stopped));
    signal_ourselves();
  });
  EXPECT_EQ(code, ExitCode::clean);
  EXPECT_EQ(stopped, 4);
  EXPECT_TRUE(log.has("stopped"));
}

TEST_F(RuntimeTest, CannotStartWhenMainFails) {
  const auto main = [](Context&) -> Task<> {
    throw std::runtime_error("no licence");
    co_return;
  };
  testing::internal::CaptureStderr();
  EXPECT_EQ(run(main), ExitCode::cannot_start);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "fluxor: no licence\n");
}

TEST_F(RuntimeTest, GivesUpWhenTheRootVerticleCrashes) {
  const ExitCode code = run([](Context& root) -> Task<> {
    root.after(1ms, [] { throw std::runtime_error("boom"); });
    co_return;
  });
  EXPECT_EQ(code, ExitCode::gave_up);
  EXPECT_TRUE(log.has("the root verticle crashed reason=crashed: boom"));
}

class Hesitates final : public Verticle {
 public:
  Task<> start(Context&) override { co_return; }
  Task<> stop() override { co_await sleep_for(1h); }
};

TEST_F(RuntimeTest, NamesWhatDoesNotStopInItsTime) {
  const ExitCode code = run(
      [](Context& root) -> Task<> {
        EXPECT_TRUE(co_await root.deploy<Hesitates>({.name = "slow", .shutdown = 20ms}));
        signal_ourselves();
      },
      {});
  EXPECT_EQ(code, ExitCode::left_behind);
  EXPECT_TRUE(log.has("verticle slow did not stop in its time"));
}

TEST_F(RuntimeTest, EndsAtOnceOnASecondSignal) {
  const Instant before = clock.now();
  const ExitCode code = run([](Context& root) -> Task<> {
    EXPECT_TRUE(co_await root.deploy<Hesitates>({.name = "slow", .shutdown = 1h}));
    root.after(10ms, [] { signal_ourselves(); });
    signal_ourselves();
  });
  EXPECT_EQ(code, ExitCode::left_behind);
  EXPECT_TRUE(log.has("verticle slow did not stop in its time"));
  EXPECT_LT(clock.now() - before, 20s);  // far below the hour
}

TEST_F(RuntimeTest, GivesUpIfToldSoWhenAVerticleFailsTooOften) {
  RuntimeOptions options;
  options.verticles.on_giving_up = OnGivingUp::exit;
  options.verticles.intensity = {.restarts_max = 1, .period = 1min};
  class Crashes final : public Verticle {
   public:
    Task<> start(Context& context) override {
      context.after(0ms, [] { throw std::runtime_error("boom"); });
      co_return;
    }
  };
  const ExitCode code =
      run([](Context& root) -> Task<> { EXPECT_TRUE(co_await root.deploy<Crashes>({.name = "bad"})); }, options);
  EXPECT_EQ(code, ExitCode::gave_up);
  EXPECT_TRUE(log.has("supervision gave up reason=bad crashed: boom"));
  EXPECT_TRUE(log.has("the root supervisor gives up tree="));
  EXPECT_TRUE(log.has("last crashed: boom"));
}

// Five calls of random length end in the order in which they were asked for, on the verticle's loop.
class InOrder final : public Verticle {
 public:
  explicit InOrder(std::vector<int>* ended) noexcept : ended_(ended) {}
  Task<> start(Context& context) override {
    context.spawn(&InOrder::ask, this, std::ref(context));
    co_return;
  }

 private:
  static int take(int number) {
    std::this_thread::sleep_for(std::chrono::microseconds(100 * (5 - number)));
    return number;
  }
  Task<> one(Context& context, int number) {
    const Result<int> taken = co_await blocking(context.in_order(), &InOrder::take, number);
    EXPECT_EQ(EventLoop::current(), &context.loop());
    ended_->push_back(taken.value());
  }
  Task<> ask(Context& context) {
    co_await with_scope([&](Scope& scope) -> Task<> {
      for (int i = 0; i < 5; ++i) scope.spawn(&InOrder::one, this, std::ref(context), i);
      co_return;
    });
    signal_ourselves();
  }
  std::vector<int>* const ended_;
};

TEST_F(RuntimeTest, BlocksInOrderForEachVerticle) {
  std::vector<int> ended;
  const ExitCode code = run(
      [&ended](Context& root) -> Task<> { EXPECT_TRUE(co_await root.deploy<InOrder>({.name = "writer"}, &ended)); });
  EXPECT_EQ(code, ExitCode::clean);
  EXPECT_EQ(ended, (std::vector{0, 1, 2, 3, 4}));
}

// In a process of its own, which ends with the thread that is left behind.
using RuntimeDeathTest = RuntimeTest;
TEST_F(RuntimeDeathTest, NamesABlockingCallThatDoesNotEnd) {
  const auto hang = [](Context* context) -> Task<> {
    static_cast<void>(co_await blocking(context->workers(), [] { std::this_thread::sleep_for(1h); }));
  };
  const auto run_and_exit = [&] {
    RuntimeOptions options;
    options.shutdown = 10ms;
    options.verticles.kill_grace = 10ms;
    const ExitCode code = run(
        [&](Context& root) -> Task<> {
          root.spawn(hang, &root);
          root.after(1ms, [] { signal_ourselves(); });
          co_return;
        },
        options);
    if (log.has("a blocking call from runtime/process/runtime_test.cc")) std::fputs("it is named\n", stderr);
    std::_Exit(static_cast<int>(code));
  };
  EXPECT_EXIT(run_and_exit(), testing::ExitedWithCode(2), "it is named");
}

TEST_F(RuntimeDeathTest, SaysThatItHasLeftSomethingBehindAlsoWhenMainFails) {
  class Stuck final : public Verticle {
   public:
    Task<> start(Context&) override { co_return; }
    Task<> stop() override { co_await std::suspend_always(); }
  };
  const auto run_and_exit = [&] {
    RuntimeOptions options;
    options.verticles.kill_grace = 1ms;
    const ExitCode code = run(
        [](Context& root) -> Task<> {
          EXPECT_TRUE(co_await root.deploy<Stuck>({.name = "stuck", .shutdown = 1ms}));
          throw std::runtime_error("no licence");
        },
        options);
    std::_Exit(static_cast<int>(code));
  };
  EXPECT_EXIT(run_and_exit(), testing::ExitedWithCode(2), "no licence");
}

}  // namespace
}  // namespace fluxor::runtime
