#pragma once

#include <cstddef>
#include <memory>
#include <source_location>
#include <utility>

#include "runtime/base/result.h"
#include "runtime/worker/blocking_executor.h"
#include "runtime/worker/job_wait.h"
#include "runtime/worker/loop_job.h"

namespace fluxor::runtime {
namespace detail {

// Straight into the executor's queue, beside all others.
class UnorderedWait : public JobWait, private LoopJob::Listener {
 protected:
  UnorderedWait(BlockingExecutor& executor, std::unique_ptr<LoopJob> job) noexcept
      : JobWait(std::move(job)), executor_(executor) {}
  ~UnorderedWait() = default;

  Result<void> submit() noexcept {
    job_->set_listener(this);
    auto submitted = executor_.submit(*job_, BlockingExecutor::Place::free_one);
    if (submitted) submitted_ = job_.release();
    return submitted;
  }

 private:
  void on_job_ended(std::unique_ptr<LoopJob> job) noexcept override { ended(std::move(job)); }
  Ends on_cancel() noexcept override {
    switch (executor_.withdraw(*submitted_)) {
      case BlockingExecutor::Withdrawn::before_it_began: job_.reset(submitted_); return Ends::yes;
      case BlockingExecutor::Withdrawn::runs_on: submitted_->set_listener(nullptr); return Ends::yes;
      case BlockingExecutor::Withdrawn::has_ended: break;
    }
    return Ends::no;  // the word of its end is on its way
  }
  const char* what() const noexcept override { return "a blocking job"; }

  BlockingExecutor& executor_;
  LoopJob* submitted_ = nullptr;
};

}  // namespace detail

// An executor, and the place in the code from which it is asked.
class BlockingPlace {
 public:
  BlockingPlace(BlockingExecutor& executor,  // NOLINT(google-explicit-constructor): made where blocking() is called
                const std::source_location& site = std::source_location::current()) noexcept
      : executor_(executor), site_(site) {}
  BlockingExecutor& executor() const noexcept { return executor_; }
  const std::source_location& site() const noexcept { return site_; }

 private:
  BlockingExecutor& executor_;
  std::source_location site_;
};

// `co_await blocking(pool, function, arguments…)`: runs a function that may block on another thread, and goes on with
// what it returns on the loop of whoever awaits.
//
//     Result<Row> row = co_await blocking(pool, read_row, path, id);
//
// The job may outlive who waits, so it owns all it touches: the function with its captures, and its arguments, are
// copied or moved into it and handed to the function as rvalues.  They are gone, on the worker, when the task goes on.
// What captures or arguments point to is the caller's care: nothing of a task, a scope or a loop.
//
// A task that is told to stop goes on at once.  A job that has not begun is taken out of the queue and never runs; one
// that runs is abandoned: it runs on, is counted and joined with the pool, what it returns is dropped, and what it
// throws goes to the loop's failure handler.
//
// Thread:  loop.
// Errors:  Errc::overloaded: the queue is full; Errc::closed: the pool is stopped; both at once, and then the function
//          surely does not run.  Errc::cancelled, Errc::deadline: it was interrupted; the function may run still.  What
//          the function throws is thrown; a Result that it returns is the answer.  std::bad_alloc.
// Cost:    one object from the free list of frames; two hand-overs between threads.
template <typename F, typename... Args>
auto blocking(BlockingPlace place, F function, Args... args) {
  using T = typename detail::JobFunction<F, Args...>::Value;
  using Job = detail::FunctionJob<T, F, Args...>;
  static_assert(alignof(Job) <= alignof(std::max_align_t));
  return detail::JobAwaiter<T, detail::UnorderedWait>(
      place.executor(),
      std::unique_ptr<detail::JobOf<T>>(new Job(place.site(), std::move(function), std::move(args)...)));
}

}  // namespace fluxor::runtime
