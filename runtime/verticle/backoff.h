#pragma once

#include <algorithm>
#include <chrono>

#include "runtime/base/clock.h"
#include "runtime/base/random.h"

namespace fluxor::runtime {

// How long to wait before something that fails is tried again.
struct BackoffOptions {
  Duration first{0};                                 // before the first try
  Duration second = std::chrono::milliseconds(100);  // before the second; doubled for each further one
  Duration longest = std::chrono::seconds(30);
  Duration quiet = std::chrono::minutes(1);  // without a failure, after which it begins anew
};

// Counts failures, and says how long to wait: at once, then ever longer, with jitter, so that many that fail together
// do not come back together.
//
// Thread: owner.
class Backoff {
 public:
  explicit Backoff(const BackoffOptions& options) noexcept : options_(options) {}

  // It failed at `now`.  From the second failure in a row on, the delay is drawn from its upper half.
  Duration next(Instant now, Random& random) noexcept {
    if (failures_ != 0 && now >= later(last_failure_, options_.quiet)) failures_ = 0;
    last_failure_ = now;
    ++failures_;
    if (failures_ == 1) return options_.first;
    Duration delay = options_.second;
    for (int doubled = 2; doubled < failures_ && delay < options_.longest; ++doubled) delay *= 2;
    delay = std::min(delay, options_.longest);
    return random.between(delay / 2, delay);
  }

 private:
  const BackoffOptions options_;
  int failures_ = 0;  // in a row
  Instant last_failure_{};
};

}  // namespace fluxor::runtime
