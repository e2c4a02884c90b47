#include "runtime/verticle/verticle_child.h"

#include <string>
#include <utility>

#include "runtime/loop/event_loop.h"
#include "runtime/verticle/verticle_system.h"

namespace fluxor::runtime {

VerticleChild::VerticleChild(VerticleSystem& system, std::shared_ptr<const ChildSpec> spec, std::size_t index,
                             EventLoop& loop, EventLoop& home, std::unique_ptr<Verticle> first) noexcept
    : system_(system), spec_(std::move(spec)), index_(index), loop_(loop), home_(home), first_(std::move(first)) {}

std::string VerticleChild::name() const {
  const DeploymentOptions& options = spec_->options;
  return options.name.empty() || options.instances == 1 ? options.name : options.name + "#" + std::to_string(index_);
}

std::optional<ExitReason> VerticleChild::start(ChildListener& listener) {
  listener_ = &listener;
  try {
    std::unique_ptr<Verticle> verticle = first_ != nullptr ? std::move(first_) : spec_->factory();
    if (verticle == nullptr) return ExitReason{.kind = ExitKind::start_failed, .error = Errc::invalid};
    auto made = std::make_unique<Incarnation>(system_, spec_, name(), std::move(verticle), loop_, home_,
                                              static_cast<IncarnationOwner&>(*this));
    if (const auto started = made->order_start(); !started) {
      return ExitReason{.kind = ExitKind::start_failed, .error = started.error()};
    }
    incarnation_ = made.release();
    return std::nullopt;
  } catch (...) {
    return ExitReason{.kind = ExitKind::start_failed, .failure = std::current_exception()};
  }
}

void VerticleChild::stop() {
  if (incarnation_ != nullptr) incarnation_->order_stop();
}

void VerticleChild::kill() {
  if (incarnation_ != nullptr) incarnation_->order_kill();
}

void VerticleChild::abandon() {
  listener_ = nullptr;
  Incarnation* const incarnation = std::exchange(incarnation_, nullptr);
  if (incarnation == nullptr) return;
  incarnation->disown();
  system_.count_abandoned();
}

void VerticleChild::on_exited(const ExitReason& reason) {
  incarnation_ = nullptr;
  listener_->on_child_exited(*this, reason);
}

}  // namespace fluxor::runtime
