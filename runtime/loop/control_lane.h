#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "runtime/base/check.h"

namespace fluxor::runtime {

class ControlLane;

// A signal that cannot be refused, because its receiver owns the place it waits in: stop, cancel, a finished job.
//
// Thread:  signalled from any thread; on_control() runs on the loop.
// Owns:    the receiver, which must outlive whoever may still signal it.
class ControlNode {
 public:
  ControlNode() = default;
  ControlNode(const ControlNode&) = delete;
  ControlNode& operator=(const ControlNode&) = delete;
  virtual ~ControlNode() {
    FLUXOR_CHECK(!queued_.load(std::memory_order_relaxed), "a control node is not destroyed while it is queued");
  }

 protected:
  // What had been signalled before this call is seen by it; a signal that comes during it leads to another call.
  virtual void on_control() = 0;
  // It was queued, and its loop has ended: on_control() is not called.  The last use of the node, which may free
  // itself.
  virtual void on_dropped() noexcept {}

 private:
  friend class ControlLane;
  std::atomic<bool> queued_{false};
  ControlNode* next_ = nullptr;
};

// The way into a loop that is never full: an intrusive list, any thread to one.
//
// Order:   as pushed, per thread.
// Ordering (memory): push's CAS (seq_cst) pairs with the exchange in run_all().  It is seq_cst because the consumer
//          looks at empty() after it said that it parks; see event_loop.h.
class ControlLane {
 public:
  ControlLane() = default;
  ControlLane(const ControlLane&) = delete;
  ControlLane& operator=(const ControlLane&) = delete;
  ~ControlLane() { close(); }

  enum class Pushed { queued, waits_already, closed };

  // Queues the node, unless it waits already (one run serves both signals) or the lane is closed.
  //
  // Thread:  any.
  // Cost:    two atomic exchanges; never blocks, never allocates, never refuses for lack of room.
  Pushed push(ControlNode& node) noexcept {
    if (node.queued_.exchange(true, std::memory_order_acq_rel)) return Pushed::waits_already;
    ControlNode* head = head_.load(std::memory_order_relaxed);
    do {
      if (head == closed()) {
        node.queued_.store(false, std::memory_order_release);
        return Pushed::closed;
      }
      node.next_ = head;
    } while (!head_.compare_exchange_weak(head, &node, std::memory_order_seq_cst, std::memory_order_relaxed));
    return Pushed::queued;
  }

  // Drops what is queued, unrun, and refuses every signal to come: its loop has ended, there is nobody to run it.
  // Thread: the consumer's.
  void close() noexcept {
    ControlNode* rest = head_.exchange(closed(), std::memory_order_acquire);
    for (ControlNode* list : {std::exchange(taken_, nullptr), rest == closed() ? nullptr : rest}) {
      while (list != nullptr) {
        ControlNode& node = *list;
        list = node.next_;
        node.queued_.store(false, std::memory_order_release);
        node.on_dropped();
      }
    }
  }

  // Thread: the consumer's.
  bool empty() const noexcept {
    if (taken_ != nullptr) return false;
    const ControlNode* head = head_.load(std::memory_order_seq_cst);
    return head == nullptr || head == closed();
  }

  // Runs what was pushed before the call, in order.  What one throws passes through, the rest waits for the next call.
  // Thread: the consumer's.
  template <typename Before>
  void run_all(Before&& before) {
    take();
    while (run_one(before)) {
    }
  }

  // What was pushed so far is what run_one() runs.  Thread: the consumer's.
  void take() noexcept {
    if (taken_ != nullptr || empty()) return;
    ControlNode* newest = head_.exchange(nullptr, std::memory_order_acquire);
    while (newest != nullptr) {
      ControlNode* next = newest->next_;
      newest->next_ = taken_;
      taken_ = newest;
      newest = next;
    }
  }
  // Runs the next of what was taken, after `before(node)`; false if nothing is left.  Thread: the consumer's.
  template <typename Before>
  bool run_one(Before&& before) {
    if (taken_ == nullptr) return false;
    ControlNode& node = *taken_;
    taken_ = node.next_;
    // Free before it runs: a signal from now on queues it again.  Acquire pairs with push's exchange.
    node.queued_.exchange(false, std::memory_order_acq_rel);
    ++ran_;
    before(node);
    node.on_control();
    return true;
  }

  // How many have run since the lane was made.
  std::uint64_t ran() const noexcept { return ran_; }

 private:
  // A head that is no node.
  static ControlNode* closed() noexcept {
    return reinterpret_cast<ControlNode*>(std::uintptr_t{1});  // NOLINT(performance-no-int-to-ptr): compared only
  }

  std::atomic<ControlNode*> head_{nullptr};  // newest first
  std::uint64_t ran_ = 0;
  ControlNode* taken_ = nullptr;  // oldest first; the consumer's
};

}  // namespace fluxor::runtime
