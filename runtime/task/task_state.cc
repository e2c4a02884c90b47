#include "runtime/task/task_state.h"

#include <utility>

#include "runtime/base/check.h"
#include "runtime/loop/event_loop.h"
#include "runtime/task/wait.h"

namespace fluxor::runtime {

constinit thread_local TaskState* TaskState::current_ = nullptr;

TaskState::TaskState(const std::source_location& site) noexcept
    : TaskState(EventLoop::current(), nullptr, site, kNever) {}

void TaskState::begin_soon(std::coroutine_handle<> first) noexcept {
  FLUXOR_CHECK(loop_ != nullptr, "a task that waits lives on an event loop");
  resume_ = first;
  loop_->make_ready(*this);
}

void TaskState::resume() {
  // Restored, not cleared: a task may be begun inside another.  Both are gone from here on if it ends.
  TaskState* const outer = std::exchange(current_, this);
  if (loop_ == nullptr) {
    resume_.resume();
  } else {
    const ActivityLabel label(loop_->activity(), label_);
    resume_.resume();
  }
  current_ = outer;
}

void TaskState::cancel(CancelReason reason) noexcept {
  if (cancelled_) return;
  cancelled_ = true;
  reason_ = reason;
  if (waiting_ != nullptr) waiting_->interrupt();
}

}  // namespace fluxor::runtime
