#include "runtime/verticle/deployments.h"

#include <coroutine>
#include <unordered_set>
#include <utility>

#include "runtime/loop/event_loop.h"
#include "runtime/task/wait.h"
#include "runtime/verticle/verticle_child.h"
#include "runtime/verticle/verticle_system.h"

namespace fluxor::runtime {
namespace {

std::uint64_t number(DeploymentId id) noexcept { return static_cast<std::uint64_t>(id); }

}  // namespace

// Until all instances have started, or none is left.
class Deployments::DeployWait final : public Wait {
 public:
  DeployWait(Deployments& deployments, Deployment& deployment) noexcept
      : deployments_(deployments), deployment_(&deployment), id_(deployment.id) {}

  bool await_ready() const noexcept { return false; }
  template <TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> awaiting) noexcept {
    suspend(awaiting, Interruptible::no);
    deployment_->deploying = this;
    if (task().cancelled()) on_cancel();
    return true;
  }
  Result<DeploymentId> await_resume() {
    if (started_) return id_;
    if (rolled_back_) throw Cancelled{task().cancel_reason()};
    if (failure_.failure != nullptr) std::rethrow_exception(failure_.failure);
    return failure_.error.value_or(Errc::closed);
  }

  void started() noexcept {
    started_ = true;
    wake();
  }
  void gone(const ExitReason& failure) noexcept {
    failure_ = failure;
    wake();
  }

 private:
  Ends on_cancel() noexcept override {
    rolled_back_ = true;
    deployments_.roll_back(*deployment_);
    return Ends::no;
  }
  const char* what() const noexcept override { return "a deployment"; }

  Deployments& deployments_;
  Deployment* deployment_;
  const DeploymentId id_;
  bool started_ = false;
  bool rolled_back_ = false;
  ExitReason failure_;
};

// Until the last instance has ended.  Who does not wait any more changes nothing for it.
class Deployments::UndeployWait final : public Wait {
 public:
  UndeployWait(Deployments& deployments, Deployment& deployment) noexcept
      : deployments_(deployments), deployment_(&deployment) {}

  bool await_ready() const noexcept { return false; }
  template <TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> awaiting) noexcept {
    if (!suspend(awaiting)) return false;
    deployment_->undeploying = this;
    deployment_->failure = {};
    deployments_.roll_back(*deployment_);
    return true;
  }
  Result<void> await_resume() {
    throw_if_interrupted();
    switch (failure_.kind) {
      case ExitKind::killed:
      case ExitKind::abandoned: return Errc::timeout;
      case ExitKind::normal:
      case ExitKind::shutdown: break;
      default: return {};  // it had failed before it was told to stop, and that is told to others
    }
    if (failure_.failure != nullptr) std::rethrow_exception(failure_.failure);
    return {};
  }
  void gone(const ExitReason& failure) noexcept {
    failure_ = failure;
    wake();
  }

 private:
  Ends on_cancel() noexcept override {
    deployment_->undeploying = nullptr;
    if (deployment_->failure.failure != nullptr) deployments_.loop_.report(deployment_->failure.failure);
    return Ends::yes;
  }
  const char* what() const noexcept override { return "an undeployment"; }

  Deployments& deployments_;
  Deployment* deployment_;
  ExitReason failure_;
};

Deployments::Deployments(VerticleSystem& system, EventLoop& loop)
    : system_(system), loop_(loop), supervisor_(system, loop, system.root_rule()) {
  supervisor_.run([this](const ExitReason&) {
    stopped_ = true;
    if (const auto done = std::move(done_)) done();
  });
}

Result<std::vector<std::unique_ptr<SupervisedChild>>> Deployments::make(const std::shared_ptr<const ChildSpec>& spec) {
  std::vector<std::unique_ptr<SupervisedChild>> children;
  const DeploymentOptions& options = spec->options;
  if (spec->supervisor != nullptr) {
    auto child = supervisor_.make_child(spec);
    if (!child) return child.error();
    children.push_back(std::move(*child));
    return children;
  }
  if (!spec->factory || options.instances == 0) return Errc::invalid;
  // All of them before any starts.
  std::vector<std::unique_ptr<Verticle>> verticles;
  std::unordered_set<const Verticle*> distinct;
  for (std::size_t i = 0; i < options.instances; ++i) {
    std::unique_ptr<Verticle> verticle = spec->factory();
    if (verticle == nullptr) return Errc::invalid;
    if (!distinct.insert(verticle.get()).second) {
      static_cast<void>(verticle.release());  // the one before owns it
      return Errc::invalid;
    }
    verticles.push_back(std::move(verticle));
  }
  for (std::size_t i = 0; i < options.instances; ++i) {
    EventLoop* const loop = system_.place(options);
    if (loop == nullptr) return Errc::invalid;
    children.push_back(std::make_unique<VerticleChild>(system_, spec, i, *loop, loop_, std::move(verticles[i])));
  }
  return children;
}

Deployments::Deployment& Deployments::begin(Supervisor& in, const std::shared_ptr<const ChildSpec>& spec,
                                            std::vector<std::unique_ptr<SupervisedChild>> children, DeploymentId id) {
  auto made = std::make_unique<Deployment>();
  made->slots.reserve(children.size());
  Deployment& deployment = *deployments_.emplace(number(id), std::move(made)).first->second;
  deployment.id = id;
  deployment.in = &in;
  const std::uint64_t group = in.new_group();
  try {
    for (auto& child : children) {
      SupervisorSlot& slot = in.add(spec, std::move(child), this, group);
      slot.set_tag(&deployment, deployment.slots.size());
      deployment.slots.push_back(&slot);
    }
  } catch (...) {
    // No memory for the rest: those that have begun to start are stopped.
    deployment.left = deployment.slots.size();
    if (deployment.left == 0) {
      deployments_.erase(number(id));
    } else {
      roll_back(deployment);
    }
    throw;
  }
  deployment.left = deployment.slots.size();
  return deployment;
}

Task<Result<DeploymentId>> Deployments::deploy(std::shared_ptr<const ChildSpec> spec) {
  if (!supervisor_.running()) co_return Errc::closed;  // it stops, or has given up
  auto children = make(spec);
  if (!children) co_return children.error();
  Deployment& deployment = begin(supervisor_, spec, std::move(*children), system_.next_deployment());
  co_return co_await DeployWait(*this, deployment);
}

Task<Result<DeploymentId>> Deployments::start_child(DeploymentId supervisor, std::shared_ptr<const ChildSpec> spec) {
  const auto found = deployments_.find(number(supervisor));
  if (found == deployments_.end()) co_return system_.knows(supervisor) ? Errc::closed : Errc::not_found;
  SupervisorSlot* const slot = found->second->slots.front();
  auto* const in = slot == nullptr ? nullptr : dynamic_cast<Supervisor*>(&slot->child());
  if (in == nullptr) co_return Errc::invalid;
  if (stopping_ || !in->running()) co_return Errc::closed;
  auto child = in->make_child(spec);
  if (!child) co_return child.error();
  std::vector<std::unique_ptr<SupervisedChild>> children;
  children.push_back(std::move(*child));
  Deployment& deployment = begin(*in, spec, std::move(children), system_.next_deployment());
  co_return co_await DeployWait(*this, deployment);
}

Task<Result<void>> Deployments::undeploy(DeploymentId id) {
  const auto found = deployments_.find(number(id));
  if (found == deployments_.end()) co_return system_.knows(id) ? Errc::closed : Errc::not_found;
  Deployment& deployment = *found->second;
  if (deployment.state == State::starting) co_return Errc::try_again;
  if (deployment.state == State::stopping) co_return Errc::closed;
  co_return co_await UndeployWait(*this, deployment);
}

void Deployments::roll_back(Deployment& deployment) {
  deployment.state = State::stopping;
  // A slot that does not run goes at once, and the last one takes the deployment with it.
  std::size_t left = deployment.left;
  for (std::size_t i = deployment.slots.size(); left != 0; --left) {
    while (deployment.slots[--i] == nullptr) {
    }
    deployment.in->remove(*deployment.slots[i]);
  }
}

void Deployments::on_slot_started(SupervisorSlot& slot) {
  Deployment& deployment = *static_cast<Deployment*>(slot.tag());
  if (deployment.state != State::starting || ++deployment.up != deployment.slots.size()) return;
  deployment.state = State::running;
  if (DeployWait* const wait = std::exchange(deployment.deploying, nullptr)) wait->started();
}

void Deployments::on_slot_gone(SupervisorSlot& slot, const ExitReason& reason) {
  Deployment& deployment = *static_cast<Deployment*>(slot.tag());
  deployment.slots[slot.index()] = nullptr;
  --deployment.left;
  if (!deployment.has_failed()) deployment.failure = reason;
  if (deployment.left != 0) {
    const bool done = slot.has_run() && !reason.abnormal();                   // which is no failure to start
    if (deployment.state == State::starting && !done) roll_back(deployment);  // one for all
    return;
  }
  const auto gone = deployments_.extract(number(deployment.id));
  if (deployment.deploying != nullptr) deployment.deploying->gone(deployment.failure);
  if (deployment.undeploying != nullptr) deployment.undeploying->gone(deployment.failure);
}

// An undeployment throws one failure, the first.
bool Deployments::hears_stop(const SupervisorSlot& slot) const noexcept {
  const Deployment& deployment = *static_cast<const Deployment*>(slot.tag());
  return deployment.undeploying != nullptr && !deployment.has_failed();
}

bool Deployments::stop(std::function<void()> done) {
  if (stopped_) return true;
  done_ = std::move(done);
  if (!std::exchange(stopping_, true)) {
    for (auto& [id, deployment] : deployments_) deployment->state = State::stopping;
    supervisor_.stop();
  }
  return false;
}

void Deployments::kill() {
  stopping_ = true;
  supervisor_.kill();
}

}  // namespace fluxor::runtime
