#include <benchmark/benchmark.h>

#include <cstdint>
#include <future>
#include <memory>

#include "runtime/base/clock.h"
#include "runtime/loop/event_loop.h"
#include "runtime/loop/event_loop_group.h"
#include "runtime/task/task.h"
#include "runtime/worker/blocking.h"
#include "runtime/worker/worker_pool.h"

namespace fluxor::runtime {
namespace {

struct Ask {
  static Task<> times(WorkerPool* pool, std::int64_t calls) {
    for (std::int64_t i = 0; i < calls; ++i) static_cast<void>(co_await blocking(*pool, [] {}));
  }
};

// So many tasks ask, one call after another, until `calls` have come back.
void run(benchmark::State& state, int tasks) {
  const SystemClock clock;
  const auto group = EventLoopGroup::create({.loops = 1}, clock, nullptr).value();
  WorkerPool pool({.threads = static_cast<std::size_t>(state.range(0))}, clock);
  if (!pool.start() || !group->start()) return state.SkipWithError("no threads");
  constexpr std::int64_t kCalls = 64;  // of each task, for each iteration
  for (auto _ : state) {
    std::promise<void> done;
    int left = tasks;
    if (!group->at(0).post([&] {
          for (int i = 0; i < tasks; ++i) {
            start(Ask::times(&pool, kCalls), [&](Outcome<>) {
              if (--left == 0) done.set_value();
            });
          }
        })) {
      return state.SkipWithError("full");
    }
    done.get_future().wait();
  }
  state.SetItemsProcessed(state.iterations() * kCalls * tasks);
  pool.stop();
  group->stop();
}

// Question: how long does an empty function take from the loop to a worker and back, with nothing else under way?
void BM_RoundTrip(benchmark::State& state) { run(state, 1); }
BENCHMARK(BM_RoundTrip)->Arg(1)->Arg(16)->UseRealTime();

// Question: how many empty functions does the pool do in a second for one loop that has 64 under way?
void BM_64Outstanding(benchmark::State& state) { run(state, 64); }
BENCHMARK(BM_64Outstanding)->Arg(1)->Arg(4)->Arg(16)->UseRealTime();

}  // namespace
}  // namespace fluxor::runtime
