// How are slots freed, and how do they lie?  What ships beside what lost, with the real event of 64 bytes.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "runtime/base/counter.h"
#include "runtime/ring/bench_traffic.h"
#include "runtime/ring/event.h"
#include "runtime/ring/multi_producer.h"
#include "runtime/ring/ring_buffer.h"
#include "runtime/ring/sequence.h"

namespace fluxor::runtime {
namespace {

struct alignas(kCacheLineBytes) Slot {
  std::atomic<std::uint64_t> turn{0};
  alignas(Event) std::byte storage[sizeof(Event)];

  void build(std::uint64_t& sum) {
    ::new (storage) Event([&sum] { ++sum; });
  }
  void run(Counter& handled) {
    Event& event = *std::launder(reinterpret_cast<Event*>(storage));
    handled.add();
    event();
    event.~Event();
  }
};

// What ships.
class Ships {
 public:
  explicit Ships(std::size_t capacity) : ring_(capacity) {}
  bool send(std::uint64_t& sum) {
    auto claim = ring_.try_next();
    if (!claim) return false;
    claim->emplace([&sum] { ++sum; });
    claim->publish_to_spinner();
    return true;
  }
  bool send_batch(std::uint64_t& sum) {
    auto batch = ring_.try_next(kBatch);
    if (!batch) return false;
    for (std::size_t i = 0; i < kBatch; ++i) batch->emplace([&sum] { ++sum; });
    batch->publish_to_spinner();
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
  RingBuffer<Event> ring_;
};

// Each slot is freed by a turn of its own, which says for which position it is free (Vyukov's queue).  No cursor of the
// consumer, but a producer reads the slot's line before it writes it.  With kFetch it asks for the line as an owner
// first, a few slots ahead.
template <bool kFetch>
class EachByItsTurn {
 public:
  explicit EachByItsTurn(std::size_t capacity) : mask_(capacity - 1), slots_(new Slot[capacity]) {
    for (std::size_t i = 0; i < capacity; ++i) slots_[i].turn.store(i << 1, std::memory_order_relaxed);
  }
  bool send(std::uint64_t& sum) {
    Sequence position = 0;
    if (!claim(1, position)) return false;
    slots_[position & mask_].build(sum);
    slots_[position & mask_].turn.store(position << 1 | 1, std::memory_order_release);
    return true;
  }
  bool send_batch(std::uint64_t& sum) {
    Sequence first = 0;
    if (!claim(kBatch, first)) return false;
    for (std::size_t i = 0; i < kBatch; ++i) slots_[(first + i) & mask_].build(sum);
    for (std::size_t i = kBatch; i-- > 0;) {
      slots_[(first + i) & mask_].turn.store((first + i) << 1 | 1, std::memory_order_release);
    }
    return true;
  }
  std::size_t receive(Counter& handled) {
    std::size_t count = 0;
    for (; count < kTurn; ++count, ++next_) {
      Slot& slot = slots_[next_ & mask_];
      if (slot.turn.load(std::memory_order_acquire) != (next_ << 1 | 1)) break;
      slot.run(handled);
      slot.turn.store((next_ + mask_ + 1) << 1, std::memory_order_release);
    }
    return count;
  }

 private:
  static constexpr std::size_t kAhead = 8;

  bool claim(std::size_t count, Sequence& position) {
    position = claimed_.load(std::memory_order_relaxed);
    for (;;) {
      const Sequence last = position + count - 1;
      if (kFetch) __builtin_prefetch(&slots_[(last + kAhead) & mask_], 1);
      const std::uint64_t turn = slots_[last & mask_].turn.load(std::memory_order_acquire);
      if (turn == last << 1) {
        if (claimed_.compare_exchange_weak(position, position + count, std::memory_order_relaxed)) return true;
      } else {
        const Sequence seen = position;
        position = claimed_.load(std::memory_order_relaxed);
        if (position == seen && turn < last << 1) return false;
      }
    }
  }

  const std::size_t mask_;
  const std::unique_ptr<Slot[]> slots_;
  alignas(kApartBytes) std::atomic<Sequence> claimed_{0};
  alignas(kApartBytes) Sequence next_ = 0;
};

enum class Line { left_shared, taken };

// By a cursor that the consumer publishes every kEvery events and when it runs dry.  With Line::left_shared it only
// reads slots; with Line::taken it writes each one when it is done with it.  Neighbours in order lie kStride slots
// apart.  What ships is <1, taken, 5>; a larger kEvery is faster in some runs, and keeps slots of handled events from
// producers while the handler of a later one is held up.
template <std::size_t kEvery, Line kLine, Sequence kStride>
class ByCursor {
 public:
  explicit ByCursor(std::size_t capacity) : mask_(capacity - 1), slots_(new Slot[capacity]) {}
  bool send(std::uint64_t& sum) {
    const auto position = producers_.claim(1, mask_ + 1, consumed_);
    if (!position) return false;
    slot(*position).build(sum);
    slot(*position).turn.store(*position + 1, std::memory_order_release);
    return true;
  }
  bool send_batch(std::uint64_t& sum) {
    const auto first = producers_.claim(kBatch, mask_ + 1, consumed_);
    if (!first) return false;
    for (std::size_t i = 0; i < kBatch; ++i) slot(*first + i).build(sum);
    for (std::size_t i = kBatch; i-- > 0;) slot(*first + i).turn.store(*first + i + 1, std::memory_order_release);
    return true;
  }
  std::size_t receive(Counter& handled) {
    std::size_t count = 0;
    for (; count < kTurn; ++count) {
      Slot& slot = this->slot(next_);
      if (slot.turn.load(std::memory_order_acquire) != next_ + 1) break;
      slot.run(handled);
      if (kLine == Line::taken) slot.turn.store(0, std::memory_order_relaxed);
      ++next_;
      if (next_ % kEvery == 0) consumed_.store(next_, std::memory_order_release);
    }
    if (kEvery != 1 && count != 0) consumed_.store(next_, std::memory_order_release);
    return count;
  }

 private:
  Slot& slot(Sequence position) { return slots_[(position * kStride) & mask_]; }

  const std::size_t mask_;
  const std::unique_ptr<Slot[]> slots_;
  alignas(kApartBytes) MultiProducer producers_;
  alignas(kApartBytes) std::atomic<Sequence> consumed_{0};
  alignas(kApartBytes) Sequence next_ = 0;
};

using OwnTurn = EachByItsTurn<false>;
using OwnTurnFetched = EachByItsTurn<true>;
using LinesLeftShared = ByCursor<1, Line::left_shared, 5>;
using NeighboursAdjacent = ByCursor<1, Line::taken, 1>;
using CursorEvery8 = ByCursor<8, Line::taken, 5>;
using CursorEvery64 = ByCursor<64, Line::taken, 5>;

// Question: which way of freeing slots passes most events from n producers to one consumer?
template <typename Channel>
void BM_Producers(benchmark::State& state) {
  bench_producers<Channel>(state);
}
// Question: and in claims of 64?
template <typename Channel>
void BM_ClaimsOf64(benchmark::State& state) {
  bench_batches<Channel>(state);
}
// Question: which is there and back first?
template <typename Channel>
void BM_PingPong(benchmark::State& state) {
  bench_ping_pong<Channel>(state);
}

BENCHMARK_TEMPLATE(BM_Producers, Ships)->Arg(1)->Arg(3)->UseManualTime();
BENCHMARK_TEMPLATE(BM_Producers, OwnTurn)->Arg(1)->Arg(3)->UseManualTime();
BENCHMARK_TEMPLATE(BM_Producers, OwnTurnFetched)->Arg(1)->Arg(3)->UseManualTime();
BENCHMARK_TEMPLATE(BM_Producers, LinesLeftShared)->Arg(1)->Arg(3)->UseManualTime();
BENCHMARK_TEMPLATE(BM_Producers, NeighboursAdjacent)->Arg(1)->Arg(3)->UseManualTime();
BENCHMARK_TEMPLATE(BM_Producers, CursorEvery8)->Arg(1)->Arg(3)->UseManualTime();
BENCHMARK_TEMPLATE(BM_Producers, CursorEvery64)->Arg(1)->Arg(3)->UseManualTime();

BENCHMARK_TEMPLATE(BM_ClaimsOf64, Ships)->UseManualTime();
BENCHMARK_TEMPLATE(BM_ClaimsOf64, OwnTurn)->UseManualTime();
BENCHMARK_TEMPLATE(BM_ClaimsOf64, OwnTurnFetched)->UseManualTime();
BENCHMARK_TEMPLATE(BM_ClaimsOf64, LinesLeftShared)->UseManualTime();
BENCHMARK_TEMPLATE(BM_ClaimsOf64, NeighboursAdjacent)->UseManualTime();
BENCHMARK_TEMPLATE(BM_ClaimsOf64, CursorEvery8)->UseManualTime();
BENCHMARK_TEMPLATE(BM_ClaimsOf64, CursorEvery64)->UseManualTime();

BENCHMARK_TEMPLATE(BM_PingPong, Ships)->UseRealTime();
BENCHMARK_TEMPLATE(BM_PingPong, OwnTurn)->UseRealTime();
BENCHMARK_TEMPLATE(BM_PingPong, LinesLeftShared)->UseRealTime();
BENCHMARK_TEMPLATE(BM_PingPong, NeighboursAdjacent)->UseRealTime();
BENCHMARK_TEMPLATE(BM_PingPong, CursorEvery64)->UseRealTime();

}  // namespace
}  // namespace fluxor::runtime
