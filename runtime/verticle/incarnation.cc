#include "runtime/verticle/incarnation.h"

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <stdexcept>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/loop/event_loop.h"
#include "runtime/task/spawn.h"
#include "runtime/task/wait.h"
#include "runtime/verticle/deployments.h"
#include "runtime/verticle/verticle_system.h"
#include "runtime/worker/ordered_blocking.h"

namespace fluxor::runtime {

Incarnation::Incarnation(VerticleSystem& system, std::shared_ptr<const ChildSpec> spec, std::string name,
                         std::unique_ptr<Verticle> verticle, EventLoop& loop, EventLoop& home, IncarnationOwner& owner)
    : DirectoryEntry(std::move(name), loop.id()),
      ScopeState(loop, kNever),
      system_(system),
      spec_(std::move(spec)),
      counts_(*system.counts_of(loop)),
      home_loop_(home),
      owner_(&owner),
      verticle_(std::move(verticle)) {}

Incarnation::~Incarnation() = default;

// --- home

Result<void, Errc> Incarnation::order_start() {
  // Before anyone can see it: a link that is made and broken at once would else have its say before it starts.
  orders_.store(kStart, std::memory_order_relaxed);
  if (!system_.directory().enter(*this)) return Errc::exists;
  counts_.enter();
  if (order(0)) return {};
  counts_.leave(VerticleState::starting);
  system_.directory().remove(*this, {.kind = ExitKind::start_failed});
  return Errc::closed;
}

bool Incarnation::order(std::uint8_t what) noexcept {
  orders_.fetch_or(what, std::memory_order_acq_rel);
  return loop().signal(*this);
}

void Incarnation::disown() noexcept {
  owner_ = nullptr;
  counts_.abandon();
  system_.directory().remove(*this, {.kind = ExitKind::abandoned});
}

void Incarnation::hear_started() {
  if (to_be_freed_) {
    delete this;
    return;
  }
  if (owner_ != nullptr) owner_->on_started();
}

void Incarnation::hear_ending() {
  if (owner_ != nullptr) owner_->on_ending();
}

void Incarnation::hear_exited() {
  IncarnationOwner* const owner = owner_;
  const ExitReason reason = reason_;
  if (owner == nullptr) counts_.recover();
  // The node of the other word home had to say, which it has said.
  to_be_freed_ = true;
  if (!loop().signal(started_)) delete this;
  if (owner != nullptr) owner->on_exited(reason);
}

// --- loop: orders

void Incarnation::on_control() {
  const std::uint8_t orders = orders_.exchange(0, std::memory_order_acq_rel);
  if ((orders & kStart) != 0) begin();
  if ((orders & kNotices) != 0) hear_notices();
  if ((orders & kStop) != 0) begin_stop(ExitKind::shutdown);
  if ((orders & kKill) != 0) kill();
  if ((orders & kFinish) != 0) finish();
}

Task<> Incarnation::run_start(Incarnation* self) { co_await self->verticle_->start(self->context_); }
Task<> Incarnation::run_stop(Incarnation* self) { co_await self->verticle_->stop(); }

void Incarnation::begin() {
  try {
    start_task_ = &detail::spawn_into(*this, std::source_location::current(), &Incarnation::run_start, this).state();
  } catch (...) {
    fail(ExitKind::start_failed, std::current_exception());
  }
}

bool Incarnation::on_task_ended(const TaskState& task, TaskEnd end, const std::exception_ptr& failure) noexcept {
  if (&task == start_task_) {
    start_task_ = nullptr;
    if (end == TaskEnd::succeeded && state() == VerticleState::starting) {
      set_state(VerticleState::running);
      home_loop_.signal(started_);
    } else if (end == TaskEnd::failed) {
      if (!alive()) return false;  // told to stop, it has failed to undo what it had begun
      fail(ExitKind::start_failed, failure);
    }
    return true;
  }
  if (&task == stop_task_) {
    stop_task_ = nullptr;
    if (end == TaskEnd::failed) reason_.failure = failure;
    proceed();
    return true;
  }
  if (end != TaskEnd::failed) return true;
  if (!alive()) return false;  // it is ending already: this one goes to the loop's failure handler
  fail(ExitKind::crashed, failure);
  return true;
}

void Incarnation::crash(std::exception_ptr failure) noexcept {
  if (!alive()) return loop().report(failure);  // it is ending already, and this has no other owner
  fail(ExitKind::crashed, std::move(failure));
}

void Incarnation::fail(ExitKind kind, std::exception_ptr failure) noexcept {
  if (!alive()) return;
  // While it starts, every way to fail is a start that failed.
  reason_ = {.kind = state() == VerticleState::starting ? ExitKind::start_failed : kind, .failure = std::move(failure)};
  set_state(VerticleState::failing);
  home_loop_.signal(ending_);
  proceed();
}

void Incarnation::begin_stop(ExitKind kind) noexcept {
  if (!alive()) return;
  reason_ = {.kind = kind};
  // stop() is for what start() has made, all of it.
  stop_called_ = state() == VerticleState::starting;
  set_state(VerticleState::stopping);
  if (kind == ExitKind::normal) home_loop_.signal(ending_);
  proceed();
}

void Incarnation::kill() noexcept {
  if (state() == VerticleState::ended || std::exchange(killed_, true)) return;
  const std::vector<std::string> lines = held();
  std::string text = "verticle " +
                     (name().empty() ? "number " + std::to_string(static_cast<std::uint64_t>(id())) : name()) +
                     " did not stop in its time";
  for (const std::string& line : lines) text += "\n  " + line;
  system_.note_hold_out(std::move(text));
  // There is no time for stop().
  stop_called_ = true;
  if (alive()) set_state(VerticleState::stopping);
  reason_.kind = ExitKind::killed;
  if (children_ != nullptr) children_->kill();
  end_tasks();
  proceed();
}

void Incarnation::proceed() noexcept {
  if (state() != VerticleState::stopping && state() != VerticleState::failing) return;
  // Without a stop() to come there is no use for tasks: they end beside the children.
  const bool graceful = state() == VerticleState::stopping && !stop_called_;
  if (!graceful && stop_task_ == nullptr) end_tasks();
  if (children_ != nullptr && !children_->stop([this] { proceed(); })) return;
  if (graceful) {
    stop_called_ = true;
    try {
      stop_task_ = &detail::spawn_into(*this, std::source_location::current(), &Incarnation::run_stop, this).state();
      return;
    } catch (...) {
      reason_.failure = std::current_exception();
      end_tasks();
    }
  }
  if (stop_task_ != nullptr || !empty()) return;
  // In a unit of its own: the last task's frame, and whoever called us, are done by then.
  if (!std::exchange(finishing_, true)) order(kFinish);
}

// A timer that still fired would call into what has crashed, or has returned from stop().
void Incarnation::end_tasks() noexcept {
  timers_.cancel_all();
  cancel(CancelReason::cancelled);
}

void Incarnation::finish() {
  // What was spawned since the last one had ended has to end, too; it says so by proceed().
  if (!empty()) {
    finishing_ = false;
    return;
  }
  // The youngest first.
  while (last_resource_ != nullptr) {
    VerticleResource& resource = *last_resource_;
    remove(resource);
    resource.on_verticle_end();
  }
  verticle_.reset();
  children_.reset();
  extras_.reset();
  set_state(VerticleState::ended);
  system_.directory().remove(*this, reason_);
  // Home frees it; where that has ended there is nobody else.
  if (home_loop_.signal(exited_)) return;
  to_be_freed_ = true;
  loop().signal(started_);
}

// --- loop: what the verticle uses

Deployments& Incarnation::children() {
  if (children_ == nullptr) children_ = std::make_unique<Deployments>(system_, loop());
  return *children_;
}

Incarnation::Extras& Incarnation::extras() {
  if (extras_ == nullptr) extras_ = std::make_unique<Extras>();
  return *extras_;
}

OrderedBlocking& Incarnation::in_order() {
  std::unique_ptr<OrderedBlocking>& line = extras().in_order;
  if (line == nullptr) line = std::make_unique<OrderedBlocking>(system_.workers());
  return *line;
}

const Supervisor* Incarnation::supervisor_if_any() const noexcept {
  return children_ == nullptr ? nullptr : &children_->supervisor();
}

std::uint64_t Incarnation::monitor(VerticleId of, DownHandler handler, const std::source_location& site) {
  const std::uint64_t key = ++extras().last_monitor;
  extras_->monitors.push_back({key, std::move(handler), site});
  try {
    system_.directory().watch(*this, of, key);
  } catch (...) {
    extras_->monitors.pop_back();
    throw;
  }
  return key;
}

void Incarnation::demonitor(std::uint64_t key) noexcept {
  if (extras_ == nullptr) return;
  std::erase_if(extras_->monitors, [key](const Monitor& monitor) { return monitor.key == key; });
  system_.directory().unwatch(*this, key);
}

void Incarnation::hear_notices() noexcept {
  while (const auto notice = system_.directory().take_notice(*this)) {
    if (!alive()) continue;
    const Down down{notice->target_id, notice->reason};
    try {
      if (notice->kind == Watch::Kind::monitor) {
        const auto found = find_monitor(notice->key);
        if (found == extras_->monitors.end()) continue;
        detail::spawn_into(*this, found->site, &Incarnation::tell_down, this, notice->key, down);
      } else if (extras_ != nullptr && extras_->trap) {
        detail::spawn_into(*this, extras_->trap_site, &Incarnation::tell_trap, this, down);
      } else if (down.reason.abnormal()) {
        throw std::runtime_error("linked verticle number " + std::to_string(static_cast<std::uint64_t>(down.id)) + " " +
                                 down.reason.text());
      }
    } catch (...) {
      // Also for lack of memory to tell it.
      crash(std::current_exception());
    }
  }
}

// Looks again when it runs: demonitor() may have come in between.
Task<> Incarnation::tell_down(Incarnation* self, std::uint64_t key, Down down) {
  const auto found = self->find_monitor(key);
  if (found == self->extras_->monitors.end()) co_return;
  const DownHandler handler = std::move(found->handler);
  self->extras_->monitors.erase(found);
  co_await handler(down);
}

Task<> Incarnation::tell_trap(Incarnation* self, Down down) {
  const DownHandler handler = self->extras_->trap;
  co_await handler(down);
}

std::vector<Incarnation::Monitor>::iterator Incarnation::find_monitor(std::uint64_t key) noexcept {
  std::vector<Monitor>& monitors = extras_->monitors;  // whoever has a key has these
  return std::find_if(monitors.begin(), monitors.end(), [key](const Monitor& monitor) { return monitor.key == key; });
}

void Incarnation::add(VerticleResource& resource) noexcept {
  ++resources_;
  resource.previous_ = last_resource_;
  if (last_resource_ != nullptr) last_resource_->next_ = &resource;
  last_resource_ = &resource;
}

void Incarnation::remove(VerticleResource& resource) noexcept {
  --resources_;
  if (resource.previous_ != nullptr) resource.previous_->next_ = resource.next_;
  (resource.next_ == nullptr ? last_resource_ : resource.next_->previous_) = resource.previous_;
  resource.previous_ = resource.next_ = nullptr;
  resource.owner_ = nullptr;
}

void Incarnation::set_state(VerticleState state) noexcept {
  counts_.change(this->state(), state);
  DirectoryEntry::set_state(state);
}

std::string_view Incarnation::role_of(const TaskState& task) const noexcept {
  if (&task == start_task_) return "start()";
  return &task == stop_task_ ? "stop()" : "";
}

std::vector<std::string> Incarnation::held() const {
  std::vector<std::string> lines;
  each_task([&](const TaskState& task) {
    const std::source_location& site = task.site();
    std::string line = &task == start_task_ ? "start()" : &task == stop_task_ ? "stop()" : "a task";
    line += ", spawned at " + std::string(site.file_name()) + ":" + std::to_string(site.line()) + ", " +
            (task.waiting() == nullptr ? "runs" : "waits for " + std::string(task.waiting()->what()));
    lines.push_back(std::move(line));
  });
  return lines;
}

}  // namespace fluxor::runtime
