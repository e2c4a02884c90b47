#include "runtime/loop/watchdog.h"

#include <pthread.h>

#include <chrono>
#include <optional>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/thread_stack.h"

namespace fluxor::runtime {
namespace {

// How long a loop's thread may take to show its stack; longer only if it gets no CPU or cannot be interrupted.
constexpr Duration kStackPatience = std::chrono::seconds(1);

StackTrace stack_or_nothing(std::int32_t thread_id) {
  const auto stack = stack_of_thread(thread_id, kStackPatience);
  return stack ? *stack : StackTrace();
}

}  // namespace

Watchdog::Watchdog(const WatchdogOptions& options, const Clock& clock, StallWatch::Report report)
    : options_(options), clock_(clock), report_(std::move(report)) {}

Watchdog::~Watchdog() { stop(); }

void Watchdog::start(std::span<EventLoop* const> loops) {
  FLUXOR_CHECK(watch_ == nullptr, "a watchdog is started once");
  StallWatchOptions options{.threshold = options_.threshold, .stack_of = nullptr};
  if (options_.stacks == WatchdogOptions::Stacks::taken) options.stack_of = stack_or_nothing;
  watch_ = std::make_unique<StallWatch>(loops, std::move(options), clock_, std::move(report_));
  thread_ = std::thread([this] { run(); });
  ::pthread_setname_np(thread_.native_handle(), "fluxor-watchdog");
}

void Watchdog::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Watchdog::run() {
  for (;;) {
    const std::optional<Duration> interval = watch_->look();
    looks_.add();
    std::unique_lock lock(mutex_);
    if (interval) {
      if (changed_.wait_for(lock, *interval, [this] { return stopping_; })) return;
      continue;
    }
    // Says that it sleeps, and looks again: a loop that woke up before it could hear that is seen, one that wakes up
    // later tells.
    woken_ = false;
    set_asleep(true);
    if (!watch_->any_awake()) {
      sleeps_.add();
      changed_.wait(lock, [this] { return stopping_ || woken_; });
    }
    set_asleep(false);
    if (stopping_) return;
  }
}

void Watchdog::on_first_awake() noexcept {
  set_asleep(false);  // the other loops need not tell
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_one();
}

}  // namespace fluxor::runtime
