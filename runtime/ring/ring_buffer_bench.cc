#include "runtime/ring/ring_buffer.h"

#include <benchmark/benchmark.h>

#include <array>
#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "runtime/base/counter.h"
#include "runtime/ring/bench_traffic.h"
#include "runtime/ring/event.h"

namespace fluxor::runtime {
namespace {

// What travels: 48 bytes that are written, read and added up.
struct Numbers {
  Numbers() = default;
  explicit Numbers(std::uint64_t& its_sum) noexcept : sum(&its_sum) {}
  void operator()() noexcept {
    std::uint64_t all = 0;
    for (const std::uint64_t number : numbers) all += number;
    *sum += all;
  }
  std::uint64_t* sum;
  std::array<std::uint64_t, 5> numbers{1};
};
static_assert(sizeof(Numbers) == kEventPayloadBytes);

enum class For { spinner, sleeper };

// Our ring.  For a sleeper it publishes as the loop's post does.
template <typename Producers, For kFor = For::spinner>
class Ring {
 public:
  explicit Ring(std::size_t capacity) : ring_(capacity) {}

  bool send(std::uint64_t& sum) {
    auto claim = ring_.try_next();
    if (!claim) return false;
    claim->emplace(Numbers(sum));
    publish(*claim);
    return true;
  }
  bool send_batch(std::uint64_t& sum) {
    auto batch = ring_.try_next(kBatch);
    if (!batch) return false;
    for (std::size_t i = 0; i < kBatch; ++i) batch->emplace(Numbers(sum));
    publish(*batch);
    return true;
  }
  std::size_t receive(Counter& handled) {
    return ring_.consume(
        [&handled](Event& event) {
          handled.add();
          event();
        },
        kTurn);
  }

 private:
  template <typename Claim>
  static void publish(Claim& claim) {
    if constexpr (kFor == For::sleeper) {
      claim.publish();
    } else {
      claim.publish_to_spinner();
    }
  }

  RingBuffer<Event, Producers> ring_;
};

// An event as a queue that copies its elements can take it: as large as ours, and called the same way.
struct PlainEvent {
  PlainEvent() = default;
  explicit PlainEvent(std::uint64_t& sum) noexcept : run([](Numbers& numbers) { numbers(); }), numbers(sum) {}
  void (*run)(Numbers& numbers);
  Numbers numbers;
};
static_assert(sizeof(PlainEvent) == sizeof(Event) && std::is_trivially_copyable_v<PlainEvent>);

// boost::lockfree, with one producer or many.
template <typename Queue>
class Boost {
 public:
  explicit Boost(std::size_t) {}

  bool send(std::uint64_t& sum) { return queue_.push(PlainEvent(sum)); }
  bool send_batch(std::uint64_t& sum) {
    if (queue_.write_available() < kBatch) return false;
    std::array<PlainEvent, kBatch> batch;
    for (PlainEvent& event : batch) event = PlainEvent(sum);
    queue_.push(batch.data(), batch.size());
    return true;
  }
  std::size_t receive(Counter& handled) {
    std::size_t count = 0;
    while (count < kTurn && queue_.consume_one([&handled](PlainEvent& event) {
      handled.add();
      event.run(event.numbers);
    })) {
      ++count;
    }
    return count;
  }

 private:
  Queue queue_;
};
using BoostQueue = Boost<boost::lockfree::queue<PlainEvent, boost::lockfree::capacity<kBenchCapacity>>>;
using BoostSpsc = Boost<boost::lockfree::spsc_queue<PlainEvent, boost::lockfree::capacity<kBenchCapacity>>>;

using Many = Ring<MultiProducer>;
using ManyToASleeper = Ring<MultiProducer, For::sleeper>;
using Single = Ring<SingleProducer>;

// Question: what does one event cost from claim to consume, with nobody else on the ring?
template <typename Channel>
void BM_ClaimPublishConsume(benchmark::State& state) {
  Channel channel(kBenchCapacity);
  std::uint64_t sum = 0;
  Counter handled;
  for (auto _ : state) {
    channel.send(sum);
    channel.receive(handled);
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_TEMPLATE(BM_ClaimPublishConsume, Many);
BENCHMARK_TEMPLATE(BM_ClaimPublishConsume, ManyToASleeper);
BENCHMARK_TEMPLATE(BM_ClaimPublishConsume, Single);
BENCHMARK_TEMPLATE(BM_ClaimPublishConsume, BoostQueue);
BENCHMARK_TEMPLATE(BM_ClaimPublishConsume, BoostSpsc);

// Question: how many events per second pass from n producers to one consumer, each on a thread of its own?
template <typename Channel>
void BM_ProducersToConsumer(benchmark::State& state) {
  bench_producers<Channel>(state);
}
BENCHMARK_TEMPLATE(BM_ProducersToConsumer, Many)->Arg(1)->Arg(3)->UseManualTime();
BENCHMARK_TEMPLATE(BM_ProducersToConsumer, ManyToASleeper)->Arg(1)->Arg(3)->UseManualTime();
BENCHMARK_TEMPLATE(BM_ProducersToConsumer, Single)->Arg(1)->UseManualTime();
BENCHMARK_TEMPLATE(BM_ProducersToConsumer, BoostQueue)->Arg(1)->Arg(3)->UseManualTime();
BENCHMARK_TEMPLATE(BM_ProducersToConsumer, BoostSpsc)->Arg(1)->UseManualTime();

// Question: how many when they are claimed and published 64 at a time?
template <typename Channel>
void BM_ClaimsOf64(benchmark::State& state) {
  bench_batches<Channel>(state);
}
BENCHMARK_TEMPLATE(BM_ClaimsOf64, Many)->UseManualTime();
BENCHMARK_TEMPLATE(BM_ClaimsOf64, ManyToASleeper)->UseManualTime();
BENCHMARK_TEMPLATE(BM_ClaimsOf64, Single)->UseManualTime();
BENCHMARK_TEMPLATE(BM_ClaimsOf64, BoostSpsc)->UseManualTime();

// Question: how long does one event take there and back between two spinning threads?
template <typename Channel>
void BM_PingPong(benchmark::State& state) {
  bench_ping_pong<Channel>(state);
}
BENCHMARK_TEMPLATE(BM_PingPong, Many)->UseRealTime();
BENCHMARK_TEMPLATE(BM_PingPong, ManyToASleeper)->UseRealTime();
BENCHMARK_TEMPLATE(BM_PingPong, Single)->UseRealTime();
BENCHMARK_TEMPLATE(BM_PingPong, BoostQueue)->UseRealTime();
BENCHMARK_TEMPLATE(BM_PingPong, BoostSpsc)->UseRealTime();

}  // namespace
}  // namespace fluxor::runtime
