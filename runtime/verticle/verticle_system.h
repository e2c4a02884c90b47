#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/random.h"
#include "runtime/verticle/deployment_options.h"
#include "runtime/verticle/directory.h"
#include "runtime/verticle/verticle_counts.h"
#include "runtime/verticle/verticle_system_options.h"

namespace fluxor::runtime {

class BlockingExecutor;
class EventLoop;
struct SupervisorOptions;

// What all verticles of a process share: the loops they live on, the directory, and what is reported of them.
//
// Thread:  any.
// Owns:    the directory; loops, clock, random and log are the caller's and outlive it.
class VerticleSystem {
 public:
  struct Parts {
    std::vector<EventLoop*> loops;
    std::vector<EventLoop*> worker_loops{};  // for verticles that block
    BlockingExecutor* workers = nullptr;     // for calls that block; null: Context::workers() is closed
    const Clock& clock;
    Random& random;  // used on all loops
    LogSink& log;
  };

  VerticleSystem(Parts parts, const VerticleSystemOptions& options);
  VerticleSystem(const VerticleSystem&) = delete;
  VerticleSystem& operator=(const VerticleSystem&) = delete;

  const VerticleSystemOptions& options() const noexcept { return options_; }
  Directory& directory() noexcept { return directory_; }
  const Clock& clock() const noexcept { return parts_.clock; }
  Random& random() const noexcept { return parts_.random; }
  const std::vector<EventLoop*>& loops() const noexcept { return parts_.loops; }
  const std::vector<EventLoop*>& worker_loops() const noexcept { return parts_.worker_loops; }

  BlockingExecutor& workers() const noexcept { return *parts_.workers; }

  // Of what has no supervisor of its own.
  const std::shared_ptr<const SupervisorOptions>& root_rule() const noexcept { return root_rule_; }

  // The loop for one more instance; null if it needs a worker loop and there is none.
  EventLoop* place(const DeploymentOptions& options) noexcept;
  DeploymentId next_deployment() noexcept { return DeploymentId(last_deployment_.fetch_add(1) + 1); }
  // Whether such an id was ever given.
  bool knows(DeploymentId id) const noexcept {
    return id != DeploymentId{} && static_cast<std::uint64_t>(id) <= last_deployment_.load();
  }

  // What has gone wrong, for people.
  void log(Severity severity, std::string_view message, std::string_view verticle, std::string_view reason) noexcept;

  void log(std::string_view error, std::span<const LogField> fields) noexcept {
    parts_.log.write(Severity::error, error, fields);
  }

  // A verticle did not stop in its time; `held` says what still ran in it.  Kept for the report at the end.
  void note_hold_out(std::string line);
  std::vector<std::string> hold_outs() const;

  // The root supervisor gives up, with OnGivingUp::exit.  The first reason counts.
  void give_up(std::string reason);
  bool has_given_up() const noexcept { return has_given_up_.load(); }
  std::string given_up_because() const;
  // Called once, on a loop, when that happens.  Set before anything is deployed.
  void on_give_up(std::function<void()> callback) { on_give_up_ = std::move(callback); }

  // How many there are on this loop; those on loops that are none of ours are counted together.
  // Shared with requests on their way, which may come back after all else has ended.
  const std::shared_ptr<VerticleCounts>& counts_of(const EventLoop& loop) const noexcept;

  std::uint64_t restarts() const noexcept { return restarts_.load(std::memory_order_relaxed); }
  void count_restart() noexcept { restarts_.fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t crashes() const noexcept { return crashes_.load(std::memory_order_relaxed); }
  void count_crash() noexcept { crashes_.fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t abandoned() const noexcept { return abandoned_.load(std::memory_order_relaxed); }
  void count_abandoned() noexcept { abandoned_.fetch_add(1, std::memory_order_relaxed); }

 private:
  Parts parts_;
  const VerticleSystemOptions options_;
  const std::shared_ptr<const SupervisorOptions> root_rule_;
  Directory directory_;
  std::vector<std::shared_ptr<VerticleCounts>> counts_;  // of loops, of worker loops, of others
  std::function<void()> on_give_up_;
  std::atomic<std::size_t> next_loop_{0};
  std::atomic<std::size_t> next_worker_{0};
  std::atomic<std::uint64_t> last_deployment_{0};
  std::atomic<std::uint64_t> restarts_{0}, crashes_{0}, abandoned_{0};
  std::atomic<bool> has_given_up_{false};
  mutable std::mutex mutex_;  // a leaf
  std::vector<std::string> hold_outs_;
  std::string given_up_because_;
};

}  // namespace fluxor::runtime
