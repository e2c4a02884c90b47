#include "runtime/worker/worker_pool.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <system_error>

#include "runtime/base/check.h"
#include "runtime/base/signal_stack.h"

namespace fluxor::runtime {

WorkerPool::WorkerPool(const WorkerPoolOptions& options, const Clock& clock) noexcept
    : options_(options), clock_(clock), jobs_(options.queue_capacity) {}

WorkerPool::~WorkerPool() { stop(); }

Result<void> WorkerPool::start() try {
  FLUXOR_CHECK(threads_.empty(), "a pool is started once");
  if (options_.threads == 0) return Errc::invalid;
  threads_.reserve(options_.threads);
  for (std::size_t i = 0; i < options_.threads; ++i) {
    std::thread& thread = threads_.emplace_back([this] { run(); });
    const std::string name = "fluxor-work-" + std::to_string(i);
    ::pthread_setname_np(thread.native_handle(), name.substr(0, 15).c_str());
  }
  const std::lock_guard lock(mutex_);
  jobs_.open();
  return {};
} catch (const std::system_error& failed) {
  stop();
  return failed.code();
}

Result<void> WorkerPool::submit(BlockingJob& job, Place place) noexcept {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (auto pushed = jobs_.push(job, place); !pushed) return pushed;
    wake = needs_waking();
  }
  if (wake) work_.notify_one();
  return {};
}

BlockingExecutor::Withdrawn WorkerPool::withdraw(BlockingJob& job) noexcept {
  const std::lock_guard lock(mutex_);
  return jobs_.withdraw(job);
}

void WorkerPool::run() {
  const SignalStack signal_stack;
  std::unique_lock lock(mutex_);
  for (;;) {
    BlockingJob* const job = jobs_.take(clock_.now());
    if (job == nullptr) {
      if (stopping_) return;
      ++waiting_;
      work_.wait(lock);
      --waiting_;
      waking_ = false;
      continue;
    }
    const bool wake = needs_waking();
    lock.unlock();
    if (wake) work_.notify_one();
    job->run();
    lock.lock();
    // Before its waiter hears of it, who may look at the numbers.
    jobs_.end(*job);
    if (stopping_ && jobs_.idle()) idle_.notify_all();
    lock.unlock();
    job->tell();
    lock.lock();
  }
}

bool WorkerPool::needs_waking() noexcept {
  if (jobs_.empty() || waiting_ == 0 || waking_) return false;
  waking_ = true;
  return true;
}

void WorkerPool::close() noexcept {
  const std::lock_guard lock(mutex_);
  jobs_.close();
  stopping_ = true;
  work_.notify_all();
}

void WorkerPool::stop() noexcept {
  close();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

std::optional<WorkerHoldouts> WorkerPool::stop_within(Duration patience) {
  close();
  {
    std::unique_lock lock(mutex_);
    // A sum with the clock's time must not overflow.
    constexpr Duration kForever = std::chrono::hours(24 * 365);
    if (!idle_.wait_for(lock, std::min(patience, kForever), [this] { return jobs_.idle(); })) {
      return WorkerHoldouts{jobs_.running_jobs(clock_.now()), static_cast<std::size_t>(jobs_.stats().queued)};
    }
  }
  stop();
  return std::nullopt;
}

std::vector<RunningJob> WorkerPool::running_jobs() const {
  const std::lock_guard lock(mutex_);
  return jobs_.running_jobs(clock_.now());
}

}  // namespace fluxor::runtime
