#include "runtime/verticle/verticle_system.h"

#include <utility>

#include "runtime/base/check.h"
#include "runtime/loop/event_loop.h"
#include "runtime/loop/loop_of_key.h"
#include "runtime/verticle/supervisor.h"
#include "runtime/worker/blocking_executor.h"

namespace fluxor::runtime {
namespace {

// Where there are no workers.
class NoWorkers final : public BlockingExecutor {
 public:
  Result<void> submit(BlockingJob&, Place) noexcept override { return Errc::closed; }
  Withdrawn withdraw(BlockingJob&) noexcept override { return Withdrawn::has_ended; }
};
constinit NoWorkers no_workers;

SupervisorOptions rule_of_the_root(const VerticleSystemOptions& options) {
  SupervisorOptions rule{.strategy = Strategy::dynamic, .backoff = options.backoff};
  if (options.on_giving_up == OnGivingUp::exit) {
    rule.intensity = options.intensity;
    rule.escalation_is_the_end = true;
  }
  return rule;
}

}  // namespace

VerticleSystem::VerticleSystem(Parts parts, const VerticleSystemOptions& options)
    : parts_(std::move(parts)),
      options_(options),
      root_rule_(std::make_shared<const SupervisorOptions>(rule_of_the_root(options))) {
  if (parts_.workers == nullptr) parts_.workers = &no_workers;
  FLUXOR_CHECK(!parts_.loops.empty(), "verticles live on loops: there has to be one");
  const std::size_t count = parts_.loops.size() + parts_.worker_loops.size() + 1;
  for (std::size_t i = 0; i < count; ++i) counts_.push_back(std::make_shared<VerticleCounts>());
}

const std::shared_ptr<VerticleCounts>& VerticleSystem::counts_of(const EventLoop& loop) const noexcept {
  std::size_t index = 0;
  for (const auto* loops : {&parts_.loops, &parts_.worker_loops}) {
    for (const EventLoop* each : *loops) {
      if (each == &loop) return counts_[index];
      ++index;
    }
  }
  return counts_[index];
}

EventLoop* VerticleSystem::place(const DeploymentOptions& options) noexcept {
  const std::vector<EventLoop*>& loops = options.worker ? parts_.worker_loops : parts_.loops;
  if (loops.empty()) return nullptr;
  if (!options.loop_key.empty()) return loops[loop_of_key(options.loop_key, loops.size())];
  std::atomic<std::size_t>& next = options.worker ? next_worker_ : next_loop_;
  return loops[next.fetch_add(1, std::memory_order_relaxed) % loops.size()];
}

void VerticleSystem::log(Severity severity, std::string_view message, std::string_view verticle,
                         std::string_view reason) noexcept {
  const LogField fields[] = {{"verticle", verticle}, {"reason", reason}};
  parts_.log.write(severity, message, fields);
}

void VerticleSystem::note_hold_out(std::string line) {
  const std::lock_guard lock(mutex_);
  hold_outs_.push_back(std::move(line));
}

std::vector<std::string> VerticleSystem::hold_outs() const {
  const std::lock_guard lock(mutex_);
  return hold_outs_;
}

void VerticleSystem::give_up(std::string reason) {
  {
    const std::lock_guard lock(mutex_);
    if (has_given_up_.exchange(true)) return;
    given_up_because_ = std::move(reason);
  }
  if (on_give_up_) on_give_up_();
}

std::string VerticleSystem::given_up_because() const {
  const std::lock_guard lock(mutex_);
  return given_up_because_;
}

}  // namespace fluxor::runtime
