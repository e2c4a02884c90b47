#pragma once

#include <chrono>
#include <cstddef>
#include <deque>

#include "runtime/base/clock.h"

namespace fluxor::runtime {

// More than so many restarts within so long, of all children together, are too many.
struct IntensityOptions {
  std::size_t restarts_max = 3;
  Duration period = std::chrono::seconds(5);
};

// OTP's bound on restarts.
//
// Thread:  owner.  Cost: remembers restarts_max + 1 moments.
class RestartIntensity {
 public:
  explicit RestartIntensity(const IntensityOptions& options) noexcept : options_(options) {}

  // Counts a restart; false if it is one too many.
  bool admit(Instant now) {
    while (!restarts_.empty() && later(restarts_.front(), options_.period) < now) restarts_.pop_front();
    restarts_.push_back(now);
    if (restarts_.size() <= options_.restarts_max) return true;
    restarts_.pop_front();
    return false;
  }
  // After the children were started anew.
  void reset() noexcept { restarts_.clear(); }

 private:
  const IntensityOptions options_;
  std::deque<Instant> restarts_;
};

}  // namespace fluxor::runtime
