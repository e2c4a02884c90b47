#pragma once

#include <algorithm>
#include <cstddef>

#include "runtime/base/clock.h"

namespace fluxor::runtime {

// How many units of one kind of work to run between two looks at the clock, so that a time budget holds and cheap work
// does not pay for it: a look costs 25 ns or more, an event may cost five.
//
// It learns what a unit costs and aims at kSpan between looks; work that it does not know yet is looked at after every
// unit, and so is work that took longer than it should have.
//
// Thread:  loop.
class StageMeter {
 public:
  static constexpr Duration kSpan = std::chrono::microseconds(20);
  static constexpr std::size_t kUnitsMax = 64;

  // At least 1.
  std::size_t units() const noexcept { return units_; }

  // `units` of them, at least one, took `span`.
  void measured(std::size_t units, Duration span) noexcept {
    if (span <= Duration::zero()) {
      units_ = std::min(units_ * 2, kUnitsMax);
      return;
    }
    // Up by doubling, because one lucky unit says little; down at once.
    const auto fitting =
        static_cast<std::size_t>(kSpan.count() / span.count()) * units +
        static_cast<std::size_t>(kSpan.count() % span.count()) * units / static_cast<std::size_t>(span.count());
    units_ = std::clamp<std::size_t>(fitting, 1, std::min(units_ * 2, kUnitsMax));
  }

  // Something ran too long, and it may have been one of these.
  void suspect() noexcept { units_ = 1; }

 private:
  std::size_t units_ = 1;
};

}  // namespace fluxor::runtime
