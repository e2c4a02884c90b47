#include "runtime/task/task.h"

#include <benchmark/benchmark.h>

#include <coroutine>

namespace fluxor::runtime {
namespace {

Task<int> ready(int value) { co_return value; }

// Question: what does it cost to call a coroutine and await its value, frame included?
void BM_AwaitAReadyTask(benchmark::State& state) {
  const auto body = [](benchmark::State& run) -> Task<> {
    int sum = 0;
    for (auto _ : run) sum += co_await ready(1);
    benchmark::DoNotOptimize(sum);
  };
  start(body(state), [](Outcome<void>) {});
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_AwaitAReadyTask);

// Question: what does a start from outside cost, for a handler that does not suspend?
void BM_Start(benchmark::State& state) {
  int sum = 0;
  for (auto _ : state) start(ready(1), [&sum](Outcome<int> outcome) { sum += outcome.take(); });
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Start);

// Question: what does it cost to suspend and to be resumed?
void BM_SuspendAndResume(benchmark::State& state) {
  struct Gate {
    std::coroutine_handle<> awaiting;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) noexcept { awaiting = handle; }
    void await_resume() const noexcept {}
  };
  Gate gate;
  bool stop = false;
  const auto body = [](Gate& wait, bool& ended) -> Task<> {
    while (!ended) co_await wait;
  };
  start(body(gate, stop), [](Outcome<void>) {});
  for (auto _ : state) gate.awaiting.resume();
  stop = true;
  gate.awaiting.resume();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_SuspendAndResume);

}  // namespace
}  // namespace fluxor::runtime
