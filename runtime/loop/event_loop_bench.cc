#include "runtime/loop/event_loop.h"

#include <benchmark/benchmark.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include "runtime/loop/event_loop_group.h"

namespace fluxor::runtime {
namespace {

// Question: how many events per second pass from one loop to another, posted, run and counted?
void BM_PostFromThreadToLoop(benchmark::State& state) {
  const SystemClock clock;
  auto group = EventLoopGroup::create({.loops = 1, .ring_capacity = 4096}, clock, nullptr).value();
  group->start().value();
  EventLoop& loop = group->at(0);
  std::uint64_t handled = 0;  // the loop's
  std::uint64_t posted = 0;
  for (auto _ : state) {
    while (!loop.post([&handled] { ++handled; })) std::this_thread::yield();
    ++posted;
  }
  group->stop();
  if (handled != posted) state.SkipWithError("events were lost");
  state.SetItemsProcessed(static_cast<std::int64_t>(posted));
}
BENCHMARK(BM_PostFromThreadToLoop)->UseRealTime();

// Question: how long does a parked loop take to run what is posted, from the post to the effect?
void BM_WakeUpOfAParkedLoop(benchmark::State& state) {
  const SystemClock clock;
  auto group = EventLoopGroup::create({.loops = 1}, clock, nullptr).value();
  group->start().value();
  EventLoop& loop = group->at(0);
  std::atomic<std::uint64_t> handled{0};
  std::uint64_t posted = 0;
  while (loop.stats().parks == 0) std::this_thread::yield();
  for (auto _ : state) {
    state.PauseTiming();
    const Instant asleep = clock.now() + std::chrono::microseconds(20);  // it has said so; now it does
    while (clock.now() < asleep) {
    }
    const std::uint64_t parks = loop.stats().parks;
    state.ResumeTiming();
    static_cast<void>(loop.post([&handled] { handled.fetch_add(1, std::memory_order_release); }));
    ++posted;
    while (handled.load(std::memory_order_acquire) != posted) {
    }
    state.PauseTiming();
    while (loop.stats().parks == parks) std::this_thread::yield();
    state.ResumeTiming();
  }
  group->stop();
}
BENCHMARK(BM_WakeUpOfAParkedLoop)->UseRealTime()->Iterations(2000);

}  // namespace
}  // namespace fluxor::runtime
