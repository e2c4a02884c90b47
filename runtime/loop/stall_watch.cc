#include "runtime/loop/stall_watch.h"

#include <algorithm>
#include <utility>

#include "runtime/base/stack_text.h"

namespace fluxor::runtime {
namespace {

// So a stall is reported after a quarter more than the threshold at the latest.
constexpr int kLooksPerThreshold = 4;

LoopSight sight_of(const EventLoop& loop) noexcept {
  const LoopActivity& activity = loop.activity();
  LoopSight sight;
  // First: what is read after it is of this work or a later one, which the next look tells apart.
  sight.progress = activity.progress();
  sight.parked = loop.parked();
  sight.thread_id = activity.thread_id();
  sight.stage = activity.stage();
  sight.handler = activity.handler();
  sight.label = activity.label();
  return sight;
}

}  // namespace

StallWatch::StallWatch(std::span<EventLoop* const> loops, StallWatchOptions options, const Clock& clock, Report report)
    : options_(std::move(options)), clock_(clock), report_(std::move(report)) {
  for (EventLoop* loop : loops) watched_.push_back(std::make_unique<Watched>(*loop, options_.threshold));
}

std::optional<Duration> StallWatch::look() {
  bool awake = false;
  for (const auto& watched : watched_) {
    const LoopSight sight = sight_of(watched->loop);
    awake = awake || sight.awake();
    switch (watched->judge.look(clock_.now(), sight)) {
      case StallJudge::Verdict::moves:
      case StallJudge::Verdict::still_stalled: break;
      case StallJudge::Verdict::stalled:
        watched->stalls.add();
        report(*watched, StallReport::Moment::begin);
        break;
      case StallJudge::Verdict::moves_again:
        durations_.observe(watched->judge.held());
        report(*watched, StallReport::Moment::end);
        break;
    }
  }
  if (!awake) return std::nullopt;
  return options_.threshold / kLooksPerThreshold;
}

bool StallWatch::any_awake() const noexcept {
  return std::ranges::any_of(watched_, [](const auto& watched) { return sight_of(watched->loop).awake(); });
}

void StallWatch::report(const Watched& watched, StallReport::Moment moment) {
  const LoopSight& work = watched.judge.work();
  StallReport report;
  report.moment = moment;
  report.loop = watched.loop.id();
  report.stage = work.stage;
  if (work.handler != nullptr) report.handler = type_name(*work.handler);
  if (work.label != nullptr) report.label = work.label;
  report.held = watched.judge.held();
  if (moment == StallReport::Moment::begin) report.stack = stack_of(watched);
  try {
    report_(report);
  } catch (...) {
    report_failures_.add();
  }
}

StackTrace StallWatch::stack_of(const Watched& watched) const {
  if (options_.stack_of == nullptr) return {};
  const LoopSight& work = watched.judge.work();
  const StackTrace stack = options_.stack_of(work.thread_id);
  // A loop that has moved on meanwhile has shown where it was with something else.
  return watched.loop.activity().progress() == work.progress ? stack : StackTrace();
}

StallStats StallWatch::stats() const {
  StallStats stats;
  for (const auto& watched : watched_) {
    stats.stalls_by_loop.push_back(watched->stalls.get());
    stats.stalls += stats.stalls_by_loop.back();
  }
  stats.report_failures = report_failures_.get();
  stats.durations = durations_.snapshot();
  return stats;
}

}  // namespace fluxor::runtime
