#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/loop/control_lane.h"
#include "runtime/loop/event_loop.h"
#include "runtime/task/task.h"

namespace fluxor::runtime {

// A task that a test has started, and how it ended, once it has.
//
// Thread:  the test's, which drives the task's loop.
template <typename T = void>
class [[nodiscard]] Started {
 public:
  bool ready() const noexcept { return outcome_->has_value(); }
  // The value, moved out, or what was thrown.  The task has ended.
  T get() {
    FLUXOR_CHECK(ready(), "a test takes the outcome of a task that has ended");
    return (*outcome_)->take();
  }

  // Starts `task` on `loop` by a control signal, which no full ring can refuse.
  static Started on(EventLoop& loop, Task<T> task) {
    Started started;
    auto starter = std::make_unique<Starter>(std::move(task), started.outcome_);
    if (loop.signal(*starter)) static_cast<void>(starter.release());  // its own from now on
    return started;
  }

 private:
  using Shared = std::shared_ptr<std::optional<Outcome<T>>>;

  class Starter final : public ControlNode {
   public:
    Starter(Task<T> task, Shared outcome) noexcept : task_(std::move(task)), outcome_(std::move(outcome)) {}

   private:
    void on_control() override {
      const std::unique_ptr<Starter> self(this);
      runtime::start(std::move(task_), [outcome = outcome_](Outcome<T> ended) { *outcome = std::move(ended); });
    }
    Task<T> task_;
    Shared outcome_;
  };

  Started() = default;
  // Shared with the task, which may end after the test has lost interest.
  Shared outcome_ = std::make_shared<std::optional<Outcome<T>>>();
};

}  // namespace fluxor::runtime
