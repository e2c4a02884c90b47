#include "runtime/task/spawn.h"

#include "runtime/loop/event_loop.h"

namespace fluxor::runtime::detail {

void ChildState::finish(const std::exception_ptr& failure) noexcept {
  done_ = true;
  leave();
  const TaskEnd end = was_cancelled_ ? TaskEnd::cancelled : failure != nullptr ? TaskEnd::failed : TaskEnd::succeeded;
  if (observer_ != nullptr) std::exchange(observer_, nullptr)->child_ended();
  // The last word to the scope, which may be gone after it.
  const bool answered = scope_.ended(*this, end, failure);
  answered_ = end != TaskEnd::failed || answered;
}

void ChildState::report_unheard(const std::exception_ptr& failure) const noexcept { loop()->report(failure); }

}  // namespace fluxor::runtime::detail
