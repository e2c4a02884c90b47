#pragma once

#include <atomic>

#include "runtime/base/clock.h"

namespace fluxor::runtime {

// Time that moves only when a test says so.  Thread: any.
class ManualClock final : public Clock {
 public:
  Instant now() const noexcept override { return Instant(Duration(now_.load(std::memory_order_relaxed))); }
  // Begins on 1970-01-01 and moves with now().
  WallTime wall_now() const noexcept override { return WallTime(now().time_since_epoch() - kBegin); }
  // The moment `delay` from now.
  Instant in(Duration delay) const noexcept { return later(now(), delay); }
  void advance(Duration by) noexcept { now_.fetch_add(by.count(), std::memory_order_relaxed); }

 private:
  static constexpr Duration kBegin = std::chrono::seconds(1000);
  std::atomic<Duration::rep> now_{kBegin.count()};
};

}  // namespace fluxor::runtime
