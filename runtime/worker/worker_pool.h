#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/worker/blocking_executor.h"
#include "runtime/worker/job_queue.h"

namespace fluxor::runtime {

struct WorkerPoolOptions {
  // They wait for disks, databases and locks, so more than there are CPUs; an idle one costs its stack.
  std::size_t threads = 16;
  std::size_t queue_capacity = 1024;  // jobs that wait for a thread
};

// Who did not end in time.
struct WorkerHoldouts {
  std::vector<RunningJob> running;  // the oldest first
  std::size_t queued = 0;           // accepted, and not begun
};

// Threads for work that may block, with a bounded queue in front: see `co_await blocking(pool, …)` (blocking.h).
//
//     make it ─► start() ─► … ─► stop() ─► stop the loops that wait for its jobs
//
// What it has accepted runs, also after stop().  One lock, held for a few stores and never over a job.
//
// Thread:  any; start(), stop(), stop_within(): owner.
// Owns:    its threads, named fluxor-work-N.  Clock and the loops whose tasks wait outlive stop().
class WorkerPool final : public BlockingExecutor {
 public:
  WorkerPool(const WorkerPoolOptions& options, const Clock& clock) noexcept;
  // Stops it, and so waits for every job.
  ~WorkerPool();

  // Once.  Until then it is closed.
  // Errors:  what the kernel says of a thread; then none runs, and the pool is of no use.  Errc::invalid for no
  // threads.
  [[nodiscard]] Result<void> start();

  Result<void> submit(BlockingJob& job, Place place) noexcept override;
  Withdrawn withdraw(BlockingJob& job) noexcept override;

  // Takes nothing more, finishes what it has, and joins its threads.  May be called again.
  void stop() noexcept;
  // The same, with a limit: nothing, or who holds it up `patience` from now.  Then threads run still; whoever gives up
  // on them says so and ends the process without destroying the pool, which would wait.
  std::optional<WorkerHoldouts> stop_within(Duration patience);

  // Each number is exact, together they are not a snapshot.
  BlockingStats stats() const noexcept { return jobs_.stats(); }
  std::size_t threads() const noexcept { return options_.threads; }
  // The oldest first.  Cost: the lock, and an allocation.
  std::vector<RunningJob> running_jobs() const;

 private:
  void run();
  void close() noexcept;
  // Whether a thread is to be woken, which is then up to the caller.  One is on its way at a time, and wakes the next
  // when it finds more than it can do: the loops pay for one wake-up at most, and jobs that are short wake few threads.
  bool needs_waking() noexcept;

  const WorkerPoolOptions options_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable work_;  // for a thread that waits: there is a job, or the end
  std::condition_variable idle_;  // for stop_within()
  JobQueue jobs_;                 // under mutex_
  bool stopping_ = false;         // under mutex_
  std::size_t waiting_ = 0;       // threads that wait for work; under mutex_
  bool waking_ = false;           // one of them was woken, and has not looked yet; under mutex_
  std::vector<std::thread> threads_;
};

}  // namespace fluxor::runtime
