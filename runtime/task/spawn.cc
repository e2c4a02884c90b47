#include "runtime/task/spawn.h"

#include <cxxabi.h>

#include <typeinfo>

#include "runtime/base/errc.h"
#include "runtime/loop/event_loop.h"

namespace fluxor::runtime::detail {

void ChildState::finish(const std::exception_ptr& failure) noexcept {
  done_ = true;
  leave();
  TaskEnd end = was_cancelled_ ? TaskEnd::cancelled : failure != nullptr ? TaskEnd::failed : TaskEnd::succeeded;
  const bool excused = observer_ != nullptr && observer_->child_ended(end);
  if (excused && end != TaskEnd::cancelled) end = TaskEnd::excused;
  // The last word to the scope, which may be gone after it.
  const bool answered = scope_.ended(*this, end, failure);
  answered_ = end != TaskEnd::failed || answered;
}

bool ChildState::says_cancelled() noexcept {
  const std::type_info* const type = abi::__cxa_current_exception_type();
  if (type != nullptr && *type == typeid(Cancelled)) return true;  // by far the most common, and no second throw
  try {
    throw;
  } catch (const boost::system::system_error& error) {
    return error.code() == Errc::cancelled || error.code() == Errc::deadline;
  } catch (...) {
    return false;
  }
}

void ChildState::report_unheard(const std::exception_ptr& failure) const noexcept { loop()->report(failure); }

}  // namespace fluxor::runtime::detail
