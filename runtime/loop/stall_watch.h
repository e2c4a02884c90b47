#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/counter.h"
#include "runtime/base/histogram.h"
#include "runtime/base/stack_trace.h"
#include "runtime/loop/event_loop.h"
#include "runtime/loop/loop_activity.h"
#include "runtime/loop/stall_judge.h"

namespace fluxor::runtime {

// A loop is held by one piece of work for longer than the threshold; or was, and is free again.
struct StallReport {
  enum class Moment : std::uint8_t { begin, end };
  Moment moment = Moment::begin;
  std::size_t loop = 0;  // EventLoop::id()
  Stage stage = Stage::idle;
  std::string handler;  // its type; empty if the stage does not know it
  std::string label;    // what it calls itself (ActivityLabel); empty if it does not
  Duration held{};      // so far; at the end: in all
  StackTrace stack;     // at the begin; empty if none is taken, or the thread did not answer
};

struct StallStats {
  std::uint64_t stalls = 0;                   // that were reported, on all loops
  std::vector<std::uint64_t> stalls_by_loop;  // in the order of the loops
  std::uint64_t report_failures = 0;          // exceptions that came out of the report function
  HistogramSnapshot durations;                // of the stalls that have ended
};

struct StallWatchOptions {
  Duration threshold = std::chrono::seconds(1);
  // Where a thread is.  Null: no stacks.
  std::function<StackTrace(std::int32_t thread_id)> stack_of;
};

// Looks at loops and reports those that one piece of work holds for too long.  Watchdog calls it from a thread.
//
// Thread:  owner; stats(): any.
// Owns:    nothing: loops and clock outlive it.
class StallWatch {
 public:
  using Report = std::function<void(const StallReport& report)>;

  StallWatch(std::span<EventLoop* const> loops, StallWatchOptions options, const Clock& clock, Report report);

  // Looks at each loop once.  Returns when to look again: nothing if all sleep, so that there is nothing to see until
  // one wakes up.
  std::optional<Duration> look();
  // Whether a loop runs and does not sleep.
  bool any_awake() const noexcept;

  StallStats stats() const;

 private:
  struct Watched {
    Watched(EventLoop& loop, Duration threshold) noexcept : loop(loop), judge(threshold) {}
    EventLoop& loop;
    StallJudge judge;
    Counter stalls;
  };

  void report(const Watched& watched, StallReport::Moment moment);
  StackTrace stack_of(const Watched& watched) const;

  const StallWatchOptions options_;
  const Clock& clock_;
  const Report report_;
  std::vector<std::unique_ptr<Watched>> watched_;
  Counter report_failures_;
  Histogram durations_;
};

}  // namespace fluxor::runtime
