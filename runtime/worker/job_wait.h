#pragma once

#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/result.h"
#include "runtime/task/task.h"
#include "runtime/task/wait.h"
#include "runtime/worker/loop_job.h"

namespace fluxor::runtime {
namespace detail {

template <typename T>
struct BlockingResultOf {
  using Type = Result<T>;
};
template <typename T>
struct BlockingResultOf<Result<T>> {
  using Type = Result<T>;
};

}  // namespace detail

// What co_await of a function that returns T answers: Result<T>; a function that returns a Result has only one.
template <typename T>
using BlockingResult = typename detail::BlockingResultOf<T>::Type;

namespace detail {

// A job that returns a T.
template <typename T>
class JobOf : public LoopJob {
 public:
  using LoopJob::LoopJob;

  // The value, moved out, or the exception, thrown.
  BlockingResult<T> take() {
    if constexpr (std::is_void_v<T>) {
      outcome_.take();
      return {};
    } else {
      return outcome_.take();
    }
  }
  void report_unheard() noexcept final {
    if (const std::exception_ptr failure = outcome_.failure()) home().report(failure);
  }

 protected:
  Outcome<T> outcome_;
};

template <typename T, typename F, typename... Args>
class FunctionJob final : public JobOf<T> {
 public:
  FunctionJob(const std::source_location& site, F function, Args... args)
      : JobOf<T>(site), call_(std::in_place, std::move(function), std::move(args)...) {}

 private:
  void run() noexcept override {
    const auto invoke = [](F& function, Args&... args) -> T {
      return std::invoke(std::move(function), std::move(args)...);
    };
    try {
      if constexpr (std::is_void_v<T>) {
        std::apply(invoke, *call_);
        this->outcome_.set_value();
      } else {
        this->outcome_.set_value(std::apply(invoke, *call_));
      }
    } catch (...) {
      this->outcome_.set_failure(std::current_exception());
    }
    call_.reset();  // gone when others hear that the job has ended
  }

  std::optional<std::tuple<F, Args...>> call_;
};

template <typename T>
inline constexpr bool kIsTaskType = false;
template <typename T>
inline constexpr bool kIsTaskType<Task<T>> = true;
template <typename T>
inline constexpr bool kRefers = std::is_reference_v<T>;
template <typename T>
inline constexpr bool kRefers<std::reference_wrapper<T>> = true;

// What `function` returns, if it can be run as a job.
template <typename F, typename... Args>
struct JobFunction {
  static_assert(!(kRefers<Args> || ...),
                "a blocking job owns all it touches, since it may outlive who waits: no std::ref()");
  static_assert(std::is_invocable_v<F, Args...>, "blocking: the function does not take these arguments");
  using Value = std::invoke_result_t<F, Args...>;
  static_assert(!std::is_reference_v<Value>, "a blocking job returns a value, not a reference");
  static_assert(!kIsTaskType<Value>, "a blocking job is a plain function, not a coroutine");
};

// The wait for a job; the part that does not depend on what it returns.
class JobWait : public Wait {
 public:
  // The job has run.  The wait may be gone after it.
  void ended(std::unique_ptr<LoopJob> job) noexcept {
    job_ = std::move(job);
    resume_now();
  }

 protected:
  explicit JobWait(std::unique_ptr<LoopJob> job) noexcept : job_(std::move(job)) {}
  ~JobWait() = default;

  void refuse(const error_code& why) noexcept { refusal_ = why; }

  std::unique_ptr<LoopJob> job_;  // not while the executor has it
  error_code refusal_;
  bool begun_ = false;
};

// `Way` is a JobWait with `Result<void> submit()`: how the job gets to its executor.
template <typename T, typename Way>
class [[nodiscard]] JobAwaiter final : private Way {
 public:
  template <typename Where>
  JobAwaiter(Where& where, std::unique_ptr<JobOf<T>> job) noexcept : Way(where, std::move(job)) {}
  JobAwaiter(const JobAwaiter&) = delete;
  JobAwaiter& operator=(const JobAwaiter&) = delete;

  bool await_ready() const noexcept { return false; }
  template <TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> awaiting) noexcept {
    const TaskState& task = awaiting.promise().task();
    if (task.cancelled()) return this->suspend(awaiting);
    FLUXOR_CHECK(task.loop() != nullptr, "who waits for a blocking job lives on an event loop");
    this->job_->set_home(*task.loop());
    if (const Result<void> submitted = this->submit(); !submitted) {
      this->refuse(submitted.error());
      return false;
    }
    this->begun_ = true;
    // It may have run by now, but the word of that comes in another unit of this loop.
    return this->suspend(awaiting);
  }
  BlockingResult<T> await_resume() {
    if (this->interrupted()) {
      if (!this->begun_) this->throw_if_interrupted();
      return this->interruption();
    }
    if (this->refusal_) return this->refusal_;
    return static_cast<JobOf<T>&>(*this->job_).take();
  }
};

}  // namespace detail
}  // namespace fluxor::runtime
