#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/base/clock.h"

namespace fluxor::runtime {

class TimerWheel;

// Something to be told when a deadline has passed; it embeds its place in the wheel, so arming allocates nothing.
//
// Thread:  loop.
// Owns:    whoever derives from it owns it; destroying an armed timer cancels it.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  virtual ~Timer();

  bool armed() const noexcept { return wheel_ != nullptr; }
  Instant deadline() const noexcept { return deadline_; }

 protected:
  // The deadline has passed, and the timer is no longer armed: it may be armed again here, or destroyed.
  virtual void on_timer() = 0;

 private:
  friend class TimerWheel;
  friend struct TimerList;

  TimerWheel* wheel_ = nullptr;
  Timer* previous_ = nullptr;
  Timer* next_ = nullptr;
  Instant deadline_{};
  std::uint64_t order_ = 0;  // of arming, over the wheel's whole life
  std::uint16_t place_ = 0;  // level * 64 + slot, or one of the wheel's two extra lists
};

// Timers in intrusive, doubly linked order.
struct TimerList {
  Timer* first = nullptr;
  Timer* last = nullptr;

  bool empty() const noexcept { return first == nullptr; }
  void push_back(Timer& timer) noexcept;
  void remove(Timer& timer) noexcept;
};

// A hierarchical timing wheel (Varghese and Lauck): eight levels of 64 slots, the lowest 2^20 ns (about a millisecond)
// wide.
//
// A slot only groups timers; each keeps its exact deadline.  So a timer never fires early, those due in one call fire
// in the order of their deadlines, and of arming where deadlines are equal.
//
// Thread:  loop.
// Cost:    arm and cancel O(1), no allocation; a timer moves down at most seven levels in its life.  Nothing ticks: the
//          owner asks next_expiry() and sleeps until then.
class TimerWheel {
 public:
  explicit TimerWheel(Instant start);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  // Disarms whatever is armed still; nothing fires.
  ~TimerWheel();

  // Arms, or arms anew.  A deadline that has passed fires in the next advance(), never inside this call.
  void arm(Timer& timer, Instant deadline) noexcept;
  void cancel(Timer& timer) noexcept;

  // Fires every timer whose deadline is at or before `now`; what is armed meanwhile waits for the next call, so that a
  // timer which arms itself cannot hold the loop.  Returns how many fired.  What on_timer throws passes through, and
  // the next call goes on with the rest.
  std::size_t advance(Instant now);
  std::size_t advance(Instant now, std::size_t) { return advance(now); }

  // When to call advance() next: never later than the earliest deadline, and exactly that unless the earliest was
  // cancelled.  kNever when nothing is armed.  Cost: O(1).
  Instant next_expiry() const noexcept;

  // How many have fired since the wheel was made.
  std::uint64_t fired() const noexcept { return fired_; }
  std::size_t armed_count() const noexcept { return armed_count_; }

 private:
  static constexpr int kTickShift = 20;
  static constexpr int kSlotBits = 6;
  static constexpr std::size_t kSlots = std::size_t{1} << kSlotBits;
  static constexpr std::size_t kLevels = 8;  // 48 bits of ticks: more than a 64-bit nanosecond has
  static constexpr std::uint16_t kDue = kLevels * kSlots;
  static constexpr std::uint16_t kLater = kDue + 1;

  struct Slot {
    TimerList timers;
    Instant earliest = kNever;  // a lower bound: cancelling does not raise it
  };
  struct Occupied {
    std::size_t level;
    std::size_t slot;
    std::uint64_t first_tick;
  };

  std::uint64_t tick_of(Instant instant) const noexcept;
  void place(Timer& timer) noexcept;
  void unlink(Timer& timer) noexcept;
  bool first_occupied(Occupied& found) const noexcept;
  void cascade(const Occupied& from) noexcept;
  void collect_due(const Occupied& from, Instant now);
  void fire_due();
  void place_later() noexcept;

  const Instant start_;
  std::uint64_t current_tick_ = 0;
  std::uint64_t next_order_ = 0;
  std::size_t armed_count_ = 0;
  std::uint64_t fired_ = 0;
  bool advancing_ = false;
  Instant advancing_to_{};
  std::array<std::uint64_t, kLevels> occupied_{};  // a bit per slot
  std::array<Slot, kLevels * kSlots> slots_{};
  TimerList due_;    // taken out of their slots, about to fire, in order
  TimerList later_;  // armed during advance() for a deadline it has already passed
  std::vector<Timer*> sorting_;
};

}  // namespace fluxor::runtime
