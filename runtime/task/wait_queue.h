#pragma once

namespace fluxor::runtime {

// A place in a WaitQueue; W derives from it.
template <typename W>
class WaitPlace {
 protected:
  WaitPlace() = default;
  ~WaitPlace() = default;

 private:
  template <typename>
  friend class WaitQueue;
  W* previous_ = nullptr;
  W* next_ = nullptr;
};

// Those who wait for the same thing, first come, first served; whoever is told to stop leaves from the middle.
//
// Thread:  loop.
// Owns:    nothing: each wait embeds its place.  A wait is in at most one queue.
// Cost:    a few stores; no allocation.
template <typename W>
class WaitQueue {
 public:
  WaitQueue() = default;
  WaitQueue(const WaitQueue&) = delete;
  WaitQueue& operator=(const WaitQueue&) = delete;

  bool empty() const noexcept { return first_ == nullptr; }
  // Null if nobody waits.
  W* front() const noexcept { return first_; }

  void push_back(W& wait) noexcept {
    place(wait).previous_ = last_;
    (last_ == nullptr ? first_ : place(*last_).next_) = &wait;
    last_ = &wait;
  }
  void remove(W& wait) noexcept {
    WaitPlace<W>& left = place(wait);
    (left.previous_ == nullptr ? first_ : place(*left.previous_).next_) = left.next_;
    (left.next_ == nullptr ? last_ : place(*left.next_).previous_) = left.previous_;
    left.previous_ = nullptr;
    left.next_ = nullptr;
  }
  // Null if nobody waits.
  W* pop_front() noexcept {
    W* const first = first_;
    if (first != nullptr) remove(*first);
    return first;
  }

 private:
  static WaitPlace<W>& place(W& wait) noexcept { return wait; }

  W* first_ = nullptr;
  W* last_ = nullptr;
};

}  // namespace fluxor::runtime
