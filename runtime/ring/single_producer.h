#pragma once

#include <atomic>
#include <cstddef>

#include "runtime/base/result.h"
#include "runtime/ring/asymmetric_barrier.h"
#include "runtime/ring/sequence.h"

namespace fluxor::runtime {

// Between the steps of a claim happens nothing.
struct NothingBetween {
  static void before_claim() noexcept {}
  static void after_claim() noexcept {}
};

// How far a ring's slots are claimed, by one thread: a plain store per claim, no locked instruction.
//
// Closing from another thread races with that store, and no bit in the word could stop it.  So the two look at each
// other: the producer stores its claim and then looks for `closing_`; the closer stores `closing_` and then looks how
// far was claimed.  The barrier between is asymmetric, paid by the closer, so at least one sees the other.
//   Only the closer saw:    the claim counts.
//   Only the producer saw:  the claim counts if the closer has not decided yet, else it is taken back.
//   Both saw:               the claim counts, whoever decides.
// `end_` is the decision, made once by whoever comes first: the position up to which claims count.  So what the
// consumer learns from ended_at() is final, and a refused claim leaves nothing behind.
//
// On a kernel without that barrier both sides are sequentially consistent, and a claim costs an exchange.
//
// Ordering:  as MultiProducer, but the gate is the producer's own.
//
// `Between` is called between the steps of a claim: where a test closes, to see each order of the two.
//
// Thread:  claim: owner; close, ended_at, claimed: any.
template <typename Between>
class BasicSingleProducer {
 public:
  enum class Barrier { asymmetric, symmetric };

  BasicSingleProducer() noexcept
      : BasicSingleProducer(has_heavy_barrier() ? Barrier::asymmetric : Barrier::symmetric) {}
  explicit BasicSingleProducer(Barrier barrier) noexcept : barrier_(barrier) {}

  // As MultiProducer::claim.  Cost: two loads and a store.
  Result<Sequence, Errc> claim(std::size_t count, std::size_t capacity,
                               const std::atomic<Sequence>& consumed) noexcept {
    if (closing_.load(std::memory_order_relaxed)) return Errc::closed;
    const Sequence position = claimed_.load(std::memory_order_relaxed);
    if (position + count > gate_ + capacity) {
      gate_ = consumed.load(std::memory_order_acquire);
      if (position + count > gate_ + capacity) return Errc::overloaded;
    }
    Between::before_claim();
    if (barrier_ == Barrier::asymmetric) {
      claimed_.store(position + count, std::memory_order_relaxed);
      light_barrier();
      Between::after_claim();
      if (closing_.load(std::memory_order_relaxed)) return decide(position, count);
    } else {
      claimed_.store(position + count, std::memory_order_seq_cst);
      Between::after_claim();
      if (closing_.load(std::memory_order_seq_cst)) return decide(position, count);
    }
    return position;
  }

  // Refuses every claim from now on.  Cost: heavy_barrier().
  void close() noexcept {
    closing_.store(true, std::memory_order_seq_cst);
    if (barrier_ == Barrier::asymmetric) heavy_barrier();
    Sequence open = kNoSequence;
    end_.compare_exchange_strong(open, claimed_.load(std::memory_order_seq_cst), std::memory_order_acq_rel);
  }

  bool ended_at(Sequence consumed) const noexcept { return end_.load(std::memory_order_acquire) == consumed; }

  Sequence claimed() const noexcept { return claimed_.load(std::memory_order_relaxed); }

 private:
  [[gnu::noinline]] Result<Sequence, Errc> decide(Sequence position, std::size_t count) noexcept {
    Sequence end = kNoSequence;
    if (end_.compare_exchange_strong(end, position + count, std::memory_order_acq_rel) || end >= position + count) {
      return position;
    }
    claimed_.store(position, std::memory_order_relaxed);
    return Errc::closed;
  }

  std::atomic<Sequence> claimed_{0};  // written by the producer only
  Sequence gate_ = 0;                 // the producer's
  std::atomic<bool> closing_{false};
  const Barrier barrier_;
  std::atomic<Sequence> end_{kNoSequence};
};
using SingleProducer = BasicSingleProducer<NothingBetween>;

}  // namespace fluxor::runtime
