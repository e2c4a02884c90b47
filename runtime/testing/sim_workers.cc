#include "runtime/testing/sim_workers.h"

namespace fluxor::runtime {

Result<void> SimWorkers::submit(BlockingJob& job, Place place) noexcept {
  auto pushed = jobs_.push(job, place);
  if (pushed) sim_.add_actor_at(sim_.clock().now(), [this] { pick_up(); });
  return pushed;
}

// A worker looks for a job.  Nothing is lost if all are busy: each looks again when its job is done.
void SimWorkers::pick_up() {
  if (busy_ >= options_.threads) return;
  BlockingJob* const job = jobs_.take(sim_.clock().now());
  if (job == nullptr) return;
  ++busy_;
  const Duration takes = sim_.random().between(Duration::zero(), options_.job_time_max);
  sim_.add_actor_at(later(sim_.clock().now(), takes), [this, job] {
    job->run();
    jobs_.end(*job);
    ++telling_;
    sim_.add_actor_at(sim_.clock().now(), [this, job] {
      job->tell();
      --telling_;
      --busy_;
      pick_up();
    });
  });
}

}  // namespace fluxor::runtime
