#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/task/task.h"
#include "runtime/verticle/deployment_options.h"
#include "runtime/verticle/supervisor.h"
#include "runtime/verticle/supervisor_spec.h"

namespace fluxor::runtime {

class EventLoop;
class VerticleSystem;

// What a verticle has deployed: its children, in order, each started anew by the rule of the root supervisor when it
// fails.
//
// Thread:  loop.
// Owns:    a dynamic supervisor, and so the children.  It is destroyed when they have ended.
class Deployments final : private SlotObserver {
 public:
  Deployments(VerticleSystem& system, EventLoop& loop);
  Deployments(const Deployments&) = delete;
  Deployments& operator=(const Deployments&) = delete;

  // As Context says.
  Task<Result<DeploymentId>> deploy(std::shared_ptr<const ChildSpec> spec);
  Task<Result<DeploymentId>> start_child(DeploymentId supervisor, std::shared_ptr<const ChildSpec> spec);
  Task<Result<void>> undeploy(DeploymentId id);

  // All children end, the youngest deployment first; true if there is none (any more), else `done` is called when that
  // is so.  May be called again.
  bool stop(std::function<void()> done);
  void kill();

  const Supervisor& supervisor() const noexcept { return supervisor_; }
  std::size_t size() const noexcept { return deployments_.size(); }

 private:
  class DeployWait;
  class UndeployWait;
  enum class State : std::uint8_t { starting, running, stopping };

  struct Deployment {
    DeploymentId id{};
    State state = State::starting;
    std::size_t up = 0;
    std::size_t left = 0;                  // slots that are not gone
    Supervisor* in = nullptr;              // whose children they are
    std::vector<SupervisorSlot*> slots{};  // null where gone
    DeployWait* deploying = nullptr;
    UndeployWait* undeploying = nullptr;
    ExitReason failure{};  // of the first that failed, to start or to stop

    bool has_failed() const noexcept {
      return failure.failure != nullptr || failure.error || failure.kind == ExitKind::abandoned ||
             failure.kind == ExitKind::killed;
    }
  };

  void on_slot_started(SupervisorSlot& slot) override;
  void on_slot_gone(SupervisorSlot& slot, const ExitReason& reason) override;
  bool hears_stop(const SupervisorSlot& slot) const noexcept override;
  Result<std::vector<std::unique_ptr<SupervisedChild>>> make(const std::shared_ptr<const ChildSpec>& spec);
  Deployment& begin(Supervisor& in, const std::shared_ptr<const ChildSpec>& spec,
                    std::vector<std::unique_ptr<SupervisedChild>> children, DeploymentId id);
  void roll_back(Deployment& deployment);

  VerticleSystem& system_;
  EventLoop& loop_;
  Supervisor supervisor_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Deployment>> deployments_;
  std::function<void()> done_;
  bool stopping_ = false;
  bool stopped_ = false;
};

}  // namespace fluxor::runtime
