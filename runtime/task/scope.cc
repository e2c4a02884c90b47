#include "runtime/task/scope.h"

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <new>

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
  if (has_deadline_) {
    if (deadline() <= loop().now()) {
      cancel_for_deadline();  // nothing begins that has no time
    } else {
      loop().arm(deadline_, deadline());
    }
  }
  body.begin(first);
  add(body);
}

void ScopeWait::Deadline::on_timer() { scope_.loop().make_ready(*this); }

void ScopeWait::cancel_for_deadline() noexcept {
  if (!cancelled()) told_by_ = ToldBy::deadline;
  cancel(CancelReason::deadline);
}

void ScopeWait::cancel_from_around() noexcept {
  if (!cancelled()) told_by_ = ToldBy::around;
  cancel(task().cancel_reason());
}

bool ScopeWait::on_task_ended(const TaskState& task, TaskEnd end, const std::exception_ptr& failure) noexcept {
  const bool is_body = &task == body_;
  if (end == TaskEnd::cancelled) {
    if (cancelled()) cut_short_ = true;
    return true;
  }
  if (end == TaskEnd::succeeded) {
    if (mode_ == ScopeMode::race && !is_body && !body_failed_) {
      won_ = true;
      failure_ = nullptr;  // to have lost a race that is won is nobody's concern
      lost_.clear();
      cancel(CancelReason::cancelled);
    }
    return true;
  }
  if (end == TaskEnd::excused) return true;
  const bool kept = keep(task, failure);
  if (!is_body && mode_ == ScopeMode::supervised) return kept;
  if (!is_body && mode_ == ScopeMode::race) {
    if (won_) return true;
    if (failure_ != nullptr) return kept || remember_lost(failure);
    failure_ = failure;
    return true;
  }
  cancel(CancelReason::cancelled);
  body_failed_ = body_failed_ || is_body;
  // A body that awaits the task that fails ends with the same failure.
  if (failure_ != nullptr) return kept || failure == failure_;
  failure_ = failure;
  return true;
}

bool ScopeWait::keep(const TaskState& task, const std::exception_ptr& failure) noexcept {
  if (report_ == nullptr) return false;
  try {
    report_->failures.push_back({failure, task.site()});
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

bool ScopeWait::remember_lost(const std::exception_ptr& failure) noexcept {
  try {
    lost_.push_back(failure);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

void ScopeWait::on_empty() noexcept {
  close();  // before others run: the task around hears of it only in a unit of its own
  for (const std::exception_ptr& failure : lost_) loop().report(failure);
  wake();
}

void ScopeWait::throw_if_failed() {
  if (failure_ != nullptr) std::rethrow_exception(failure_);
  if (cut_short_ && told_by_ == ToldBy::around) throw Cancelled{task().cancel_reason()};
  if (cut_short_ && told_by_ == ToldBy::deadline) throw boost::system::system_error(make_error_code(Errc::deadline));
}

}  // namespace fluxor::runtime::detail
