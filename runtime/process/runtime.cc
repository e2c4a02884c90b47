#include "runtime/process/runtime.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

#include "runtime/base/signal_stack.h"
#include "runtime/inspect/inspect.h"
#include "runtime/inspect/inspection_text.h"
#include "runtime/loop/cpu_count.h"
#include "runtime/loop/crash_handler.h"
#include "runtime/loop/event_loop.h"
#include "runtime/loop/watchdog.h"
#include "runtime/process/stall_log.h"
#include "runtime/verticle/exit_reason.h"
#include "runtime/verticle/root.h"

namespace fluxor::runtime {
namespace {

constexpr Duration kReportPatience = std::chrono::milliseconds(500);

class MainVerticle final : public Verticle {
 public:
  explicit MainVerticle(const Runtime::Main& main) noexcept : main_(main) {}
  Task<> start(Context& context) override { return main_(context); }

 private:
  const Runtime::Main& main_;
};

void log_failure(LogSink& log, const EventLoop& loop, const std::exception_ptr& failure) {
  const std::string id = std::to_string(loop.id());
  const std::string reason = text_of(failure);
  const std::array<LogField, 2> fields{{{"loop", id}, {"reason", reason}}};
  log.write(Severity::error, "an event ended with an exception", fields);
}

}  // namespace

// What the thread of main and the root's loop tell each other.
struct Runtime::Progress {
  mutable std::mutex mutex;  // a leaf
  bool started = false;
  std::optional<ExitReason> exit;

  bool ended() const {
    const std::lock_guard lock(mutex);
    return exit.has_value();
  }
};

Runtime::Runtime(const RuntimeOptions& options, const Clock& clock, LogSink& log, Termination& termination)
    : options_(options), clock_(clock), log_(log), termination_(termination) {}

Runtime::~Runtime() = default;

Result<std::unique_ptr<Runtime>> Runtime::create(const RuntimeOptions& options, const Clock& clock, Random& random,
                                                 LogSink& log, Termination& termination) {
  std::unique_ptr<Runtime> runtime(new Runtime(options, clock, log, termination));
  if (options.stall_threshold > Duration::zero()) {
    runtime->watchdog_ = std::make_unique<Watchdog>(WatchdogOptions{.threshold = options.stall_threshold}, clock,
                                                    [&log](const StallReport& report) { log_stall(log, report); });
  }
  const auto on_failure = [&log](EventLoop& loop, const std::exception_ptr& failure) {
    log_failure(log, loop, failure);
  };
  auto loops = EventLoopGroup::create({.loops = options.loops != 0 ? options.loops : usable_cpus(),
                                       .ring_capacity = options.ring_capacity,
                                       .pinning = options.pinning,
                                       .wait = options.wait,
                                       .watcher = runtime->watchdog_.get()},
                                      clock, on_failure);
  if (!loops) return loops.error();
  runtime->loops_ = std::move(*loops);
  VerticleSystem::Parts parts{.loops = runtime->loops_->all(), .clock = clock, .random = random, .log = log};
  if (options.worker_loops != 0) {
    // Nobody watches these: to be held is what they are for.
    auto workers = EventLoopGroup::create({.loops = options.worker_loops, .ring_capacity = options.ring_capacity},
                                          clock, on_failure);
    if (!workers) return workers.error();
    runtime->worker_loops_ = std::move(*workers);
    parts.worker_loops = runtime->worker_loops_->all();
  }
  if (options.workers.threads != 0) {
    runtime->workers_ = std::make_unique<WorkerPool>(options.workers, clock);
    parts.workers = runtime->workers_.get();
  }
  runtime->system_ = std::make_unique<VerticleSystem>(std::move(parts), options.verticles);
  return runtime;
}

ExitCode Runtime::run(Main main) {
  for (EventLoopGroup* group : {loops_.get(), worker_loops_.get()}) {
    if (group == nullptr) continue;
    if (const auto started = group->start(); !started) {
      std::fprintf(stderr, "%s: cannot start %zu event loops: %s\n", options_.program.c_str(), group->size(),
                   started.error().message().c_str());
      return ExitCode::cannot_start;
    }
  }
  if (workers_ != nullptr) {
    if (const auto started = workers_->start(); !started) {
      std::fprintf(stderr, "%s: cannot start %zu worker threads: %s\n", options_.program.c_str(), workers_->threads(),
                   started.error().message().c_str());
      return ExitCode::cannot_start;
    }
  }
  if (watchdog_ != nullptr) {
    const std::vector<EventLoop*> watched = loops_->all();
    watchdog_->start(watched);
  }

  // Shared with the root's callbacks, in case the root outlives this call.
  const auto progress = std::make_shared<Progress>();
  const auto kept_main = std::make_shared<const Main>(std::move(main));
  Termination& termination = termination_;
  auto root = std::make_unique<Root>(
      *system_, loops_->at(0), [kept_main] { return std::make_unique<MainVerticle>(*kept_main); }, options_.shutdown,
      Root::Callbacks{.started =
                          [progress] {
                            const std::lock_guard lock(progress->mutex);
                            progress->started = true;
                          },
                      .exited =
                          [progress, &termination](const ExitReason& reason) {
                            {
                              const std::lock_guard lock(progress->mutex);
                              progress->exit = reason;
                            }
                            termination.notify();
                          }});
  system_->on_give_up([&termination] { termination.notify(); });
  root->begin();

  // The root sees to it that it ends in time; this is for a loop that is held and does not even hear of it.
  const Duration grace = options_.verticles.kill_grace * 2 + std::chrono::milliseconds(500);
  std::optional<Instant> deadline;
  bool stopping = false;
  bool killed = false;
  while (!progress->ended()) {
    std::optional<Duration> patience;
    if (deadline) {
      patience = *deadline - clock_.now();
      if (*patience <= Duration::zero()) break;
    }
    const Termination::Event event = termination_.wait(patience);
    const bool asked = stop_asked_.load() || system_->has_given_up();
    if (!stopping && (event == Termination::Event::signal || asked)) {
      stopping = true;
      if (system_->has_given_up()) {
        const std::string tree = to_text(inspect_from_thread(*root, {.timeout = kReportPatience}));
        const LogField field{"tree", tree};
        log_.write(Severity::error, "the root supervisor gives up", {&field, 1});
      }
      deadline = later(clock_.now(), later(Instant(options_.shutdown), grace) - Instant());
      log_.write(Severity::info, "stopping", {});
      root->stop();
    } else if (event == Termination::Event::signal && !killed) {
      killed = true;
      deadline = later(clock_.now(), grace);
      root->kill();
    }
  }
  const bool answered = progress->ended();
  // Nobody waits for these any more; what they write may matter all the same.
  const Duration left = deadline ? std::max(*deadline - clock_.now(), grace) : options_.shutdown;
  const bool workers_ended = stop_workers(killed ? grace : left);
  const ExitCode code = conclude(*progress, answered, workers_ended);
  if (!answered || !workers_ended || system_->abandoned() != 0) {
    // Something still runs and may use all of this: it ends with the process.
    static_cast<void>(root.release());
    leave_behind();
    return code;
  }
  for (EventLoopGroup* group : {loops_.get(), worker_loops_.get()}) {
    if (group != nullptr) group->stop();
  }
  if (watchdog_ != nullptr) watchdog_->stop();
  return code;
}

bool Runtime::stop_workers(Duration patience) {
  if (workers_ == nullptr) return true;
  const auto holdouts = workers_->stop_within(patience);
  if (!holdouts) return true;
  for (const RunningJob& job : holdouts->running) {
    const std::string what =
        std::string("a blocking call from ") + job.site.file_name() + ":" + std::to_string(job.site.line());
    const LogField field{"what", what};
    log_.write(Severity::error, "ended with work unfinished", {&field, 1});
  }
  return false;
}

ExitCode Runtime::conclude(const Progress& progress, bool answered, bool workers_ended) {
  const std::vector<std::string> hold_outs = system_->hold_outs();
  for (const std::string& hold_out : hold_outs) {
    const LogField field{"what", hold_out};
    log_.write(Severity::error, "ended with work unfinished", {&field, 1});
  }
  if (!answered) {
    log_.write(Severity::error, "ended although the root's event loop did not answer", {});
    return ExitCode::left_behind;
  }
  const std::lock_guard lock(progress.mutex);
  const ExitReason& exit = *progress.exit;
  if (!progress.started && exit.kind == ExitKind::start_failed) {
    const std::string why =
        exit.failure != nullptr ? text_of(exit.failure) : make_error_code(exit.error.value_or(Errc::closed)).message();
    std::fprintf(stderr, "%s: %s\n", options_.program.c_str(), why.c_str());
    // Where threads still run the caller has to know that before anything else.
    return workers_ended && system_->abandoned() == 0 ? ExitCode::cannot_start : ExitCode::left_behind;
  }
  if (system_->has_given_up()) {
    const std::string why = system_->given_up_because();
    const LogField field{"reason", why};
    log_.write(Severity::error, "supervision gave up", {&field, 1});
    return ExitCode::gave_up;
  }
  if (exit.kind == ExitKind::crashed) {
    const std::string why = exit.text();
    const LogField field{"reason", why};
    log_.write(Severity::error, "the root verticle crashed", {&field, 1});
    return ExitCode::gave_up;
  }
  if (!hold_outs.empty() || !workers_ended || system_->abandoned() != 0) return ExitCode::left_behind;
  log_.write(Severity::info, "stopped", {});
  return ExitCode::clean;
}

void Runtime::leave_behind() noexcept {
  static_cast<void>(system_.release());
  static_cast<void>(workers_.release());
  static_cast<void>(loops_.release());
  static_cast<void>(worker_loops_.release());
  static_cast<void>(watchdog_.release());  // the loops tell it when they wake up
}

int Runtime::run(const RuntimeOptions& options, Main main) {
  const SignalStack signal_stack;
  install_crash_handler();
  const SystemClock clock;
  SystemRandom random;
  StderrLog log;
  auto termination = Termination::create();
  if (!termination) {
    std::fprintf(stderr, "%s: cannot wait for signals: %s\n", options.program.c_str(),
                 termination.error().message().c_str());
    return static_cast<int>(ExitCode::cannot_start);
  }
  auto runtime = create(options, clock, random, log, *termination);
  if (!runtime) {
    std::fprintf(stderr, "%s: cannot make its event loops: %s\n", options.program.c_str(),
                 runtime.error().message().c_str());
    return static_cast<int>(ExitCode::cannot_start);
  }
  const ExitCode code = (*runtime)->run(std::move(main));
  if (code == ExitCode::left_behind || code == ExitCode::gave_up) {
    std::fflush(nullptr);
    std::_Exit(static_cast<int>(code));
  }
  return static_cast<int>(code);
}

void Runtime::stop() noexcept {
  stop_asked_ = true;
  termination_.notify();
}

std::optional<std::uint64_t> Runtime::stalls() const {
  if (watchdog_ == nullptr) return std::nullopt;
  return watchdog_->stats().stalls;
}

}  // namespace fluxor::runtime
