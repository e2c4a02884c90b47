#include "runtime/loop/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <typeinfo>
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

// A natural merge sort: runs that are in order already are taken as they are, since mostly few timers are not where
// they belong.  bins[i] holds nothing or 2^i runs, merged; those of higher bins came first.
void TimerList::sort() noexcept {
  const auto merged = [](Timer* left, Timer* right) noexcept {
    Timer* head = nullptr;
    Timer** end = &head;
    while (left != nullptr && right != nullptr) {
      Timer*& next = right->fires_before(*left) ? right : left;
      *end = next;
      end = &next->next_;
      next = next->next_;
    }
    *end = left != nullptr ? left : right;
    return head;
  };
  std::array<Timer*, 48> bins{};  // more runs than fit into memory
  for (Timer* rest = first; rest != nullptr;) {
    Timer* sorted = rest;
    Timer* end = rest;
    while (end->next_ != nullptr && !end->next_->fires_before(*end)) end = end->next_;
    rest = std::exchange(end->next_, nullptr);
    std::size_t bin = 0;
    for (; bins[bin] != nullptr; ++bin) sorted = merged(std::exchange(bins[bin], nullptr), sorted);
    bins[bin] = sorted;
  }
  Timer* all = nullptr;
  for (Timer* bin : bins) all = merged(bin, all);
  *this = {};
  while (all != nullptr) push_back(*std::exchange(all, all->next_));
}

Instant TimerList::earliest_deadline() const noexcept {
  Instant earliest = kNever;
  for (const Timer* timer = first; timer != nullptr; timer = timer->next_) {
    earliest = std::min(earliest, timer->deadline_);
  }
  return earliest;
}

TimerWheel::TimerWheel(Instant start, LoopActivity* activity)
    : start_(start), activity_(activity), advanced_to_(start) {}

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
  timer.turn_ = std::max(deadline, advanced_to_);
  timer.round_ = round_;
  ++armed_count_;
  if (advancing_ && deadline <= advanced_to_) {
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

// The level is that of the highest group of six bits in which the turn's tick differs from the current one.  So on
// each level only slots behind the current one are occupied (on the lowest, also the current one), every timer of a
// level is due before any of the next, and the first occupied slot of the lowest occupied level holds the earliest.
//
// A slot's list keeps the order of arming: those of one turn lie in one slot, whose list is moved down as it is, at the
// moment from which on new ones are placed further down.
void TimerWheel::place(Timer& timer) noexcept {
  const std::uint64_t tick = tick_of(timer.turn_);
  const std::uint64_t difference = tick ^ current_tick_;
  const std::size_t level = difference == 0 ? 0 : static_cast<std::size_t>(std::bit_width(difference) - 1) / kSlotBits;
  const std::size_t index = (tick >> (level * kSlotBits)) % kSlots;
  timer.place_ = static_cast<std::uint16_t>(level * kSlots + index);
  Slot& slot = slots_[timer.place_];
  if (!slot.timers.empty() && timer.fires_before(*slot.timers.last)) slot.ordered = false;
  slot.timers.push_back(timer);
  slot.earliest = std::min(slot.earliest, timer.deadline_);
  occupied_[level] |= std::uint64_t{1} << index;
}

void TimerWheel::unlink(Timer& timer) noexcept {
  if (timer.place_ == kDue) return due_.remove(timer);
  if (timer.place_ == kLater) return later_.remove(timer);
  Slot& slot = slots_[timer.place_];
  slot.timers.remove(timer);
  if (slot.earliest == timer.deadline_) slot.earliest = kUnknown;
  if (slot.timers.empty()) {
    slot.earliest = kNever;
    slot.ordered = true;
    occupied_[timer.place_ / kSlots] &= ~(std::uint64_t{1} << (timer.place_ % kSlots));
  }
}

void TimerWheel::Slot::bring_into_order() noexcept {
  if (!ordered) timers.sort();
  ordered = true;
  searches = 0;
}

// To sort costs as much as some searches, and saves the next ones unless one is armed out of order meanwhile: so it is
// done when as much has been spent on searches.
void TimerWheel::Slot::find_earliest() noexcept {
  if (!ordered && ++searches > kSearchesPerSort) bring_into_order();
  earliest = ordered ? timers.first->deadline_ : timers.earliest_deadline();
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
  slot.ordered = true;
  occupied_[from.level] &= ~(std::uint64_t{1} << from.slot);
  while (!timers.empty()) {
    Timer& timer = *timers.first;
    timers.remove(timer);
    place(timer);
  }
}

void TimerWheel::collect_due(const Occupied& from, Instant now) noexcept {
  Slot& slot = slots_[from.level * kSlots + from.slot];
  slot.bring_into_order();
  while (!slot.timers.empty() && slot.timers.first->turn_ <= now) {
    Timer& timer = *slot.timers.first;
    unlink(timer);
    timer.place_ = kDue;
    due_.push_back(timer);
  }
}

void TimerWheel::fire_due(std::uint64_t fired_max) {
  while (!due_.empty() && fired_ != fired_max) {
    Timer& timer = *due_.first;
    due_.remove(timer);
    timer.wheel_ = nullptr;
    --armed_count_;
    ++fired_;
    if (activity_ != nullptr) activity_->handle(typeid(timer));
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

std::size_t TimerWheel::advance(Instant now, std::size_t limit) {
  FLUXOR_CHECK(!advancing_, "a timer wheel is not advanced by a timer");
  if (now < advanced_to_) return 0;
  struct Advancing {
    TimerWheel& wheel;
    ~Advancing() {
      wheel.advancing_ = false;
      wheel.place_later();
    }
  };
  advancing_ = true;
  advanced_to_ = now;
  ++round_;
  const Advancing done{*this};

  const std::uint64_t fired_before = fired_;
  const std::uint64_t fired_max = fired_ + limit;  // without a limit: what it has passed already
  const std::uint64_t target = tick_of(now);
  for (;;) {
    fire_due(fired_max);  // also what was left over
    if (fired_ == fired_max) break;
    Occupied found;
    if (!first_occupied(found) || found.first_tick > target) {
      current_tick_ = target;  // what is armed now lies as low as it can
      break;
    }
    current_tick_ = std::max(current_tick_, found.first_tick);
    if (found.level > 0) {
      cascade(found);
      continue;
    }
    collect_due(found, now);
    if (due_.empty()) break;  // the slot of `now`, and what is in it is due later within this tick
  }
  return static_cast<std::size_t>(fired_ - fired_before);
}

Instant TimerWheel::next_expiry() const noexcept {
  if (!due_.empty()) return due_.first->deadline_;
  Occupied found;
  if (!first_occupied(found)) return kNever;
  Slot& slot = slots_[found.level * kSlots + found.slot];
  if (slot.earliest == kUnknown) slot.find_earliest();
  return slot.earliest;
}

}  // namespace fluxor::runtime
