#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/counter.h"
#include "runtime/base/result.h"
#include "runtime/worker/blocking_executor.h"

namespace fluxor::runtime {

// submitted = queued + running + done + withdrawn; what was refused was never in.
struct BlockingStats {
  std::uint64_t queued = 0;     // now
  std::uint64_t running = 0;    // now
  std::uint64_t done = 0;       // has run to its end, by a value or an exception
  std::uint64_t withdrawn = 0;  // its waiter went away before it began, so it never ran
  std::uint64_t abandoned = 0;  // its waiter went away while it ran: part of running or done, too
  std::uint64_t refused = 0;    // the queue was full
};

// A job that runs, and since when.
struct RunningJob {
  std::source_location site;
  Duration age{};
};

// The jobs of an executor, first come, first served: those that wait, at most so many, and those that run.
//
// Thread:  owner (whoever shares it locks it); stats(): any.
// Owns:    nothing; a job is in it from push() to end() or withdraw().
// Cost:    each call is O(1) and allocates nothing, but for running_jobs().
class JobQueue {
 public:
  explicit JobQueue(std::size_t capacity) noexcept : capacity_(capacity) {}
  JobQueue(const JobQueue&) = delete;
  JobQueue& operator=(const JobQueue&) = delete;

  // As BlockingExecutor's.
  Result<void> push(BlockingJob& job, BlockingExecutor::Place place) noexcept;
  BlockingExecutor::Withdrawn withdraw(BlockingJob& job) noexcept;

  // The oldest, which runs from now on; null if none waits.
  BlockingJob* take(Instant now) noexcept;
  // It has run.
  void end(BlockingJob& job) noexcept;

  void open() noexcept { open_ = true; }
  // Refuses what comes from now on.
  void close() noexcept { open_ = false; }
  bool is_open() const noexcept { return open_; }
  bool empty() const noexcept { return waiting_.first == nullptr; }
  // Nothing waits and nothing runs.
  bool idle() const noexcept { return empty() && running_.first == nullptr; }

  // The oldest first.
  std::vector<RunningJob> running_jobs(Instant now) const;
  BlockingStats stats() const noexcept;

 private:
  using State = BlockingJob::State;
  struct List {
    BlockingJob* first = nullptr;
    BlockingJob* last = nullptr;
  };
  static void append(List& list, BlockingJob& job) noexcept;
  static void unlink(List& list, BlockingJob& job) noexcept;

  const std::size_t capacity_;
  bool open_ = false;
  List waiting_;
  List running_;
  Counter queued_now_, running_now_, done_, withdrawn_, abandoned_, refused_;
};

}  // namespace fluxor::runtime
