#include <array>
#include <memory>
#include <string>
#include <utility>

#include "runtime/base/log.h"
#include "runtime/loop/event_loop.h"
#include "runtime/verticle/supervisor.h"
#include "runtime/verticle/verticle_child.h"
#include "runtime/verticle/verticle_system.h"

// The place of a child: when it is started, how long it may take to stop.
namespace fluxor::runtime {

SupervisorSlot::SupervisorSlot(Supervisor& supervisor, std::shared_ptr<const ChildSpec> spec,
                               std::unique_ptr<SupervisedChild> child) noexcept
    : supervisor_(supervisor), spec_(std::move(spec)), child_(std::move(child)) {}

void SupervisorSlot::start() {
  state_ = SlotState::starting;
  killed_ = false;
  // A refusal is heard like any other end, in a unit of its own.
  if (auto refusal = child_->start(*this)) {
    last_exit_ = *std::move(refusal);
    refused_ = true;
    supervisor_.loop().arm_after(*this, Duration::zero());
  } else if (state_ == SlotState::stopping) {
    // Its factory has told us to stop, before there was anybody to tell.
    killed_ ? child_->kill() : child_->stop();
  }
}

void SupervisorSlot::start_after(Duration delay) {
  state_ = SlotState::waiting;
  supervisor_.loop().arm_after(*this, delay);
}

void SupervisorSlot::stop() {
  const Duration shutdown = spec_->options.shutdown;
  if (state_ == SlotState::waiting) {
    // Nothing runs.  It is told as if it had, so that there is one way for it to end.
    supervisor_.loop().cancel(*this);
    state_ = SlotState::down;
    return;
  }
  state_ = SlotState::stopping;
  ++supervisor_.stopping_;
  if (refused_) return;  // it will be heard
  // One that was killed while it ended by itself has had that time.
  if (shutdown != Duration::max() && !killed_) supervisor_.loop().arm_after(*this, shutdown);
  child_->stop();
}

void SupervisorSlot::kill() {
  if (state_ == SlotState::waiting) stop();
  if (state_ == SlotState::down) return;
  if (std::exchange(state_, SlotState::stopping) != SlotState::stopping) ++supervisor_.stopping_;
  if (std::exchange(killed_, true) || refused_) return;
  order_kill();
}

void SupervisorSlot::order_kill() {
  supervisor_.loop().cancel(*this);
  // A supervisor is never abandoned, so that what is named is always what does not end.
  if (spec_->supervisor == nullptr) {
    supervisor_.loop().arm_after(*this, supervisor_.system_.options().kill_grace);
  }
  child_->kill();
}

void SupervisorSlot::on_timer() {
  if (state_ == SlotState::waiting) return start();
  if (std::exchange(refused_, false)) {
    const ExitReason refusal = last_exit_;
    return on_child_exited(*child_, refusal);
  }
  // Not a stop of ours if it ends by itself: what comes of it is decided as of any other end.
  if (!std::exchange(killed_, true)) return order_kill();
  auto& child = static_cast<VerticleChild&>(*child_);
  child.abandon();
  const std::string what = supervisor_.path_of(*this);
  const std::string loop = std::to_string(child.loop().id());
  const std::array<LogField, 2> fields{{{"verticle", what}, {"loop", loop}}};
  supervisor_.system_.log("verticle abandoned: it does not end although it was cancelled", fields);
  on_child_exited(*child_, {.kind = ExitKind::abandoned});
}

void SupervisorSlot::on_child_started(SupervisedChild&) {
  // Told to stop meanwhile, its end is what counts.
  if (state_ != SlotState::starting) return;
  state_ = SlotState::up;
  supervisor_.child_started(*this);
}

void SupervisorSlot::on_child_ending(SupervisedChild&) {
  // As long as if it were told to; who was told to has a time already.
  const Duration shutdown = spec_->options.shutdown;
  const bool by_itself = state_ == SlotState::starting || state_ == SlotState::up;
  if (by_itself && shutdown != Duration::max()) supervisor_.loop().arm_after(*this, shutdown);
}

void SupervisorSlot::on_child_exited(SupervisedChild&, const ExitReason& reason) {
  supervisor_.loop().cancel(*this);
  last_exit_ = reason;
  has_exited_ = true;
  supervisor_.child_exited(*this, reason);
}

}  // namespace fluxor::runtime
