#pragma once

#include <chrono>
#include <cstddef>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/testing/sim_group.h"
#include "runtime/worker/blocking_executor.h"
#include "runtime/worker/job_queue.h"

namespace fluxor::runtime {

struct SimWorkersOptions {
  std::size_t threads = 2;
  std::size_t queue_capacity = 4;                        // small, so that full is common
  Duration job_time_max = std::chrono::milliseconds(5);  // of virtual time
};

// Workers of a simulation: jobs run on the test's thread, between units of the loops, and take a virtual time that is
// drawn from the seed.  When one is picked up, ends and is told of are separate steps, so that a cancellation may come
// before, in and between them.
//
// Thread:  the test's.
// Owns:    nothing.  It outlives the simulation's last step; a job that has not ended by then is lost.
class SimWorkers final : public BlockingExecutor {
 public:
  explicit SimWorkers(SimGroup& sim, const SimWorkersOptions& options = {}) noexcept
      : sim_(sim), options_(options), jobs_(options.queue_capacity) {
    jobs_.open();
  }

  Result<void> submit(BlockingJob& job, Place place) noexcept override;
  Withdrawn withdraw(BlockingJob& job) noexcept override { return jobs_.withdraw(job); }

  // Takes nothing more; what it has runs to its end.
  void stop() noexcept { jobs_.close(); }
  bool idle() const noexcept { return jobs_.idle() && telling_ == 0; }
  BlockingStats stats() const noexcept { return jobs_.stats(); }

 private:
  void pick_up();

  SimGroup& sim_;
  const SimWorkersOptions options_;
  JobQueue jobs_;
  std::size_t busy_ = 0;     // threads
  std::size_t telling_ = 0;  // jobs that have ended
};

}  // namespace fluxor::runtime
