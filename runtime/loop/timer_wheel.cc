#include "runtime/loop/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "runtime/base/check.h"

namespace fluxor::runtime {

Timer::~Timer() {
  if (wheel_ != nullptr) wheel_->cancel(*this);
}

void TimerList::push_back(Timer& timer) noexcept {
  timer.previous_ = last;
  timer.next_ = nullptr;
  (last == nullptr ? first : last->next_) = &timer;
  last = &timer;
}

void TimerList::remove(Timer& timer) noexcept {
  (timer.previous_ == nullptr ? first : timer.previous_->next_) = timer.next_;
  (timer.next_ == nullptr ? last : timer.next_->previous_) = timer.previous_;
  timer.previous_ = nullptr;
  timer.next_ = nullptr;
}

TimerWheel::TimerWheel(Instant start) : start_(start) {}

TimerWheel::~TimerWheel() {
  const auto disarm = [](TimerList& list) {
    while (!list.empty()) {
      Timer& timer = *list.first;
      list.remove(timer);
      timer.wheel_ = nullptr;
    }
  };
  for (Slot& slot : slots_) disarm(slot.timers);
  disarm(due_);
  disarm(later_);
}

std::uint64_t TimerWheel::tick_of(Instant instant) const noexcept {
  return instant <= start_ ? 0 : static_cast<std::uint64_t>((instant - start_).count()) >> kTickShift;
}

void TimerWheel::arm(Timer& timer, Instant deadline) noexcept {
  if (timer.wheel_ != nullptr) timer.wheel_->cancel(timer);
  timer.wheel_ = this;
  timer.deadline_ = deadline;
  timer.order_ = next_order_++;
  ++armed_count_;
  if (advancing_ && deadline <= advancing_to_) {
    timer.place_ = kLater;
    later_.push_back(timer);
  } else {
    place(timer);
  }
}

void TimerWheel::cancel(Timer& timer) noexcept {
  if (timer.wheel_ == nullptr) return;
  FLUXOR_CHECK(timer.wheel_ == this, "a timer is cancelled on the wheel that holds it");
  unlink(timer);
  timer.wheel_ = nullptr;
  --armed_count_;
}

// The level is that of the highest group of six bits in which the deadline's tick differs from the current one.  So on
// each level only slots behind the current one are occupied (on the lowest, also the current one), every timer of a
// level is due before any of the next, and the first occupied slot of the lowest occupied level holds the earliest.
void TimerWheel::place(Timer& timer) noexcept {
  const std::uint64_t tick = std::max(tick_of(timer.deadline_), current_tick_);
  const std::uint64_t difference = tick ^ current_tick_;
  const std::size_t level = difference == 0 ? 0 : static_cast<std::size_t>(std::bit_width(difference) - 1) / kSlotBits;
  const std::size_t index = (tick >> (level * kSlotBits)) % kSlots;
  timer.place_ = static_cast<std::uint16_t>(level * kSlots + index);
  Slot& slot = slots_[timer.place_];
  slot.timers.push_back(timer);
  slot.earliest = std::min(slot.earliest, timer.deadline_);
  occupied_[level] |= std::uint64_t{1} << index;
}

void TimerWheel::unlink(Timer& timer) noexcept {
  if (timer.place_ == kDue) return due_.remove(timer);
  if (timer.place_ == kLater) return later_.remove(timer);
  Slot& slot = slots_[timer.place_];
  slot.timers.remove(timer);
  if (slot.timers.empty()) {
    slot.earliest = kNever;
    occupied_[timer.place_ / kSlots] &= ~(std::uint64_t{1} << (timer.place_ % kSlots));
  }
}

bool TimerWheel::first_occupied(Occupied& found) const noexcept {
  for (std::size_t level = 0; level < kLevels; ++level) {
    if (occupied_[level] == 0) continue;
    const auto slot = static_cast<std::size_t>(std::countr_zero(occupied_[level]));
    const std::size_t shift = level * kSlotBits;
    const std::uint64_t above = current_tick_ >> (shift + kSlotBits) << (shift + kSlotBits);
    found = {level, slot, above | (std::uint64_t{slot} << shift)};
    return true;
  }
  return false;
}

void TimerWheel::cascade(const Occupied& from) noexcept {
  Slot& slot = slots_[from.level * kSlots + from.slot];
  TimerList timers = std::exchange(slot.timers, {});
  slot.earliest = kNever;
  occupied_[from.level] &= ~(std::uint64_t{1} << from.slot);
  while (!timers.empty()) {
    Timer& timer = *timers.first;
    timers.remove(timer);
    place(timer);
  }
}

void TimerWheel::collect_due(const Occupied& from, Instant now) {
  Slot& slot = slots_[from.level * kSlots + from.slot];
  sorting_.clear();
  for (Timer* timer = slot.timers.first; timer != nullptr; timer = timer->next_) {
    if (timer->deadline_ <= now) sorting_.push_back(timer);
  }
  std::sort(sorting_.begin(), sorting_.end(), [](const Timer* a, const Timer* b) {
    return std::pair(a->deadline_, a->order_) < std::pair(b->deadline_, b->order_);
  });
  for (Timer* timer : sorting_) {
    unlink(*timer);
    timer->place_ = kDue;
    due_.push_back(*timer);
  }
  if (!slot.timers.empty()) {
    slot.earliest = kNever;
    for (Timer* timer = slot.timers.first; timer != nullptr; timer = timer->next_) {
      slot.earliest = std::min(slot.earliest, timer->deadline_);
    }
  }
}

void TimerWheel::fire_due() {
  while (!due_.empty()) {
    Timer& timer = *due_.first;
    due_.remove(timer);
    timer.wheel_ = nullptr;
    --armed_count_;
    ++fired_;
    timer.on_timer();
  }
}

void TimerWheel::place_later() noexcept {
  while (!later_.empty()) {
    Timer& timer = *later_.first;
    later_.remove(timer);
    place(timer);
  }
}

std::size_t TimerWheel::advance(Instant now) {
  struct Advancing {
    TimerWheel& wheel;
    ~Advancing() {
      wheel.advancing_ = false;
      wheel.place_later();
    }
  };
  const std::uint64_t target = tick_of(now);
  if (target < current_tick_) return 0;
  advancing_ = true;
  advancing_to_ = now;
  const Advancing done{*this};

  const std::uint64_t fired_before = fired_;
  fire_due();  // left over when an on_timer threw
  Occupied found;
  while (first_occupied(found) && found.first_tick <= target) {
    current_tick_ = std::max(current_tick_, found.first_tick);
    if (found.level > 0) {
      cascade(found);
      continue;
    }
    collect_due(found, now);
    if (due_.empty()) break;  // the current slot, and what is in it is due later within this tick
    fire_due();
  }
  current_tick_ = target;
  return static_cast<std::size_t>(fired_ - fired_before);
}

Instant TimerWheel::next_expiry() const noexcept {
  if (!due_.empty()) return due_.first->deadline_;
  Occupied found;
  return first_occupied(found) ? slots_[found.level * kSlots + found.slot].earliest : kNever;
}

}  // namespace fluxor::runtime
