#include "runtime/worker/job_queue.h"

#include "runtime/base/check.h"

namespace fluxor::runtime {

using Place = BlockingExecutor::Place;
using Withdrawn = BlockingExecutor::Withdrawn;

Result<void> JobQueue::push(BlockingJob& job, Place place) noexcept {
  FLUXOR_CHECK(job.state_ == State::idle, "a job is submitted once");
  if (!open_) return Errc::closed;
  if (place == Place::free_one && queued_now_.get() >= capacity_) {
    refused_.add();
    return Errc::overloaded;
  }
  job.state_ = State::queued;
  append(waiting_, job);
  queued_now_.add();
  return {};
}

Withdrawn JobQueue::withdraw(BlockingJob& job) noexcept {
  switch (job.state_) {
    case State::queued:
      unlink(waiting_, job);
      job.state_ = State::idle;
      queued_now_.subtract();
      withdrawn_.add();
      return Withdrawn::before_it_began;
    case State::running: abandoned_.add(); return Withdrawn::runs_on;
    default: return Withdrawn::has_ended;
  }
}

BlockingJob* JobQueue::take(Instant now) noexcept {
  if (empty()) return nullptr;
  BlockingJob& job = *waiting_.first;
  unlink(waiting_, job);
  append(running_, job);
  job.state_ = State::running;
  job.begun_ = now;
  queued_now_.subtract();
  running_now_.add();
  return &job;
}

void JobQueue::end(BlockingJob& job) noexcept {
  FLUXOR_CHECK(job.state_ == State::running, "a job ends after it began");
  unlink(running_, job);
  job.state_ = State::ended;
  running_now_.subtract();
  done_.add();
}

std::vector<RunningJob> JobQueue::running_jobs(Instant now) const {
  std::vector<RunningJob> jobs;
  for (const BlockingJob* job = running_.first; job != nullptr; job = job->next_) {
    jobs.push_back({job->site(), now - job->begun_});
  }
  return jobs;
}

BlockingStats JobQueue::stats() const noexcept {
  return {.queued = queued_now_.get(),
          .running = running_now_.get(),
          .done = done_.get(),
          .withdrawn = withdrawn_.get(),
          .abandoned = abandoned_.get(),
          .refused = refused_.get()};
}

void JobQueue::append(List& list, BlockingJob& job) noexcept {
  job.previous_ = list.last;
  job.next_ = nullptr;
  (list.last == nullptr ? list.first : list.last->next_) = &job;
  list.last = &job;
}

void JobQueue::unlink(List& list, BlockingJob& job) noexcept {
  (job.previous_ == nullptr ? list.first : job.previous_->next_) = job.next_;
  (job.next_ == nullptr ? list.last : job.next_->previous_) = job.previous_;
}

}  // namespace fluxor::runtime
