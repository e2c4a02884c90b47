#pragma once

#include <cstddef>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/worker/blocking_executor.h"
#include "runtime/worker/job_queue.h"

namespace fluxor::runtime {

// A worker of a test, which takes each of its steps by hand.
class HandWorkers final : public BlockingExecutor {
 public:
  explicit HandWorkers(std::size_t queue_capacity = 8) noexcept : jobs_(queue_capacity) { jobs_.open(); }

  Result<void> submit(BlockingJob& job, Place place) noexcept override { return jobs_.push(job, place); }
  Withdrawn withdraw(BlockingJob& job) noexcept override { return jobs_.withdraw(job); }

  // The oldest job begins; null if none waits.
  BlockingJob* begin() noexcept { return jobs_.take(Instant{}); }
  void run(BlockingJob& job) noexcept {
    job.run();
    jobs_.end(job);
  }
  void finish(BlockingJob& job) noexcept {
    run(job);
    job.tell();
  }
  // False if none waits.
  bool do_one() noexcept {
    BlockingJob* const job = begin();
    if (job != nullptr) finish(*job);
    return job != nullptr;
  }
  void stop() noexcept { jobs_.close(); }
  BlockingStats stats() const noexcept { return jobs_.stats(); }

 private:
  JobQueue jobs_;
};

}  // namespace fluxor::runtime
