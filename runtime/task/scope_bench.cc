#include "runtime/task/scope.h"

#include <benchmark/benchmark.h>

#include <coroutine>
#include <memory>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/loop/event_loop.h"
#include "runtime/net/epoll_poller.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/task/wait.h"

namespace fluxor::runtime {
namespace {

// A loop as it ships, statistics included, on the thread of the benchmark.
class Bench {
 public:
  void run(Task<> task) {
    static_cast<void>(loop_.post([this, &task] { start(std::move(task), [this](Outcome<>) { loop_.stop(); }); }));
    loop_.run();
  }
  EventLoop& loop() noexcept { return loop_; }

 private:
  const SystemClock clock_;
  EventLoop loop_{{}, clock_, EpollPoller::create().value(), nullptr};
};

// Lets everybody else have their turn.
class Hop final : private Wait {
 public:
  bool await_ready() const noexcept { return false; }
  template <TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> awaiting) noexcept {
    if (!suspend(awaiting)) return false;
    wake();
    return true;
  }
  void await_resume() const { throw_if_interrupted(); }

 private:
  Ends on_cancel() noexcept override { return Ends::no; }
  const char* what() const noexcept override { return "its turn"; }
};

// Opened again and again by who stands outside.
class Gate final {
 public:
  class Pass final : private Wait {
   public:
    explicit Pass(Gate& gate) noexcept : gate_(gate) {}
    bool await_ready() const noexcept { return false; }
    template <TaskPromise P>
    bool await_suspend(std::coroutine_handle<P> awaiting) noexcept {
      gate_.passing_ = this;
      return suspend(awaiting);
    }
    void await_resume() const { throw_if_interrupted(); }
    void open() noexcept { resume_now(); }

   private:
    Ends on_cancel() noexcept override { return Ends::yes; }
    const char* what() const noexcept override { return "a gate"; }
    Gate& gate_;
  };
  Pass operator co_await() noexcept { return Pass(*this); }
  void open() noexcept { std::exchange(passing_, nullptr)->open(); }

 private:
  Pass* passing_ = nullptr;
};

Task<> nothing() { co_return; }
Task<> sleep_long() { co_await sleep_for(std::chrono::hours(1)); }
Task<> hop(int times) {
  for (int i = 0; i < times; ++i) co_await Hop();
}
Task<> pass(Gate* gate, const bool* over) {
  while (!*over) co_await *gate;
}

// Question: what does it cost to suspend a task and to resume it from a unit of the loop, a timer, say?
void BM_ResumeATask(benchmark::State& state) {
  Bench bench;
  bench.run([](benchmark::State& run) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      Gate gate;
      bool over = false;
      auto child = scope.spawn(pass, &gate, const_cast<const bool*>(&over));
      co_await Hop();
      for (auto _ : run) gate.open();
      over = true;
      gate.open();
      co_await child;
    });
  }(state));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ResumeATask);

// Question: what does it cost to wake a task through the ready queue, while others wait there, too?
void BM_ThroughTheReadyQueue(benchmark::State& state) {
  const int tasks = static_cast<int>(state.range(0));
  constexpr int kHops = 1000;
  Bench bench;
  bench.run([](benchmark::State& run, int all) -> Task<> {
    for (auto _ : run) {
      co_await with_scope([&](Scope& scope) -> Task<> {
        for (int i = 0; i < all; ++i) scope.spawn(hop, kHops);
        co_return;
      });
    }
  }(state, tasks));
  state.SetItemsProcessed(state.iterations() * tasks * kHops);
}
BENCHMARK(BM_ThroughTheReadyQueue)->Arg(1)->Arg(16)->Arg(128);

// Question: what does it cost to spawn a task, to run it and to join it, among others?
void BM_SpawnAndJoin(benchmark::State& state) {
  const int tasks = static_cast<int>(state.range(0));
  Bench bench;
  bench.run([](benchmark::State& run, int all) -> Task<> {
    for (auto _ : run) {
      co_await with_scope([&](Scope& scope) -> Task<> {
        for (int i = 0; i < all; ++i) scope.spawn(nothing);
        co_return;
      });
    }
  }(state, tasks));
  state.SetItemsProcessed(state.iterations() * tasks);
}
BENCHMARK(BM_SpawnAndJoin)->Arg(1)->Arg(100);

// Question: the same for a task that is awaited before the next one is spawned?
void BM_SpawnAndAwait(benchmark::State& state) {
  Bench bench;
  bench.run([](benchmark::State& run) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      for (auto _ : run) {
        auto child = scope.spawn(nothing);
        co_await child;
      }
    });
  }(state));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_SpawnAndAwait);

// Question: what does a scope cost that has nothing to do?
void BM_WithScopeAroundNothing(benchmark::State& state) {
  Bench bench;
  bench.run([](benchmark::State& run) -> Task<> {
    for (auto _ : run) co_await with_scope([](Scope&) -> Task<> { co_return; });
  }(state));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_WithScopeAroundNothing);

// Question: what does it cost to spawn a task that sleeps, to cancel it and to join it?  Two exceptions are in it.
void BM_CancelASleepingTask(benchmark::State& state) {
  const int tasks = static_cast<int>(state.range(0));
  Bench bench;
  bench.run([](benchmark::State& run, int all) -> Task<> {
    for (auto _ : run) {
      co_await with_scope([&](Scope& scope) -> Task<> {
        for (int i = 0; i < all; ++i) scope.spawn(sleep_long);
        co_await Hop();
        scope.cancel();
      });
    }
  }(state, tasks));
  state.SetItemsProcessed(state.iterations() * tasks);
}
BENCHMARK(BM_CancelASleepingTask)->Arg(100);

}  // namespace
}  // namespace fluxor::runtime
