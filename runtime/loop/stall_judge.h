#pragma once

#include <cstdint>
#include <typeinfo>

#include "runtime/base/clock.h"
#include "runtime/loop/loop_activity.h"

namespace fluxor::runtime {

// What one look at a loop shows.
struct LoopSight {
  std::uint64_t progress = 0;
  bool parked = false;
  std::int32_t thread_id = 0;  // 0: it does not run
  Stage stage = Stage::idle;
  const std::type_info* handler = nullptr;
  const char* label = nullptr;

  bool awake() const noexcept { return thread_id != 0 && !parked; }
};

// Tells from looks at one loop, a few for each threshold, whether one piece of work has held it for too long.
//
// What is the same in two looks has held the loop for at least the time between them; so a stall is never reported
// early, and at most one look late.  It takes kLooksMin looks as well: when the whole process was stopped for a while,
// the watcher was, too, and a single long gap between two looks proves nothing.
//
// Thread:  owner.  No clock and no loop of its own, so that tests move both.
class StallJudge {
 public:
  static constexpr int kLooksMin = 3;

  explicit StallJudge(Duration threshold) noexcept : threshold_(threshold) {}

  enum class Verdict : std::uint8_t {
    moves,
    stalled,  // since a moment ago; said once for each stall
    still_stalled,
    moves_again,  // after a stall
  };
  Verdict look(Instant now, const LoopSight& sight) noexcept;

  // How long the work of the last stall has held the loop so far, or did in all; exact to the time between two looks.
  Duration held() const noexcept { return held_; }
  // What that work was.  It was seen between two looks that showed the same work, so it belongs to it.
  const LoopSight& work() const noexcept { return work_; }

 private:
  const Duration threshold_;
  LoopSight last_;
  LoopSight work_;
  Instant since_{};  // the first look that showed what still goes on
  int looks_ = 0;    // that showed the same since then
  bool stalled_ = false;
  Duration held_{};
};

}  // namespace fluxor::runtime
