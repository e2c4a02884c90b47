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
#include "runtime/ring/multi_producer.h"
#include "runtime/ring/sequence.h"
#include "runtime/ring/single_producer.h"

namespace fluxor::runtime {

// The Disruptor's ring with one consumer: claim slots, build events in them, publish; consumed in the order claimed.
// `Producers` is MultiProducer (any threads) or SingleProducer (one at a time, without a locked instruction).
//
// A slot says whether it is published; a cursor of the consumer, `consumed_`, says up to where slots are free again.
// The consumer moves it after each event, so a handler that takes long holds its own slot and no other.  That costs it
// nothing, since producers look there about once a lap (multi_producer.h).
//
// What is fast here is decided by cache lines on their way between two cores, and was measured (slot_release_bench.cc):
//   - The consumer writes the state of each slot it is done with.  So the line is its own, not shared, when a producer
//     comes round: to take a line from one owner is several times cheaper than to make all sharers give it up, and a
//     claim's locked instruction waits for that.
//   - Neighbours in order are not neighbours in memory (`kStride`).  Else the consumer's hardware prefetcher fetches
//     slots from under the producer that is about to write them.
//
// Invariants:  slot of position p is written by who claimed p, until its state is published or tombstone; then by the
//              consumer, until `consumed_` > p; a position is claimed only if `consumed_` > p - capacity.
//              State is empty except between publication and release.
// Ordering:    publish (release or stronger) pairs with the acquire in next(): an event is visible before its state is.
//              `consumed_` (release) pairs with the acquire in claim(): a slot is empty before it is free.
//              publish() is seq_cst, for a consumer that says "I sleep" and then looks into the ring once more; the
//              other half is has_published().  One of the two sees the other: named in event_loop.h.
//
// Progress:    a producer that stops between claim and publish holds up what was claimed after it.  So nothing that
//              must get through (stop, cancel, replies) goes through a ring; see control_lane.h.
template <typename T, typename Producers = MultiProducer>
class RingBuffer {
  enum class State : std::uint64_t { empty, published, tombstone };

  struct alignas(kCacheLineBytes) Slot {
    std::atomic<State> state{State::empty};
    alignas(T) std::byte storage[sizeof(T)];

    T& value() noexcept { return *std::launder(reinterpret_cast<T*>(storage)); }
  };

 public:
  // A claimed slot.  Destroyed without being published it leaves a tombstone, which the consumer steps over, and
  // destroys what was built.
  //
  // Thread:  the claiming one.
  class Claim {
   public:
    Claim(Claim&& other) noexcept
        : slot_(std::exchange(other.slot_, nullptr)), sequence_(other.sequence_), built_(other.built_) {}
    Claim& operator=(Claim&&) = delete;
    ~Claim() {
      if (slot_ != nullptr) abandon();
    }

    Sequence sequence() const noexcept { return sequence_; }
    // Whether it can still be published: it has not been, nor moved from.
    bool open() const noexcept { return slot_ != nullptr; }

    // Builds the event in its slot, once.  When the constructor throws, nothing was built.
    template <typename... Args>
    T& emplace(Args&&... args) noexcept(std::is_nothrow_constructible_v<T, Args...>) {
      FLUXOR_CHECK(!built_, "an event is built once per claimed slot");
      T* value = ::new (slot_->storage) T(std::forward<Args>(args)...);
      built_ = true;
      return *value;
    }

    // Shows the event to the consumer, which may sleep: who publishes and then sees that it does not, knows that it
    // will see the event.  The claim is used up.
    //
    // Cost:  one exchange.
    void publish() noexcept { show(std::memory_order_seq_cst); }

    // The same for a consumer that never sleeps without being told in another way.  Cost: a plain store.
    void publish_to_spinner() noexcept { show(std::memory_order_release); }

   private:
    friend class RingBuffer;
    Claim(Slot& slot, Sequence sequence) noexcept : slot_(&slot), sequence_(sequence) {}

    void show(std::memory_order order) noexcept {
      FLUXOR_CHECK(slot_ != nullptr && built_, "publish needs a claim whose event was built");
      std::exchange(slot_, nullptr)->state.store(State::published, order);
    }

    [[gnu::noinline]] void abandon() noexcept {
      if (built_) slot_->value().~T();
      slot_->state.store(State::tombstone, std::memory_order_seq_cst);
    }

    Slot* slot_;
    Sequence sequence_;
    bool built_ = false;
  };

  // Claimed slots in a row, whose events are built one after another and shown together.  Destroyed without being
  // published it leaves tombstones only, and destroys what was built.
  //
  // Thread:  the claiming one.
  class BatchClaim {
   public:
    BatchClaim(BatchClaim&& other) noexcept
        : ring_(std::exchange(other.ring_, nullptr)),
          sequence_(other.sequence_),
          size_(other.size_),
          built_(other.built_) {}
    BatchClaim& operator=(BatchClaim&&) = delete;
    ~BatchClaim() {
      if (ring_ != nullptr) abandon();
    }

    // The position of the first slot.
    Sequence sequence() const noexcept { return sequence_; }
    std::size_t size() const noexcept { return size_; }

    // Builds the next event in its slot.  When the constructor throws, nothing was built, and the slot is the next one
    // still.
    template <typename... Args>
    T& emplace(Args&&... args) noexcept(std::is_nothrow_constructible_v<T, Args...>) {
      FLUXOR_CHECK(built_ < size_, "an event is built once per claimed slot");
      T* value = ::new (ring_->slot(sequence_ + built_).storage) T(std::forward<Args>(args)...);
      ++built_;
      return *value;
    }

    // As Claim's: shows what was built; slots without an event become tombstones.
    //
    // Cost:  a store for each slot, and one exchange.
    void publish() noexcept { show(std::memory_order_seq_cst); }
    void publish_to_spinner() noexcept { show(std::memory_order_release); }

   private:
    friend class RingBuffer;
    BatchClaim(RingBuffer& ring, Sequence sequence, std::size_t size) noexcept
        : ring_(&ring), sequence_(sequence), size_(size) {}

    void show(std::memory_order order) noexcept {
      FLUXOR_CHECK(ring_ != nullptr && built_ > 0, "publish needs a claim whose event was built");
      std::exchange(ring_, nullptr)->show(sequence_, size_, std::exchange(built_, size_), order);
    }

    [[gnu::noinline]] void abandon() noexcept {
      for (std::size_t i = 0; i < built_; ++i) ring_->slot(sequence_ + i).value().~T();
      ring_->show(sequence_, size_, 0, std::memory_order_seq_cst);
    }

    RingBuffer* ring_;
    Sequence sequence_;
    std::size_t size_;
    std::size_t built_ = 0;
  };

  // What is published, up to a limit, to be gone through once in the order claimed.  It ends at the first slot that is
  // not published when its turn comes.  Each slot is free as soon as its event is done with: when the next one is asked
  // for, or the batch ends, also by an exception.  What was not gone through by then is in the next batch.
  //
  // It does not look ahead: a line that is read long before it is written comes twice, first shared and then owned.
  //
  // Thread:  the consumer's; one at a time.
  class Batch {
   public:
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    // Inlined by force, here and below: only then do its members live in registers while the batch is walked.
    [[gnu::always_inline]] ~Batch() {
      if (in_hand_ != nullptr) release();
      ring_.taking_ = false;
    }

    // The next event, or null at the end.  The one before it is destroyed and its slot free.
    [[gnu::always_inline]] T* next() noexcept {
      if (in_hand_ != nullptr) release();
      while (next_ != end_) {
        Slot& slot = ring_.slot(next_);
        switch (slot.state.load(std::memory_order_acquire)) {
          case State::published: in_hand_ = &slot; return &slot.value();
          case State::tombstone: free(slot); break;
          case State::empty: return nullptr;
        }
      }
      return nullptr;
    }

    // Slots freed so far, tombstones included.
    std::size_t freed() const noexcept { return static_cast<std::size_t>(next_ - first_); }

   private:
    friend class RingBuffer;
    Batch(RingBuffer& ring, std::size_t limit) noexcept
        : ring_(ring), first_(ring.next_), end_(first_ + limit), next_(first_) {
      FLUXOR_CHECK(!std::exchange(ring_.taking_, true), "a ring is consumed by one batch at a time");
    }

    [[gnu::always_inline]] void release() noexcept {
      Slot& slot = *std::exchange(in_hand_, nullptr);
      slot.value().~T();
      free(slot);
    }
    [[gnu::always_inline]] void free(Slot& slot) noexcept {
      slot.state.store(State::empty, std::memory_order_relaxed);
      ring_.next_ = ++next_;
      ring_.consumed_.store(next_, std::memory_order_release);
    }

    RingBuffer& ring_;
    const Sequence first_;
    const Sequence end_;
    Sequence next_;
    Slot* in_hand_ = nullptr;
  };

  // `capacity` in events; a power of two, at least 2.
  explicit RingBuffer(std::size_t capacity) : mask_(capacity - 1), slots_(new Slot[capacity]) {
    FLUXOR_CHECK(capacity >= 2 && std::has_single_bit(capacity), "a ring's capacity is a power of two, at least 2");
  }
  RingBuffer(const RingBuffer&) = delete;
  RingBuffer& operator=(const RingBuffer&) = delete;
  // Destroys unrun what was published and not consumed.  No claim may be open.
  ~RingBuffer() {
    consume([](T&) noexcept {}, capacity());
  }

  std::size_t capacity() const noexcept { return mask_ + 1; }

  // Claims the next slot, or refuses at once if that would overwrite an unconsumed event.
  //
  // Thread:  any; with SingleProducer the producer's.
  // Errors:  Errc::overloaded when full, Errc::closed after close(). The caller counts them.
  // Cost:    one CAS when uncontended, none with SingleProducer; never blocks, never allocates.
  [[nodiscard]] Result<Claim> try_next() noexcept {
    const auto position = producers_.claim(1, capacity(), consumed_);
    if (!position) [[unlikely]]
      return refusal(position.error());
    return Claim(slot(*position), *position);
  }

  // Claims the next `count` slots, 1 to capacity, or none.  Costs as much as one.
  [[nodiscard]] Result<BatchClaim> try_next(std::size_t count) noexcept {
    FLUXOR_CHECK(count >= 1 && count <= capacity(), "a claim is for 1 to capacity slots");
    const auto position = producers_.claim(count, capacity(), consumed_);
    if (!position) [[unlikely]]
      return refusal(position.error());
    return BatchClaim(*this, *position, count);
  }

  // What is published, up to `limit` slots.  Thread: the consumer's.
  [[nodiscard]] Batch take(std::size_t limit) noexcept { return Batch(*this, limit); }

  // Hands a batch of up to `limit` events, in the order claimed, to `handle(T&)`.  Returns how many slots it freed,
  // tombstones included.  What `handle` throws passes through; its event is done with all the same, and the next call
  // goes on behind it.
  //
  // Thread:  the consumer's; not from inside `handle`.
  template <typename F>
  std::size_t consume(F&& handle, std::size_t limit) {
    Batch batch = take(limit);
    while (T* value = batch.next()) handle(*value);
    return batch.freed();
  }

  // The event in hand while a batch is gone through, else the next one.  Thread: the consumer's.
  Sequence position() const noexcept { return next_; }

  // Whether take() would find something.  Thread: the consumer's.
  bool has_published() const noexcept { return slot(next_).state.load(std::memory_order_seq_cst) != State::empty; }

  // The last position up to which everything is published, or kNoSequence.  Thread: the consumer's.  Cost: a walk over
  // what is published; for tests and inspection.
  Sequence highest_published() const noexcept {
    Sequence position = next_;
    while (position != next_ + capacity() && slot(position).state.load(std::memory_order_acquire) != State::empty) {
      ++position;
    }
    return position == 0 ? kNoSequence : position - 1;
  }

  // Refuses every claim from now on; what was claimed before can still be published and consumed.
  //
  // Thread:  any.
  // Cost:    one locked instruction; with SingleProducer a system call.
  void close() noexcept { producers_.close(); }

  // True once the ring is closed and everything that was ever claimed has been consumed.  Thread: the consumer's.
  bool drained() const noexcept { return producers_.ended_at(next_); }

  // Events claimed and not yet consumed.  Thread: any; exact only while nothing moves.
  std::size_t size() const noexcept {
    const Sequence consumed = consumed_.load(std::memory_order_relaxed);
    const Sequence claimed = producers_.claimed();
    return claimed > consumed ? static_cast<std::size_t>(claimed - consumed) : 0;
  }

 private:
  // In slots; odd, so that every slot has its turn whatever the capacity.
  static constexpr Sequence kStride = 5;

  Slot& slot(Sequence position) noexcept { return slots_[(position * kStride) & mask_]; }
  const Slot& slot(Sequence position) const noexcept { return slots_[(position * kStride) & mask_]; }

  // Out of line, so that claims stay small enough to be inlined.
  [[gnu::noinline, gnu::cold]] static error_code refusal(Errc errc) noexcept { return errc; }

  // From the last to the first: the first is where the consumer waits, so it sees all or nothing, and the one store
  // whose order matters comes last.
  void show(Sequence first, std::size_t size, std::size_t built, std::memory_order order) noexcept {
    for (std::size_t i = size; i-- > 0;) {
      slot(first + i).state.store(i < built ? State::published : State::tombstone,
                                  i == 0 ? order : std::memory_order_release);
    }
  }

  const std::size_t mask_;
  const std::unique_ptr<Slot[]> slots_;
  alignas(kApartBytes) Producers producers_;
  alignas(kApartBytes) std::atomic<Sequence> consumed_{0};  // written by the consumer, read by producers now and then
  alignas(kApartBytes) Sequence next_ = 0;                  // the consumer's: what it looks at next
  bool taking_ = false;
};

}  // namespace fluxor::runtime
