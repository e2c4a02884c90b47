#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <thread>

#include "runtime/base/clock.h"
#include "runtime/base/counter.h"
#include "runtime/loop/event_loop.h"
#include "runtime/loop/loop_activity.h"
#include "runtime/loop/stall_watch.h"

namespace fluxor::runtime {

struct WatchdogOptions {
  enum class Stacks : bool { none, taken };
  Duration threshold = std::chrono::seconds(1);
  Stacks stacks = Stacks::taken;  // interrupts a loop that is held, once for each stall (thread_stack.h)
};

// A thread that looks at loops a few times for each threshold, and reports the one that a single piece of work holds
// for longer: which loop, at what, and where in the code.  Loops pay nothing for it but the notes they make anyway
// (LoopActivity).
//
//     make it ─► make the loops with `watcher` = it ─► start() ─► stop() ─► destroy loops ─► destroy it
//
// While all loops sleep, so does it, without any wake-up: the first loop that wakes up wakes it.
//
// Thread:  owner; stats(): any.  The report function is called on the watchdog's own thread.
// Owns:    its thread.  Clock and what the report function uses outlive it; the loops outlive stop().
class Watchdog final : public WakeWatcher {
 public:
  Watchdog(const WatchdogOptions& options, const Clock& clock, StallWatch::Report report);
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog();

  // Once, before or after the loops begin to run.
  void start(std::span<EventLoop* const> loops);
  // No report comes after it.  Waits for one that is under way; may be called again.
  void stop() noexcept;

  // After start().
  StallStats stats() const { return watch_->stats(); }
  std::uint64_t looks() const noexcept { return looks_.get(); }
  // How often it has begun to sleep until a loop wakes up.
  std::uint64_t sleeps() const noexcept { return sleeps_.get(); }

 private:
  void on_first_awake() noexcept override;
  void run();

  const WatchdogOptions options_;
  const Clock& clock_;
  StallWatch::Report report_;
  std::unique_ptr<StallWatch> watch_;
  Counter looks_;
  Counter sleeps_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  // under mutex_
  bool woken_ = false;     // under mutex_
  std::thread thread_;
};

}  // namespace fluxor::runtime
