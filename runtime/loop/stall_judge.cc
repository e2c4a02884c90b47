#include "runtime/loop/stall_judge.h"

#include <utility>

namespace fluxor::runtime {

StallJudge::Verdict StallJudge::look(Instant now, const LoopSight& sight) noexcept {
  const bool same = last_.awake() && sight.awake() && sight.progress == last_.progress;
  const LoopSight before = std::exchange(last_, sight);
  if (!same) {
    if (stalled_) held_ = now - since_;
    since_ = now;
    looks_ = 0;
    return std::exchange(stalled_, false) ? Verdict::moves_again : Verdict::moves;
  }
  ++looks_;
  if (!stalled_ && (now - since_ < threshold_ || looks_ < kLooksMin)) return Verdict::moves;
  held_ = now - since_;
  work_ = before;
  return std::exchange(stalled_, true) ? Verdict::still_stalled : Verdict::stalled;
}

}  // namespace fluxor::runtime
