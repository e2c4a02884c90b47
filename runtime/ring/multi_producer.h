#pragma once

#include <atomic>
#include <cstddef>

#include "runtime/base/result.h"
#include "runtime/ring/sequence.h"

namespace fluxor::runtime {

// How far a ring's slots are claimed, by any number of threads: one word, moved by one compare-and-swap per claim of
// any size.
//
// The closed bit lies in that word, so that each claim is before or after close(), and both sides see it the same way.
// `gate_` is what producers last saw of the consumer's cursor.  They read the cursor itself only when the gate says
// full, about once a lap: a cursor that one side writes and the other reads for each event would be a cache line that
// goes to and fro for each event.
//
// Ordering:  the acquire of `consumed` or `gate_` pairs with the consumer's release of `consumed`: its reads of a slot
//            are over before the slot is written again.  `gate_` passes that on from the producer that looked to the
//            others, hence release.  It may step back when two producers look at once; an old gate only makes somebody
//            look again.
//
// Thread:  any.
class MultiProducer {
 public:
  // Claims `count` positions in a row and returns the first, or refuses: all or nothing.
  //
  // Only the last one is checked: the consumer frees in order, so if it is free, all before it are.
  //
  // Errors:  Errc::overloaded, Errc::closed.
  // Cost:    one CAS when uncontended.
  Result<Sequence, Errc> claim(std::size_t count, std::size_t capacity,
                               const std::atomic<Sequence>& consumed) noexcept {
    Sequence position = claimed_.load(std::memory_order_relaxed);
    for (;;) {
      if ((position & kClosed) != 0) return Errc::closed;
      if (position + count > gate_.load(std::memory_order_acquire) + capacity) {
        // `position` may be old by now, but then the ring was fuller still.
        const Sequence gate = consumed.load(std::memory_order_acquire);
        if (position + count > gate + capacity) return Errc::overloaded;
        gate_.store(gate, std::memory_order_release);
      }
      if (claimed_.compare_exchange_weak(position, position + count, std::memory_order_relaxed)) return position;
    }
  }

  // Refuses every claim from now on.
  void close() noexcept { claimed_.fetch_or(kClosed, std::memory_order_relaxed); }

  // Whether it is closed and nothing from `consumed` on was claimed before.
  bool ended_at(Sequence consumed) const noexcept {
    return claimed_.load(std::memory_order_relaxed) == (consumed | kClosed);
  }

  Sequence claimed() const noexcept { return claimed_.load(std::memory_order_relaxed) & ~kClosed; }

 private:
  static constexpr Sequence kClosed = Sequence{1} << 61;

  std::atomic<Sequence> claimed_{0};
  std::atomic<Sequence> gate_{0};
};

}  // namespace fluxor::runtime
