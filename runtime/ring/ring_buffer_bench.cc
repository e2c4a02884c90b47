#include "runtime/ring/ring_buffer.h"

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "runtime/ring/event.h"

namespace fluxor::runtime {
namespace {

void put(RingBuffer<Event>& ring, std::uint64_t& sum) {
  for (;;) {
    auto claim = ring.try_next();
    if (claim) {
      claim->emplace([&sum] { ++sum; });
      claim->publish();
      return;
    }
    std::this_thread::yield();
  }
}

// Question: what does one event cost from claim to consume, with nobody else on the ring?
void BM_ClaimPublishConsume(benchmark::State& state) {
  RingBuffer<Event> ring(1024);
  std::uint64_t sum = 0;
  for (auto _ : state) {
    put(ring, sum);
    ring.consume([](Event& event) { event(); }, 1);
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ClaimPublishConsume);

// Question: how many events per second pass from n producers to one consumer, each on a thread of its own?
void BM_ProducersToConsumer(benchmark::State& state) {
  constexpr std::uint64_t kEvents = 1 << 20;
  const auto producers = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state) {
    RingBuffer<Event> ring(4096);
    std::uint64_t sum = 0;  // touched by the consumer only: events run there
    std::vector<std::thread> threads;
    for (std::uint64_t p = 0; p < producers; ++p) {
      threads.emplace_back([&ring, &sum, producers] {
        for (std::uint64_t i = 0; i < kEvents / producers; ++i) put(ring, sum);
      });
    }
    std::uint64_t left = kEvents / producers * producers;  // NOLINT(clang-analyzer-core.DivideZero): Arg below
    while (left != 0) left -= ring.consume([](Event& event) { event(); }, 256);
    for (auto& thread : threads) thread.join();
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kEvents));
}
BENCHMARK(BM_ProducersToConsumer)->Arg(1)->Arg(3)->UseRealTime()->Unit(benchmark::kMillisecond);

// Question: how long does one event take there and back between two spinning threads?
void BM_PingPong(benchmark::State& state) {
  RingBuffer<Event> there(1024);
  RingBuffer<Event> back(1024);
  std::atomic<bool> stop{false};
  std::uint64_t pings = 0;
  std::uint64_t pongs = 0;
  std::thread peer([&] {
    while (!stop.load(std::memory_order_relaxed)) {
      if (there.consume([](Event& event) { event(); }, 1) == 1) put(back, pongs);
    }
  });
  for (auto _ : state) {
    put(there, pings);
    while (back.consume([](Event& event) { event(); }, 1) == 0) {
    }
  }
  stop = true;
  peer.join();
  benchmark::DoNotOptimize(pongs);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_PingPong)->UseRealTime();

}  // namespace
}  // namespace fluxor::runtime
