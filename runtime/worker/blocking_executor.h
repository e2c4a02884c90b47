#pragma once

#include <cstdint>
#include <source_location>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"

namespace fluxor::runtime {

// Work that may block its thread.
//
// It is called twice, on the thread that does it: run(), then, when the executor has counted it as done, tell(), which
// is the last use of it.
class BlockingJob {
 public:
  BlockingJob(const BlockingJob&) = delete;
  BlockingJob& operator=(const BlockingJob&) = delete;

  virtual void run() noexcept = 0;
  virtual void tell() noexcept = 0;
  // Where it was asked for.
  const std::source_location& site() const noexcept { return site_; }

 protected:
  explicit BlockingJob(const std::source_location& site) noexcept : site_(site) {}
  ~BlockingJob() = default;

 private:
  friend class JobQueue;
  enum class State : std::uint8_t { idle, queued, running, ended };

  const std::source_location site_;
  BlockingJob* previous_ = nullptr;  // in the queue, or among those that run
  BlockingJob* next_ = nullptr;
  Instant begun_{};
  State state_ = State::idle;
};

// Does jobs elsewhere than on a loop: a WorkerPool; in simulations SimWorkers.
//
// Thread:  any.
// Owns:    nothing: a job is its maker's until submit() has taken it, then it lives until tell(), or until withdraw()
//          has given it back.
class BlockingExecutor {
 public:
  BlockingExecutor() = default;
  BlockingExecutor(const BlockingExecutor&) = delete;
  BlockingExecutor& operator=(const BlockingExecutor&) = delete;

  // Which place in the queue a job takes.
  enum class Place : std::uint8_t {
    free_one,    // one of those there are; refused if there is none
    predecessor  // that of a job that has just ended or left: its maker may have one more than fits, and is not refused
  };
  // Never blocks and never runs the job inside.
  // Errors:  Errc::overloaded: the queue is full.  Errc::closed: it takes nothing any more, or not yet.
  [[nodiscard]] virtual Result<void> submit(BlockingJob& job, Place place) noexcept = 0;

  enum class Withdrawn : std::uint8_t {
    before_it_began,  // it is the caller's again, and its place is free
    runs_on,          // it is counted as abandoned, and tells its end to nobody
    has_ended         // tell() comes or goes on
  };
  // Nobody waits for the job any longer.
  virtual Withdrawn withdraw(BlockingJob& job) noexcept = 0;

 protected:
  ~BlockingExecutor() = default;
};

}  // namespace fluxor::runtime
