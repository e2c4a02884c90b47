#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "runtime/base/check.h"
#include "runtime/loop/control_lane.h"
#include "runtime/ring/event.h"
#include "runtime/ring/ring_buffer.h"

namespace fluxor::runtime {

// A post that waits for room in the ring of another loop, or its own.
//
// It is on the heap, because it has two users: the one who waits, on its loop, and the loop that it waits for.  Whoever
// changes `state_` first decides: the loop accepts the post, or ends; the waiter withdraws.
//
// Thread:  made and told on the waiter's loop; build() on the other.
// Owns:    itself, from RoomQueue::push() on: it is destroyed after on_control(), or by the queue if it was withdrawn.
class RoomWaiter : public ControlNode {
 public:
  enum class State : std::uint8_t { waiting, accepted, closed, withdrawn };

  // The waiter does not want it any more; false if it was decided before: then on_control() comes, or is running.
  // Thread: the waiter's loop.
  bool withdraw() noexcept {
    State expected = State::waiting;
    return state_.compare_exchange_strong(expected, State::withdrawn, std::memory_order_acq_rel);
  }

 protected:
  State state() const noexcept { return state_.load(std::memory_order_acquire); }
  // Builds the event in its slot.
  virtual void build(RingBuffer<Event>::Claim& claim) noexcept = 0;
  // Gets the decision to the waiter's loop, which calls on_control(); false if that has ended.
  virtual bool tell() noexcept = 0;

 private:
  friend class RoomQueue;
  RoomWaiter* next_ = nullptr;
  std::atomic<State> state_{State::waiting};
};

// Who waits for room in one ring, first come, first served.  The consumer itself claims the slots for them, so nobody
// has to try again; a producer that does not wait may still be quicker.
//
// Bounded by those who wait: each is a suspended coroutine.
//
// Ordering (memory): push's CAS (seq_cst) pairs with the load in has_new(), for a consumer that parks; see
// event_loop.h.
class RoomQueue {
 public:
  RoomQueue() = default;
  RoomQueue(const RoomQueue&) = delete;
  RoomQueue& operator=(const RoomQueue&) = delete;
  ~RoomQueue() { close(); }

  // Queues the waiter, and owns it from then on; false once the queue is closed.  Thread: any.
  bool push(std::unique_ptr<RoomWaiter>& waiter) noexcept {
    size_.fetch_add(1, std::memory_order_relaxed);
    RoomWaiter* head = head_.load(std::memory_order_relaxed);
    do {
      if (head == closed()) {
        size_.fetch_sub(1, std::memory_order_relaxed);
        return false;
      }
      waiter->next_ = head;
    } while (!head_.compare_exchange_weak(head, waiter.get(), std::memory_order_seq_cst, std::memory_order_relaxed));
    static_cast<void>(waiter.release());
    return true;
  }

  // How many wait.  Thread: any.
  std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

  // All below: thread, the consumer's.

  bool has_new() const noexcept {
    const RoomWaiter* head = head_.load(std::memory_order_seq_cst);
    return head != nullptr && head != closed();
  }
  bool empty() const noexcept { return first_ == nullptr && !has_new(); }

  // Gives the ring's free slots to those who wait; all hear that it is closed if it is.  Returns how many got one.
  std::size_t grant(RingBuffer<Event>& ring) noexcept {
    take();
    std::size_t granted = 0;
    while (first_ != nullptr) {
      auto claim = ring.try_next();
      if (!claim) {
        if (claim.error() == Errc::overloaded) break;
        decide(*pop(), RoomWaiter::State::closed);
        continue;
      }
      RoomWaiter& waiter = *pop();
      if (!settle(waiter, RoomWaiter::State::accepted)) continue;  // the slot becomes a tombstone
      waiter.build(*claim);
      claim->publish();
      ++granted;
      tell(waiter);
    }
    return granted;
  }

  // Everybody hears that it is closed, and nobody can wait from now on.
  void close() noexcept {
    take();
    while (first_ != nullptr) decide(*pop(), RoomWaiter::State::closed);
    for (RoomWaiter* rest = head_.exchange(closed(), std::memory_order_acq_rel); rest != nullptr && rest != closed();) {
      RoomWaiter& waiter = *rest;
      rest = rest->next_;
      size_.fetch_sub(1, std::memory_order_relaxed);
      decide(waiter, RoomWaiter::State::closed);
    }
  }

 private:
  static RoomWaiter* closed() noexcept {
    return reinterpret_cast<RoomWaiter*>(std::uintptr_t{1});  // NOLINT(performance-no-int-to-ptr): compared only
  }

  // Moves what was pushed behind what waits already, in order.
  void take() noexcept {
    if (!has_new()) return;
    RoomWaiter* newest = head_.exchange(nullptr, std::memory_order_acquire);
    RoomWaiter* oldest = nullptr;
    RoomWaiter* const last = newest;
    while (newest != nullptr) {
      RoomWaiter* next = newest->next_;
      newest->next_ = oldest;
      oldest = newest;
      newest = next;
    }
    (first_ == nullptr ? first_ : last_->next_) = oldest;
    last_ = last;
  }
  RoomWaiter* pop() noexcept {
    RoomWaiter* waiter = first_;
    first_ = waiter->next_;
    size_.fetch_sub(1, std::memory_order_relaxed);
    return waiter;
  }
  // Decides unless it was withdrawn: then nobody else knows it any more.
  static bool settle(RoomWaiter& waiter, RoomWaiter::State state) noexcept {
    RoomWaiter::State expected = RoomWaiter::State::waiting;
    if (waiter.state_.compare_exchange_strong(expected, state, std::memory_order_acq_rel)) return true;
    delete &waiter;
    return false;
  }
  static void tell(RoomWaiter& waiter) noexcept {
    if (!waiter.tell()) delete &waiter;
  }
  static void decide(RoomWaiter& waiter, RoomWaiter::State state) noexcept {
    if (settle(waiter, state)) tell(waiter);
  }

  std::atomic<RoomWaiter*> head_{nullptr};  // newest first
  RoomWaiter* first_ = nullptr;             // oldest first; the consumer's
  RoomWaiter* last_ = nullptr;
  std::atomic<std::size_t> size_{0};
};

}  // namespace fluxor::runtime
