#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/result.h"

namespace fluxor::runtime {

// Position of an event since the ring was made.  It never wraps: 2^61 events at 10^9/s are 73 years.
using Sequence = std::uint64_t;
inline constexpr Sequence kNoSequence = ~Sequence{0};

// The Disruptor's ring for many producers and one consumer: claim a slot, write it, publish it; consumed in the order
// claimed.
//
// Each slot carries its own turn: the position it stands for and whether it is free, published or a tombstone.  So a
// producer learns from the slot it is about to write, and from nothing else, that it is free: no cursor of the consumer
// is read, and none is written per event (Vyukov's bounded queue, with the Disruptor's two phases and a claim that can
// refuse).
//
// Invariants:  slot i is free for position p only if p mod capacity = i and its turn is (p, free);
//              only who moved `claimed_` from p to p + 1 writes slot p until its turn is (p, published | tombstone);
//              only the consumer writes it from then until its turn is (p + capacity, free).
// Ordering:    the turn's store in publish() (seq_cst) pairs with the acquire load in consume(): the value is visible
//              before its turn is.  The release store in consume() pairs with the acquire load in try_next(): the slot
//              is empty before it is free.  publish() is seq_cst, not release, because a consumer that parks checks
//              the ring after it said so: the other half of that barrier is named in event_loop.h.
//
// Progress:    a producer that stops between claim and publish holds up what was claimed after it.  So nothing that
//              must get through (stop, cancel, replies) goes through a ring; see control_lane.h.
template <typename T>
class RingBuffer {
 public:
  // A claimed slot.  Destroyed without publish() it publishes a tombstone, which the consumer steps over.
  //
  // Thread:  the claiming one.
  class Claim {
   public:
    Claim(Claim&& other) noexcept
        : ring_(std::exchange(other.ring_, nullptr)), sequence_(other.sequence_), filled_(other.filled_) {}
    Claim& operator=(Claim&&) = delete;
    ~Claim() {
      if (ring_ != nullptr) abandon();
    }

    Sequence sequence() const noexcept { return sequence_; }
    // Whether it can still be published: it has not been, nor moved from.
    bool open() const noexcept { return ring_ != nullptr; }

    // Builds the event in its slot, once.  When the constructor throws, the claim can only become a tombstone.
    template <typename... Args>
    T& emplace(Args&&... args) noexcept(std::is_nothrow_constructible_v<T, Args...>) {
      FLUXOR_CHECK(!filled_, "an event is built once per claim");
      T* value = ::new (ring_->slot(sequence_).storage) T(std::forward<Args>(args)...);
      filled_ = true;
      return *value;
    }

    // Shows the event to the consumer.  The claim is used up.
    void publish() noexcept {
      FLUXOR_CHECK(ring_ != nullptr && filled_, "publish needs a claim whose event was built");
      std::exchange(ring_, nullptr)->show(sequence_, kPublished);
    }

   private:
    friend class RingBuffer;
    Claim(RingBuffer* ring, Sequence sequence) noexcept : ring_(ring), sequence_(sequence) {}

    void abandon() noexcept {
      if (filled_) ring_->value(sequence_).~T();
      ring_->show(sequence_, kTombstone);
    }

    RingBuffer* ring_;
    Sequence sequence_;
    bool filled_ = false;
  };

  // `capacity` in events; a power of two, at least 2.
  explicit RingBuffer(std::size_t capacity) : mask_(capacity - 1), slots_(new Slot[capacity]) {
    FLUXOR_CHECK(capacity >= 2 && std::has_single_bit(capacity), "a ring's capacity is a power of two, at least 2");
    for (std::size_t i = 0; i < capacity; ++i) slots_[i].turn.store(turn_of(i, kFree), std::memory_order_relaxed);
  }
  RingBuffer(const RingBuffer&) = delete;
  RingBuffer& operator=(const RingBuffer&) = delete;
  // Destroys unrun what was published and not consumed.  No claim may be open.
  ~RingBuffer() {
    consume([](T&) noexcept {}, kUnlimited);
  }

  std::size_t capacity() const noexcept { return mask_ + 1; }

  // Claims the next slot, or refuses at once if that would overwrite an unconsumed event.
  //
  // Thread:  any.
  // Errors:  Errc::overloaded when full, Errc::closed after close(). The caller counts them.
  // Cost:    one CAS when uncontended; never blocks, never allocates.
  [[nodiscard]] Result<Claim> try_next() noexcept {
    Sequence position = claimed_.load(std::memory_order_relaxed);
    for (;;) {
      if ((position & kClosed) != 0) return Errc::closed;
      const std::uint64_t turn = slot(position).turn.load(std::memory_order_acquire);
      if (turn == turn_of(position, kFree)) {
        if (claimed_.compare_exchange_weak(position, position + 1, std::memory_order_relaxed)) {
          return Claim(this, position);
        }
      } else {
        // Either somebody else took this position (then `claimed_` has moved), or the slot still holds the last lap.
        const Sequence seen = std::exchange(position, claimed_.load(std::memory_order_relaxed));
        if (position == seen && turn < turn_of(position, kFree)) return Errc::overloaded;
      }
    }
  }

  // Hands up to `limit` events, in the order claimed, to `handle(T&)`; stops at the first unpublished one.  Returns how
  // many slots it freed, tombstones included.  A slot is freed when its event was handled, also when that threw (the
  // exception passes through, the next call goes on behind it).
  //
  // Thread:  the consumer's; not from inside `handle`.
  template <typename F>
  std::size_t consume(F&& handle, std::size_t limit) {
    std::size_t count = 0;
    for (; count < limit; ++count) {
      const Sequence position = consumed_.load(std::memory_order_relaxed);
      const std::uint64_t turn = slot(position).turn.load(std::memory_order_acquire);
      if (turn == turn_of(position, kPublished)) {
        const Release release{*this, position};
        handle(value(position));
      } else if (turn == turn_of(position, kTombstone)) {
        free(position);
      } else {
        break;
      }
    }
    return count;
  }

  // The event that consume() hands out, or would next.  Thread: the consumer's.
  Sequence position() const noexcept { return consumed_.load(std::memory_order_relaxed); }

  // Whether consume() would find something.  Thread: the consumer's.
  bool has_published() const noexcept {
    const Sequence position = consumed_.load(std::memory_order_relaxed);
    return slot(position).turn.load(std::memory_order_seq_cst) != turn_of(position, kFree);
  }

  // The last position up to which everything is published, or kNoSequence.  Thread: the consumer's.  Cost: a walk over
  // what is published; for tests and inspection.
  Sequence highest_published() const noexcept {
    Sequence position = consumed_.load(std::memory_order_relaxed);
    const Sequence end = position + capacity();
    while (position != end && slot(position).turn.load(std::memory_order_acquire) > turn_of(position, kFree)) {
      ++position;
    }
    return position == 0 ? kNoSequence : position - 1;
  }

  // Refuses every claim from now on; what was claimed before can still be published and consumed.  Thread: any.
  void close() noexcept { claimed_.fetch_or(kClosed, std::memory_order_relaxed); }

  // True once the ring is closed and everything that was ever claimed has been consumed.  Thread: the consumer's.
  bool drained() const noexcept {
    const Sequence claimed = claimed_.load(std::memory_order_relaxed);
    return (claimed & kClosed) != 0 && (claimed & ~kClosed) == consumed_.load(std::memory_order_relaxed);
  }

  // Events claimed and not yet consumed.  Thread: any; exact only while nothing moves.
  std::size_t size() const noexcept {
    const Sequence consumed = consumed_.load(std::memory_order_relaxed);
    const Sequence claimed = claimed_.load(std::memory_order_relaxed) & ~kClosed;
    return claimed > consumed ? static_cast<std::size_t>(claimed - consumed) : 0;
  }

 private:
  static constexpr std::size_t kUnlimited = ~std::size_t{0};
  static constexpr Sequence kClosed = Sequence{1} << 61;
  static constexpr std::uint64_t kFree = 0;
  static constexpr std::uint64_t kPublished = 1;
  static constexpr std::uint64_t kTombstone = 2;

  static constexpr std::uint64_t turn_of(Sequence position, std::uint64_t state) noexcept {
    return (position << 2) | state;
  }

  static constexpr std::size_t kLine = 64;

  struct alignas(kLine) Slot {
    std::atomic<std::uint64_t> turn;
    alignas(T) std::byte storage[sizeof(T)];
  };

  // Frees the slot when its event has been handled, however that ended.
  struct Release {
    RingBuffer& ring;
    Sequence position;
    ~Release() {
      ring.value(position).~T();
      ring.free(position);
    }
  };

  Slot& slot(Sequence position) noexcept { return slots_[position & mask_]; }
  const Slot& slot(Sequence position) const noexcept { return slots_[position & mask_]; }
  T& value(Sequence position) noexcept { return *std::launder(reinterpret_cast<T*>(slot(position).storage)); }

  void show(Sequence position, std::uint64_t state) noexcept {
    slot(position).turn.store(turn_of(position, state), std::memory_order_seq_cst);
  }
  void free(Sequence position) noexcept {
    slot(position).turn.store(turn_of(position + capacity(), kFree), std::memory_order_release);
    consumed_.store(position + 1, std::memory_order_relaxed);
  }

  const std::size_t mask_;
  const std::unique_ptr<Slot[]> slots_;
  alignas(kLine) std::atomic<Sequence> claimed_{0};   // written by producers
  alignas(kLine) std::atomic<Sequence> consumed_{0};  // written by the consumer only
};

}  // namespace fluxor::runtime
