#pragma once

#include <future>
#include <memory>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/loop/control_lane.h"
#include "runtime/loop/event_loop.h"
#include "runtime/task/task.h"

namespace fluxor::runtime {

// Runs a task on a loop with a thread of its own, and waits for it: for tests and benchmarks on real loops.
//
// Thread:  any but a loop's.  Errors: what the task throws.
template <typename T>
T run_on(EventLoop& loop, Task<T> task) {
  class Begin final : public ControlNode {
   public:
    explicit Begin(Task<T> begun) noexcept : task_(std::move(begun)) {}
    std::promise<Outcome<T>> ended;

   private:
    void on_control() override {
      // Held by the loop, too: it may be inside set_value() still when whoever waits goes on.
      start(std::move(task_),
            [self = std::move(self)](Outcome<T> outcome) { self->ended.set_value(std::move(outcome)); });
    }
    Task<T> task_;

   public:
    std::shared_ptr<Begin> self;
  };
  const auto begin = std::make_shared<Begin>(std::move(task));
  begin->self = begin;
  auto ended = begin->ended.get_future();
  FLUXOR_CHECK(EventLoop::current() == nullptr && loop.signal(*begin), "a thread waits for a loop that runs");
  Outcome<T> outcome = ended.get();
  return outcome.take();
}

}  // namespace fluxor::runtime
