#pragma once

#include <benchmark/benchmark.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/base/counter.h"
#include "runtime/ring/sequence.h"
#include "runtime/ring/wait_strategy.h"

namespace fluxor::runtime {

// The same traffic for our ring, for sketches of it and for its peers.
//
// A Channel holds a ring or queue of a capacity and speaks:
//   bool send(std::uint64_t& sum)                 one event that will add 1 to `sum`; false if full
//   bool send_batch(std::uint64_t& sum)           kBatch of them at once; false if they do not fit
//   std::size_t receive(Counter& handled)         runs what is there, at most kTurn, each counted; returns how many
// What two threads write lies apart here, too: else the benchmark measures itself.

inline constexpr std::size_t kBenchCapacity = 4096;  // as a loop's ring
inline constexpr std::size_t kBatch = 64;
inline constexpr std::size_t kTurn = 256;  // as a loop's turn

// What a producer does who was refused: it comes back when a full ring has about drained, and lets others run.  Who
// comes back for each slot stays at the consumer's heels, and both are slower; the Disruptor sleeps here, for longer.
inline void back_off() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(30);
  while (std::chrono::steady_clock::now() < end) ThisProcessor::pause();
  std::this_thread::yield();
}

// Sends `events` from `producers` threads to this one; by ones or in batches.  Timed is from the first event on; a
// consumer that has nothing spins, and yields after a while, since there may be more threads than cores.
template <typename Channel, bool kInBatches>
void bench_flow(benchmark::State& state, std::uint64_t producers) {
  constexpr std::uint64_t kEvents = std::uint64_t{1} << 21;
  const std::uint64_t share = kEvents / producers / kBatch * kBatch;  // NOLINT(clang-analyzer-core.DivideZero)
  for (auto _ : state) {
    const auto channel = std::make_unique<Channel>(kBenchCapacity);
    alignas(kApartBytes) std::uint64_t sum = 0;  // the consumer's: events run there
    Counter handled;
    alignas(kApartBytes) std::atomic<std::uint64_t> waiting{producers};
    std::vector<std::thread> threads;
    for (std::uint64_t p = 0; p < producers; ++p) {
      threads.emplace_back([&waiting, &sum, share, channel = channel.get()] {
        waiting.fetch_sub(1);
        while (waiting.load() != 0) std::this_thread::yield();
        if constexpr (kInBatches) {
          for (std::uint64_t i = 0; i < share; i += kBatch) {
            while (!channel->send_batch(sum)) back_off();
          }
        } else {
          for (std::uint64_t i = 0; i < share; ++i) {
            while (!channel->send(sum)) back_off();
          }
        }
      });
    }
    while (waiting.load() != 0) std::this_thread::yield();
    const auto start = std::chrono::steady_clock::now();
    Yield wait;
    for (std::uint64_t left = share * producers; left != 0;) {
      if (const std::size_t count = channel->receive(handled); count != 0) {
        left -= count;
        wait.found(count);
      } else {
        wait.idle();
      }
    }
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    for (auto& thread : threads) thread.join();
    if (sum != share * producers || handled.get() != sum) state.SkipWithError("events were lost");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(share * producers));
}

template <typename Channel>
void bench_producers(benchmark::State& state) {
  bench_flow<Channel, false>(state, static_cast<std::uint64_t>(state.range(0)));
}

template <typename Channel>
void bench_batches(benchmark::State& state) {
  bench_flow<Channel, true>(state, 1);
}

// One event there and back between two threads that spin.
template <typename Channel>
void bench_ping_pong(benchmark::State& state) {
  struct Side {
    alignas(kApartBytes) Channel inbox{kBenchCapacity};
    alignas(kApartBytes) std::uint64_t sum = 0;
    Counter handled;
    BusySpin wait;
  };
  const auto here = std::make_unique<Side>();
  const auto there = std::make_unique<Side>();
  alignas(kApartBytes) std::atomic<bool> stop{false};
  std::thread peer([&stop, here = here.get(), there = there.get()] {
    while (!stop.load(std::memory_order_relaxed)) {
      if (const std::size_t count = there->inbox.receive(there->handled); count != 0) {
        there->wait.found(count);
        here->inbox.send(here->sum);
      } else {
        there->wait.idle();
      }
    }
  });
  for (auto _ : state) {
    there->inbox.send(there->sum);
    while (here->inbox.receive(here->handled) == 0) here->wait.idle();
    here->wait.found(1);
  }
  stop = true;
  peer.join();
  if (here->sum != here->handled.get()) state.SkipWithError("events were lost");
  state.SetItemsProcessed(state.iterations());
}

}  // namespace fluxor::runtime
