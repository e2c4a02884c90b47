#include "runtime/worker/ordered_blocking.h"

#include "runtime/base/check.h"

namespace fluxor::runtime {

using detail::LoopJob;
using detail::OrderedWait;
using Place = BlockingExecutor::Place;
using Withdrawn = BlockingExecutor::Withdrawn;

Result<void> OrderedWait::submit() noexcept { return owner_.submit(*this); }

OrderedWait::Ends OrderedWait::on_cancel() noexcept { return owner_.withdraw(*this) ? Ends::yes : Ends::no; }

OrderedBlocking::~OrderedBlocking() {
  FLUXOR_CHECK(first_ == nullptr && job_wait_ == nullptr, "who waits for ordered jobs goes before their line");
  if (job_ != nullptr) job_->set_listener(nullptr);
}

Result<void> OrderedBlocking::submit(OrderedWait& wait) noexcept {
  affinity_.check();
  if (job_ == nullptr) return hand_over(wait, Place::free_one);
  if (waiting_ >= waiting_max_) return Errc::overloaded;
  wait.previous_ = last_;
  (last_ == nullptr ? first_ : last_->next_) = &wait;
  last_ = &wait;
  ++waiting_;
  return {};
}

bool OrderedBlocking::withdraw(OrderedWait& wait) noexcept {
  affinity_.check();
  if (&wait != job_wait_) {
    unlink(wait);
    return true;
  }
  switch (executor_.withdraw(*job_)) {
    case Withdrawn::before_it_began:
      wait.job_.reset(std::exchange(job_, nullptr));
      job_wait_ = nullptr;
      hand_over_next();
      return true;
    case Withdrawn::runs_on: job_wait_ = nullptr; return true;
    case Withdrawn::has_ended: break;
  }
  return false;  // the word of its end is on its way
}

Result<void> OrderedBlocking::hand_over(OrderedWait& wait, Place place) noexcept {
  wait.job_->set_listener(this);
  auto submitted = executor_.submit(*wait.job_, place);
  if (submitted) {
    job_ = wait.job_.release();
    job_wait_ = &wait;
  }
  return submitted;
}

void OrderedBlocking::hand_over_next() noexcept {
  while (first_ != nullptr && job_ == nullptr) {
    OrderedWait& wait = *first_;
    unlink(wait);
    if (const Result<void> submitted = hand_over(wait, Place::predecessor); !submitted) {
      wait.refuse(submitted.error());
      wait.wake();
    }
  }
}

void OrderedBlocking::unlink(OrderedWait& wait) noexcept {
  (wait.previous_ == nullptr ? first_ : wait.previous_->next_) = wait.next_;
  (wait.next_ == nullptr ? last_ : wait.next_->previous_) = wait.previous_;
  --waiting_;
}

void OrderedBlocking::on_job_ended(std::unique_ptr<LoopJob> job) noexcept {
  affinity_.check();
  job_ = nullptr;
  OrderedWait* const wait = std::exchange(job_wait_, nullptr);
  hand_over_next();
  if (wait == nullptr) return job->report_unheard();
  wait->ended(std::move(job));  // which may be the end of this line, too
}

}  // namespace fluxor::runtime
