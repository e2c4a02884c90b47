#pragma once

#include <cstddef>
#include <memory>
#include <source_location>
#include <utility>

#include "runtime/base/result.h"
#include "runtime/loop/loop_affinity.h"
#include "runtime/worker/blocking_executor.h"
#include "runtime/worker/job_wait.h"
#include "runtime/worker/loop_job.h"

namespace fluxor::runtime {

class OrderedBlocking;

namespace detail {

// In line behind the other jobs of its owner.
class OrderedWait : public JobWait {
 protected:
  OrderedWait(OrderedBlocking& owner, std::unique_ptr<LoopJob> job) noexcept : JobWait(std::move(job)), owner_(owner) {}
  ~OrderedWait() = default;
  Result<void> submit() noexcept;

 private:
  friend class runtime::OrderedBlocking;
  Ends on_cancel() noexcept override;
  const char* what() const noexcept override { return "a blocking job, in order"; }

  OrderedBlocking& owner_;
  OrderedWait* previous_ = nullptr;  // in line
  OrderedWait* next_ = nullptr;
};

}  // namespace detail

// Blocking jobs of one owner, such as a verticle, done one after another in the order in which they were asked for.
//
//     OrderedBlocking writes(pool);
//     co_await blocking(writes, append_line, path, line);   // as with a pool itself, see blocking.h
//
// The next job is handed to the executor when the one before has ended, also if nobody waited for that any longer; so
// tasks go on in order, too, and jobs of several owners overlap.  Who is told to stop leaves the line; those behind
// keep their order.
//
// Only the first of a line can find the executor full: each job behind it takes its predecessor's place there, so what
// was accepted is not refused later, unless the executor closes.
//
// Thread:  loop.
// Owns:    nothing.  It outlives those who wait; a job that was abandoned may run on without it.  Outlived by the
//          executor.
// Errors:  as blocking(); Errc::overloaded also when as many wait as may.
class OrderedBlocking final : private detail::LoopJob::Listener {
 public:
  static constexpr std::size_t kWaitingMax = 1024;  // jobs, those that have been handed over left out

  explicit OrderedBlocking(BlockingExecutor& executor, std::size_t waiting_max = kWaitingMax) noexcept
      : executor_(executor), waiting_max_(waiting_max) {}
  OrderedBlocking(const OrderedBlocking&) = delete;
  OrderedBlocking& operator=(const OrderedBlocking&) = delete;
  ~OrderedBlocking();

  std::size_t waiting() const noexcept { return waiting_; }

 private:
  friend class detail::OrderedWait;

  Result<void> submit(detail::OrderedWait& wait) noexcept;
  // Whether the wait ends by that.
  bool withdraw(detail::OrderedWait& wait) noexcept;
  Result<void> hand_over(detail::OrderedWait& wait, BlockingExecutor::Place place) noexcept;
  void hand_over_next() noexcept;
  void unlink(detail::OrderedWait& wait) noexcept;
  void on_job_ended(std::unique_ptr<detail::LoopJob> job) noexcept override;

  BlockingExecutor& executor_;
  const std::size_t waiting_max_;
  LoopAffinity affinity_;
  detail::LoopJob* job_ = nullptr;           // that the executor has
  detail::OrderedWait* job_wait_ = nullptr;  // for that job; null if it was abandoned
  detail::OrderedWait* first_ = nullptr;     // in line behind it
  detail::OrderedWait* last_ = nullptr;
  std::size_t waiting_ = 0;
};

// A line, and the place in the code from which it is asked.
class OrderedPlace {
 public:
  OrderedPlace(OrderedBlocking& line,  // NOLINT(google-explicit-constructor): made where blocking() is called
               const std::source_location& site = std::source_location::current()) noexcept
      : line_(line), site_(site) {}
  OrderedBlocking& line() const noexcept { return line_; }
  const std::source_location& site() const noexcept { return site_; }

 private:
  OrderedBlocking& line_;
  std::source_location site_;
};

// `co_await blocking(line, function, arguments…)`: as with an executor (blocking.h), but in order.
template <typename F, typename... Args>
auto blocking(OrderedPlace place, F function, Args... args) {
  using T = typename detail::JobFunction<F, Args...>::Value;
  using Job = detail::FunctionJob<T, F, Args...>;
  return detail::JobAwaiter<T, detail::OrderedWait>(
      place.line(), std::unique_ptr<detail::JobOf<T>>(new Job(place.site(), std::move(function), std::move(args)...)));
}

}  // namespace fluxor::runtime
