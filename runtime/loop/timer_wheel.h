#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "runtime/base/clock.h"
#include "runtime/loop/loop_activity.h"

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

  bool fires_before(const Timer& other) const noexcept {
    if (turn_ != other.turn_) return turn_ < other.turn_;
    return round_ != other.round_ ? round_ < other.round_ : deadline_ < other.deadline_;
  }

  TimerWheel* wheel_ = nullptr;
  Timer* previous_ = nullptr;
  Timer* next_ = nullptr;
  Instant deadline_{};
  Instant turn_{};           // the deadline, or the moment that advance() had come to already
  std::uint64_t round_ = 0;  // how many advance() had begun when it was armed
  std::uint16_t place_ = 0;  // level * 64 + slot, or one of the wheel's two extra lists
};

// Timers in intrusive, doubly linked order.
struct TimerList {
  Timer* first = nullptr;
  Timer* last = nullptr;

  bool empty() const noexcept { return first == nullptr; }
  void push_back(Timer& timer) noexcept;
  void remove(Timer& timer) noexcept;
  // Into the order in which they fire; equal ones keep theirs.  Allocates nothing.
  void sort() noexcept;
  Instant earliest_deadline() const noexcept;
};

// A hierarchical timing wheel (Varghese and Lauck): eight levels of 64 slots, the lowest 2^20 ns (about a millisecond)
// wide.
//
// A slot only groups timers; each keeps its exact deadline.  So a timer never fires early, those due in one call fire
// in the order of their deadlines, and of arming where deadlines are equal.
//
// Thread:  loop.
// Cost:    arm and cancel O(1); a timer moves down at most seven levels in its life; no allocation, ever.  Nothing
//          ticks: the owner asks next_expiry() and sleeps until then.
class TimerWheel {
 public:
  // Tells `activity` of each timer that fires, unless it is null.
  explicit TimerWheel(Instant start, LoopActivity* activity = nullptr);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  // Disarms whatever is armed still; nothing fires.
  ~TimerWheel();

  // Arms, or arms anew.  A deadline that has passed fires in the next advance(), never inside this call.
  void arm(Timer& timer, Instant deadline) noexcept;
  void cancel(Timer& timer) noexcept;

  static constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

  // Fires the timers whose deadline is at or before `now`, at most `limit` of them, and returns how many.  Then
  // due(now) tells whether there are more; the next call goes on where this one ended, also when an on_timer has
  // thrown, which passes through.
  //
  // What is armed inside on_timer waits for the next call, and what is armed for a moment that an advance() has passed
  // comes after all that was due by then.  So a timer that arms itself holds neither the loop nor those that wait.
  //
  // Cost: beside what it fires, it moves timers down, the whole of a slot at once: up to 20 ns each.
  std::size_t advance(Instant now, std::size_t limit = kNoLimit);
  bool due(Instant now) const noexcept { return next_expiry() <= now; }

  // The earliest deadline, or one of those that have passed already; kNever when nothing is armed.  For the owner, not
  // inside on_timer.
  //
  // Cost: O(1); after the earliest was cancelled, a look at each of its slot, if they were not armed in order.
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
  static constexpr Instant kUnknown = Instant::min();
  static constexpr std::uint8_t kSearchesPerSort = 16;

  struct Slot {
    TimerList timers;
    Instant earliest = kNever;  // kUnknown after it was cancelled, until somebody asks
    bool ordered = true;        // as they fire
    std::uint8_t searches = 0;  // for the earliest among those that are not

    void bring_into_order() noexcept;
    void find_earliest() noexcept;
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
  void collect_due(const Occupied& from, Instant now) noexcept;
  void fire_due(std::uint64_t fired_max);
  void place_later() noexcept;

  const Instant start_;
  LoopActivity* const activity_;
  std::uint64_t current_tick_ = 0;
  Instant advanced_to_;
  std::uint64_t round_ = 0;
  std::size_t armed_count_ = 0;
  std::uint64_t fired_ = 0;
  bool advancing_ = false;
  std::array<std::uint64_t, kLevels> occupied_{};       // a bit per slot
  mutable std::array<Slot, kLevels * kSlots> slots_{};  // asking for the next may bring one into order
  TimerList due_;                                       // taken out of their slots, about to fire, in order
  TimerList later_;                                     // armed during advance() for a deadline it has already passed
};

}  // namespace fluxor::runtime
