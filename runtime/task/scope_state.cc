#include "runtime/task/scope_state.h"

#include <utility>

namespace fluxor::runtime {
namespace {

// Scopes whose tasks are still to be told, innermost last; null when no cancellation is on its way.  Of this thread.
constinit thread_local ScopeState* first_to_tell = nullptr;
constinit thread_local bool telling = false;

}  // namespace

void* TaskState::owner() const noexcept { return scope_ == nullptr ? nullptr : scope_->owner(); }

ScopeState::~ScopeState() {
  FLUXOR_CHECK(empty(), "a scope is not left before its tasks have ended");
  close();
}

void ScopeState::close() noexcept {
  closed_ = true;
  if (ScopeLink* const link = std::exchange(link_, nullptr)) {
    link->scope_ = nullptr;
    link->release();
  }
}

void ScopeState::cancel(CancelReason reason) noexcept {
  if (std::exchange(cancelled_, true)) return;
  reason_ = reason;
  if (first_ == nullptr) return;
  // A task that waits in a scope of its own hands the word on by calling this again, so what is inside is told from
  // here, by the outermost call.
  next_to_tell_ = std::exchange(first_to_tell, this);
  if (std::exchange(telling, true)) return;
  while (first_to_tell != nullptr) {
    ScopeState& scope = *std::exchange(first_to_tell, first_to_tell->next_to_tell_);
    // Nobody ends in here: who is told goes on in a unit of its own.
    for (TaskState* task = scope.first_; task != nullptr; task = task->next_) task->cancel(scope.reason_);
  }
  telling = false;
}

ScopeLink& ScopeState::link() {
  FLUXOR_CHECK(!closed_, "a scope is not used after its tasks have ended");
  if (link_ == nullptr) link_ = new ScopeLink(*this);
  return *link_;
}

void ScopeState::add(TaskState& task) noexcept {
  FLUXOR_CHECK(!closed_, "a scope is not used after its tasks have ended");
  task.previous_ = last_;
  (last_ == nullptr ? first_ : last_->next_) = &task;
  last_ = &task;
  ++size_;
  if (cancelled_) task.cancel(reason_);
}

bool ScopeState::ended(TaskState& task, TaskEnd end, const std::exception_ptr& failure) noexcept {
  (task.previous_ == nullptr ? first_ : task.previous_->next_) = task.next_;
  (task.next_ == nullptr ? last_ : task.next_->previous_) = task.previous_;
  task.previous_ = nullptr;
  task.next_ = nullptr;
  --size_;
  const bool answered = on_task_ended(task, end, failure);
  // The scope may be gone after this.
  if (first_ == nullptr) on_empty();
  return answered;
}

}  // namespace fluxor::runtime
