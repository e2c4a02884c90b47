#include "runtime/task/scope.h"

#include <algorithm>
#include <boost/system/system_error.hpp>

#include "runtime/loop/event_loop.h"

namespace fluxor::runtime::detail {
namespace {

Instant own_deadline(EventLoop& loop, const ScopeOptions& options) noexcept {
  return options.within == Duration::max() ? options.deadline
                                           : std::min(options.deadline, later(loop.now(), options.within));
}

}  // namespace

ScopeWait::ScopeWait(EventLoop& loop, Instant around, const ScopeOptions& options) noexcept
    : ScopeState(loop, std::min(around, own_deadline(loop, options))),
      mode_(options.mode),
      has_deadline_(deadline() < around),
      report_(options.report) {}

ScopeWait::~ScopeWait() = default;

void ScopeWait::begin_body(ChildState& body, std::coroutine_handle<> first) noexcept {
  body_ = &body;
  if (has_deadline_) loop().arm(timer_, deadline());
  body.begin(first);
  add(body);
}

void ScopeWait::DeadlineTimer::on_timer() {
  scope_.deadline_passed_ = true;
  scope_.cancel(CancelReason::deadline);
}

bool ScopeWait::on_task_ended(const TaskState& task, TaskEnd end, const std::exception_ptr& failure) noexcept {
  const bool is_body = &task == body_;
  if (end == TaskEnd::cancelled) {
    some_cancelled_ = true;
    if (is_body) body_cancelled_ = true;
  }
  if (end == TaskEnd::succeeded && mode_ == ScopeMode::race && !is_body) {
    won_ = true;
    cancel(CancelReason::cancelled);
  }
  if (end != TaskEnd::failed) return true;
  const bool kept = keep(task, failure);
  if (mode_ != ScopeMode::fail_fast && !is_body) {
    if (mode_ == ScopeMode::supervised) return kept;
    // Of a race that nobody wins the first failure is thrown; to have lost one that is won is nobody's concern.
    if (failure_ == nullptr) failure_ = failure;
    return true;
  }
  cancel(CancelReason::cancelled);
  won_ = false;
  if (failure_ != nullptr) return kept;
  failure_ = failure;
  return true;
}

bool ScopeWait::keep(const TaskState& task, const std::exception_ptr& failure) noexcept {
  if (report_ == nullptr) return false;
  report_->failures.push_back({failure, task.site()});
  return true;
}

void ScopeWait::on_empty() noexcept {
  close();  // before others run: the task around hears of it only in a unit of its own
  loop().cancel(timer_);
  wake();
}

void ScopeWait::throw_if_failed(bool value_needed) {
  if (failure_ != nullptr && !won_) std::rethrow_exception(failure_);
  if (task().cancelled() && some_cancelled_) throw Cancelled{task().cancel_reason()};
  if (cut_by_deadline()) throw boost::system::system_error(make_error_code(Errc::deadline));
  if (body_cancelled_ && value_needed) throw boost::system::system_error(make_error_code(Errc::cancelled));
}

}  // namespace fluxor::runtime::detail
