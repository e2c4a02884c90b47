#include "runtime/verticle/supervisor.h"

#include <stdexcept>
#include <string>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/loop/event_loop.h"
#include "runtime/verticle/verticle_child.h"
#include "runtime/verticle/verticle_system.h"

namespace fluxor::runtime {

std::string_view slot_state_name(SlotState state) noexcept {
  switch (state) {
    case SlotState::down: return "down";
    case SlotState::starting: return "starting";
    case SlotState::up: return "up";
    case SlotState::stopping: return "stopping";
    case SlotState::waiting: return "waiting";
  }
  return "unknown";
}

// Of one that was told to go and did not run: what it died of before is an old story.
static const ExitReason kNotRunning{.kind = ExitKind::shutdown};

Supervisor::Supervisor(VerticleSystem& system, EventLoop& loop, std::shared_ptr<const SupervisorOptions> options)
    : system_(system), loop_(loop), options_(std::move(options)) {
  if (options_->intensity) intensity_ = std::make_unique<RestartIntensity>(*options_->intensity);
  if (options_->strategy == Strategy::one_for_all || options_->strategy == Strategy::rest_for_one) {
    delay_ = std::make_unique<DelayTimer>(*this);
  }
}

Supervisor::~Supervisor() {
  FLUXOR_CHECK(phase_ == Phase::off, "a supervisor is destroyed when its children have stopped");
  while (first_ != nullptr) delete std::exchange(first_, first_->next_);
}

Result<std::unique_ptr<Supervisor>> Supervisor::create(VerticleSystem& system, EventLoop& loop,
                                                       const SupervisorSpec& spec) {
  auto supervisor = std::make_unique<Supervisor>(
      system, loop,
      std::make_shared<const SupervisorOptions>(SupervisorOptions{.name = spec.name,
                                                                  .strategy = spec.strategy,
                                                                  .intensity = spec.intensity,
                                                                  .backoff = spec.backoff,
                                                                  .auto_shutdown = spec.auto_shutdown}));
  for (const ChildSpec& child : spec.children) {
    auto shared = std::make_shared<const ChildSpec>(child);
    auto made = supervisor->make_child(shared);
    if (!made) return made.error();
    supervisor->add(std::move(shared), std::move(*made), nullptr, supervisor->new_group());
  }
  return supervisor;
}

Result<std::unique_ptr<SupervisedChild>> Supervisor::make_child(const std::shared_ptr<const ChildSpec>& spec) {
  if (spec->supervisor != nullptr) {
    auto nested = create(system_, loop_, *spec->supervisor);
    if (!nested) return nested.error();
    return std::unique_ptr<SupervisedChild>(std::move(*nested));
  }
  if (!spec->factory || spec->options.instances != 1) return Errc::invalid;
  EventLoop* const loop = system_.place(spec->options);
  if (loop == nullptr) return Errc::invalid;
  return std::unique_ptr<SupervisedChild>(std::make_unique<VerticleChild>(system_, spec, 0, *loop, loop_, nullptr));
}

SupervisorSlot& Supervisor::add(std::shared_ptr<const ChildSpec> spec, std::unique_ptr<SupervisedChild> child,
                                SlotObserver* observer, std::uint64_t group) {
  auto* const slot = new SupervisorSlot(*this, std::move(spec), std::move(child));
  slot->observer_ = observer;
  slot->group_ = group;
  slot->previous_ = last_;
  (last_ == nullptr ? first_ : last_->next_) = slot;
  last_ = slot;
  ++size_;
  if (phase_ != Phase::off && !ending_) slot->start();
  return *slot;
}

std::optional<ExitReason> Supervisor::start(ChildListener& listener) {
  listener_ = &listener;
  reason_ = {};
  ending_ = false;
  starting_ = true;
  for (SupervisorSlot* slot = first_; slot != nullptr; slot = slot->next_) {
    slot->has_run_ = false;
    slot->retired_ = false;
  }
  if (intensity_) intensity_->reset();
  phase_ = Phase::up;
  from_ = first_;
  advance();
  return std::nullopt;
}

void Supervisor::run(Ended ended) {
  ended_ = std::move(ended);
  reason_ = {};
  phase_ = Phase::steady;
}

void Supervisor::stop() { begin_end({.kind = ExitKind::shutdown}); }

void Supervisor::kill() {
  begin_end({.kind = ExitKind::shutdown});
  for (SupervisorSlot* slot = first_; slot != nullptr;) {
    SupervisorSlot& each = *slot;
    slot = slot->next_;
    each.kill();
  }
  advance();
}

void Supervisor::begin_end(ExitReason reason) {
  if (phase_ == Phase::off || ending_) return;
  ending_ = true;
  starting_ = false;
  reason_ = std::move(reason);
  if (delay_ != nullptr) loop_.cancel(*delay_);
  phase_ = Phase::down;
  from_ = first_;
  advance();
}

void Supervisor::remove(SupervisorSlot& slot) {
  slot.wanted_ = false;
  if (slot.state_ == SlotState::up || slot.state_ == SlotState::starting || slot.state_ == SlotState::waiting) {
    slot.stop();
  }
  if (slot.state_ == SlotState::down) destroy(slot, kNotRunning);
}

void Supervisor::retire(SupervisorSlot& slot, const ExitReason& reason) {
  if (slot.observer_ != nullptr) return destroy(slot, reason);
  slot.retired_ = slot.spec().options.restart == Restart::temporary;
}

void Supervisor::destroy(SupervisorSlot& slot, const ExitReason& reason) {
  if (from_ == &slot) from_ = slot.next_;
  (slot.previous_ == nullptr ? first_ : slot.previous_->next_) = slot.next_;
  (slot.next_ == nullptr ? last_ : slot.next_->previous_) = slot.previous_;
  --size_;
  if (slot.observer_ != nullptr) slot.observer_->on_slot_gone(slot, reason);
  delete &slot;
}

void Supervisor::child_started(SupervisorSlot& slot) {
  if (!slot.has_run_) {
    slot.has_run_ = true;
    if (slot.observer_ != nullptr) slot.observer_->on_slot_started(slot);
  }
  if (slot.lives_++ != 0) {
    ++restarts_;
    system_.count_restart();
  }
  advance();
}

void Supervisor::child_exited(SupervisorSlot& slot, const ExitReason& reason) {
  const SlotState before = std::exchange(slot.state_, SlotState::down);
  if (before == SlotState::stopping) --stopping_;
  if (reason.kind == ExitKind::crashed) system_.count_crash();
  if (before == SlotState::stopping || ending_) {
    // Who undeploys it hears what stop() has thrown; nobody hears of the rest.
    const bool heard = reason.kind == ExitKind::shutdown && !slot.wanted_ && slot.observer_ != nullptr &&
                       slot.observer_->hears_stop(slot);
    if (reason.failure != nullptr && !heard) {
      system_.log(Severity::error, "child failed while it stopped", path_of(slot), reason.text());
    }
    if (!slot.wanted_ || (ending_ && slot.observer_ != nullptr)) destroy(slot, reason);
    return advance();
  }
  if (!slot.has_run_) {
    // Its first start: who wants it is told, and nobody tries again.
    if (slot.observer_ != nullptr) {
      destroy(slot, reason);
      return advance();
    }
    if (starting_) {
      system_.log(Severity::error, "child failed to start", path_of(slot), reason.text());
      return begin_end({.kind = ExitKind::start_failed, .error = reason.error, .failure = reason.failure});
    }
  }
  // It would have been stopped now, to be started anew with those that are: that restart counts already.
  if (phase_ == Phase::down && from_ != nullptr && is_before(*from_, slot)) {
    system_.log(Severity::error, "child failed while it was to be restarted", path_of(slot), reason.text());
    return advance();
  }
  const Restart restart = slot.spec().options.restart;
  if (restart == Restart::permanent || (restart == Restart::transient && reason.abnormal())) {
    failed(slot, reason);
  } else {
    ended_for_good(slot, reason);
  }
}

void Supervisor::ended_for_good(SupervisorSlot& slot, const ExitReason& reason) {
  if (reason.abnormal() || reason.failure != nullptr)
    system_.log(Severity::error, "child ended", path_of(slot), reason.text());
  const bool ends_us = significant_end(slot);
  retire(slot, reason);
  if (ends_us) return begin_end({.kind = ExitKind::shutdown});
  advance();
}

bool Supervisor::significant_end(const SupervisorSlot& slot) const noexcept {
  if (!slot.spec().options.significant || options_->auto_shutdown == AutoShutdown::never) return false;
  if (options_->auto_shutdown == AutoShutdown::any_significant) return true;
  for (const SupervisorSlot* other = first_; other != nullptr; other = other->next_) {
    if (other != &slot && other->spec().options.significant && other->state_ != SlotState::down) return false;
  }
  return true;
}

void Supervisor::failed(SupervisorSlot& slot, const ExitReason& reason) {
  system_.log(Severity::error, reason.abnormal() ? "child failed" : "permanent child ended", path_of(slot),
              reason.text());
  const Instant now = loop_.now();
  if (options_->escalation_is_the_end && reason.kind == ExitKind::gave_up) return give_up(slot, reason);
  if (intensity_ && !intensity_->admit(now)) return give_up(slot, reason);
  if (options_->strategy == Strategy::one_for_one || options_->strategy == Strategy::dynamic) {
    const Duration delay =
        options_->backoff ? slot.backoff_.next(*options_->backoff, now, system_.random()) : Duration::zero();
    if (delay > Duration::zero()) {
      slot.start_after(delay);
    } else {
      slot.start();
    }
    return advance();
  }
  if (options_->backoff) group_delay_ = group_backoff_.next(*options_->backoff, now, system_.random());
  SupervisorSlot& first = options_->strategy == Strategy::one_for_all ? *first_ : slot;
  from_ = phase_ == Phase::steady || from_ == nullptr || is_before(first, *from_) ? &first : from_;
  if (delay_ != nullptr) loop_.cancel(*delay_);
  phase_ = Phase::down;
  advance();
}

void Supervisor::give_up(SupervisorSlot& slot, const ExitReason& reason) {
  system_.log(Severity::error, "supervisor gives up: too many failures", options_->name, path_of(slot));
  if (listener_ == nullptr) {
    // What the root does is up to who has made it: the tree stands, without the child that failed, to be reported.
    system_.give_up(path_of(slot) + " " + reason.text());
    return;
  }
  begin_end({.kind = ExitKind::gave_up, .error = reason.error, .failure = reason.failure});
}

bool Supervisor::is_before(const SupervisorSlot& slot, const SupervisorSlot& other) const noexcept {
  for (const SupervisorSlot* each = &slot; each != nullptr; each = each->next_) {
    if (each == &other) return true;
  }
  return false;
}

void Supervisor::advance() {
  if (phase_ == Phase::down && !advance_down()) return;
  if (phase_ == Phase::up && !advance_up()) return;
}

// Stops the children from `from_` on, the last one first; true when all are down and the phase has changed.
bool Supervisor::advance_down() {
  if (stopping_ != 0) return false;
  for (SupervisorSlot* slot = from_ == nullptr ? nullptr : last_; slot != nullptr; slot = slot->previous_) {
    // Those of one group stop together; who was started before waits for them.
    if (slot->state_ != SlotState::down) {
      const std::uint64_t group = slot->group_;
      for (SupervisorSlot* member = slot; member != nullptr && member->group_ == group; member = member->previous_) {
        if (member->state_ != SlotState::down) member->stop();
        if (member == from_) break;
      }
      if (stopping_ != 0) return false;
    }
    if (slot == from_) break;
  }
  // Nobody restarts what is temporary.
  for (SupervisorSlot* slot = from_; slot != nullptr;) {
    SupervisorSlot& each = *slot;
    slot = slot->next_;
    if (ending_) {
      if (each.observer_ != nullptr) destroy(each, kNotRunning);
    } else if (each.spec().options.restart == Restart::temporary) {
      retire(each, each.last_exit_);
    }
  }
  if (ending_) {
    phase_ = Phase::off;
    tell_exited_ = true;
    loop_.make_ready(static_cast<ReadyNode&>(*this));
    return false;
  }
  phase_ = Phase::up;
  if (group_delay_ > Duration::zero()) {
    loop_.arm_after(*delay_, std::exchange(group_delay_, Duration::zero()));
    return false;
  }
  return true;
}

// Starts the children from `from_` on, one after another; true when all are up and the phase has changed.
bool Supervisor::advance_up() {
  if (delay_ != nullptr && delay_->armed()) return false;
  for (; from_ != nullptr; from_ = from_->next_) {
    SupervisorSlot* const slot = from_;
    if (slot->state_ == SlotState::up || slot->retired_) continue;
    if (slot->state_ == SlotState::down) slot->start();
    return false;
  }
  phase_ = Phase::steady;
  if (std::exchange(starting_, false)) {
    tell_started_ = true;
    loop_.make_ready(static_cast<ReadyNode&>(*this));
  }
  return true;
}

void Supervisor::on_ready() {
  if (std::exchange(tell_started_, false) && !tell_exited_ && listener_ != nullptr) listener_->on_child_started(*this);
  if (!std::exchange(tell_exited_, false)) return;
  const ExitReason reason = reason_;
  if (listener_ != nullptr) {
    listener_->on_child_exited(*this, reason);
  } else if (ended_) {
    const Ended ended = std::move(ended_);
    ended(reason);
  }
}

std::string Supervisor::path_of(const SupervisorSlot& slot) const {
  const std::string& name = slot.spec().options.name;
  const std::string child = name.empty() ? "unnamed" : name;
  return options_->name.empty() ? child : options_->name + "/" + child;
}

}  // namespace fluxor::runtime
