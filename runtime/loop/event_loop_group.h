#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/loop/event_loop.h"
#include "runtime/loop/loop_activity.h"
#include "runtime/loop/loop_of_key.h"
#include "runtime/ring/wait_strategy.h"

namespace fluxor::runtime {

// Where the threads of a group may run.
enum class Pinning {
  none,         // wherever the kernel likes
  one_cpu_each  // loop k on the k-th CPU that this thread may use when the group is made, and there only
};

struct EventLoopGroupOptions {
  std::size_t loops = 1;
  std::size_t ring_capacity = 4096;  // events per loop; a power of two
  Pinning pinning = Pinning::none;
  // Of each loop.  One that would spin before it parks parks at once when there are more loops than CPUs: it would take
  // the CPU from the one it waits for.
  WaitKind wait = WaitKind::adaptive;
  WakeWatcher* watcher = nullptr;  // told when a loop has slept; outlives the group
};

// N loops, each on a thread of its own.
//
// Thread:  any, but for start() and stop(): owner.
// Owns:    the loops and their threads.  Destroying a group that runs stops it.
class EventLoopGroup {
 public:
  // Makes the loops; no thread runs yet.  `clock` must outlive the group.
  // Errors:  what the kernel says (no descriptor left); Errc::invalid for no loops, and for fewer CPUs than loops if
  // each
  //          shall have its own.
  static Result<std::unique_ptr<EventLoopGroup>> create(const EventLoopGroupOptions& options, const Clock& clock,
                                                        const EventLoop::FailureHandler& on_failure);
  EventLoopGroup(const EventLoopGroup&) = delete;
  EventLoopGroup& operator=(const EventLoopGroup&) = delete;
  ~EventLoopGroup();

  // Called once.
  // Errors:  what the kernel says of a thread or of pinning it; then nothing runs, and the group is of no use.
  [[nodiscard]] Result<void> start();
  // Stops every loop and joins its thread: what was posted before has run.  May be called again.
  void stop() noexcept;

  std::size_t size() const noexcept { return loops_.size(); }
  EventLoop& at(std::size_t index) noexcept { return *loops_[index]; }
  std::vector<EventLoop*> all() const;

  // Each in turn.
  EventLoop& next() noexcept;
  // The one with the fewest waiting: events, posts that wait for room, what is ready, sources with work.  Among equals
  // each in turn.  Cost: a few loads per loop, of lines that others write: for what stays on a loop, not for each
  // event.
  EventLoop& least_loaded() noexcept;
  // The same key is on the same loop, in every process with as many loops.
  EventLoop& by_key(std::string_view key) noexcept { return *loops_[loop_of_key(key, loops_.size())]; }

 private:
  error_code start_thread(EventLoop& loop);

  EventLoopGroup(std::vector<std::unique_ptr<EventLoop>> loops, std::vector<int> cpus) noexcept
      : loops_(std::move(loops)), cpus_(std::move(cpus)) {}

  const std::vector<std::unique_ptr<EventLoop>> loops_;
  const std::vector<int> cpus_;  // one for each loop, or empty
  std::vector<std::thread> threads_;
  std::atomic<std::size_t> next_{0};
};

}  // namespace fluxor::runtime
