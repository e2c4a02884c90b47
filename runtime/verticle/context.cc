#include "runtime/verticle/context.h"

#include <boost/system/system_error.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/loop/event_loop.h"
#include "runtime/task/task_state.h"
#include "runtime/verticle/deployments.h"
#include "runtime/verticle/incarnation.h"
#include "runtime/verticle/verticle_system.h"
#include "runtime/worker/ordered_blocking.h"

namespace fluxor::runtime {

VerticleResource::VerticleResource(Context& context) noexcept : owner_(&context.incarnation_) { owner_->add(*this); }
VerticleResource::~VerticleResource() {
  if (owner_ != nullptr) owner_->remove(*this);
}

Context* Context::current() noexcept {
  const TaskState* const task = TaskState::current();
  return task == nullptr ? nullptr : static_cast<Context*>(task->owner());
}

EventLoop& Context::loop() const noexcept { return incarnation_.loop(); }
VerticleId Context::id() const noexcept { return incarnation_.id(); }
const std::string& Context::name() const noexcept { return incarnation_.name(); }
VerticleState Context::state() const noexcept { return incarnation_.state(); }
VerticleSystem& Context::system() const noexcept { return incarnation_.system(); }
const std::any* Context::config_any() const noexcept { return incarnation_.spec().options.config.get(); }
void Context::exit() noexcept { incarnation_.exit(); }
void Context::crash(std::exception_ptr failure) noexcept { incarnation_.crash(std::move(failure)); }
BlockingExecutor& Context::workers() const noexcept { return system().workers(); }
OrderedBlocking& Context::in_order() const { return incarnation_.in_order(); }
ScopeState& Context::spawn_scope() const noexcept { return incarnation_.scope(); }

TimerHandle Context::begin_timer(VerticleTimer& timer, Duration delay) {
  TimerHandle handle(timer);
  if (spawn_scope().cancelled()) {
    timer.release();  // never to fire
  } else {
    incarnation_.timers().begin(timer, later(loop().now(), delay));
  }
  return handle;
}

Duration Context::checked(Duration period) {
  if (period <= Duration::zero()) throw boost::system::system_error(make_error_code(Errc::invalid));
  return period;
}

std::uint64_t Context::begin_monitor(VerticleId of, DownHandler handler, const std::source_location& site) {
  return incarnation_.monitor(of, std::move(handler), site);
}
void Context::demonitor(std::uint64_t key) noexcept { incarnation_.demonitor(key); }
void Context::set_trap(DownHandler handler, const std::source_location& site) {
  incarnation_.trap_exits(std::move(handler), site);
}
void Context::link(VerticleId with) { system().directory().link(incarnation_, with); }
void Context::unlink(VerticleId with) noexcept { system().directory().unlink(incarnation_, with); }
std::optional<VerticleId> Context::find(std::string_view name) const { return system().directory().find(name); }

Task<Result<DeploymentId>> Context::deploy(VerticleFactory factory, DeploymentOptions options) {
  if (!incarnation_.alive()) co_return Errc::closed;
  ChildSpec spec{.options = std::move(options), .factory = std::move(factory)};
  co_return co_await incarnation_.children().deploy(std::make_shared<const ChildSpec>(std::move(spec)));
}

Task<Result<DeploymentId>> Context::deploy(SupervisorSpec spec) {
  if (!incarnation_.alive()) co_return Errc::closed;
  SupervisorSpec around;
  around.child(std::move(spec));
  co_return co_await incarnation_.children().deploy(
      std::make_shared<const ChildSpec>(std::move(around.children.front())));
}

Task<Result<DeploymentId>> Context::start_child(DeploymentId supervisor, ChildSpec spec) {
  if (!incarnation_.alive()) co_return Errc::closed;
  co_return co_await incarnation_.children().start_child(supervisor,
                                                         std::make_shared<const ChildSpec>(std::move(spec)));
}

Task<Result<void>> Context::undeploy(DeploymentId id) {
  if (incarnation_.children_if_any() == nullptr) co_return system().knows(id) ? Errc::closed : Errc::not_found;
  co_return co_await incarnation_.children().undeploy(id);
}

}  // namespace fluxor::runtime
