#pragma once

#include <chrono>

namespace fluxor::runtime {

// A moment of the monotonic clock, to the nanosecond.  Not comparable between machines; only differences mean anything.
using Instant = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;
using Duration = std::chrono::nanoseconds;
// A moment of the calendar, for people and for protocols (Date).  It may jump.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

// Later than everything; a loop whose next timer is `kNever` parks until it is woken.
inline constexpr Instant kNever = Instant::max();

// The moment `delay` after `from`; kNever when it lies beyond what an Instant can say.
constexpr Instant later(Instant from, Duration delay) noexcept {
  return delay > Duration::zero() && from > kNever - delay ? kNever : from + delay;
}

// Where time comes from.  Nothing in Fluxor reads a clock by itself, so that a test can run a whole system on time
// that moves only when it says so.
//
// Thread:  any, for all implementations.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const noexcept = 0;
  virtual WallTime wall_now() const noexcept = 0;
};

// The machine's clocks.  Cost: a vDSO call, about 25 ns; loops read it once a turn and hand the value on.
class SystemClock final : public Clock {
 public:
  Instant now() const noexcept override { return std::chrono::steady_clock::now(); }
  WallTime wall_now() const noexcept override { return std::chrono::system_clock::now(); }
};

}  // namespace fluxor::runtime
