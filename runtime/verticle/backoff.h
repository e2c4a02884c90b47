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
  // It failed at `now`.  From the second failure in a row on, the delay is drawn from its upper half.
  Duration next(const BackoffOptions& options, Instant now, Random& random) noexcept {
    if (failures_ != 0 && now >= later(last_failure_, options.quiet)) failures_ = 0;
    last_failure_ = now;
    ++failures_;
    if (failures_ == 1) return options.first;
    Duration delay = options.second;
    for (int doubled = 2; doubled < failures_ && delay < options.longest; ++doubled) {
      delay = delay > options.longest / 2 ? options.longest : delay * 2;
    }
    delay = std::min(delay, options.longest);
    return random.between(delay / 2, delay);
  }

 private:
  int failures_ = 0;  // in a row
  Instant last_failure_{};
};

}  // namespace fluxor::runtime
