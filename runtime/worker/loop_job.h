#pragma once

#include <cstddef>
#include <memory>
#include <source_location>
#include <utility>

#include "runtime/loop/control_lane.h"
#include "runtime/loop/event_loop.h"
#include "runtime/task/frame_pool.h"
#include "runtime/worker/blocking_executor.h"

namespace fluxor::runtime::detail {

// A job whose end is told on the loop that asked for it, by a signal, which no full ring can refuse.
//
// Thread:  loop, until it is submitted; then the worker's until tell(); then loop.
// Owns:    all it touches.  While it is submitted it owns itself; at its end its listener gets it.  If the loop has
//          ended meanwhile it frees itself, wherever that is noticed.
class LoopJob : public BlockingJob, private ControlNode {
 public:
  // Hears on the loop that the job has run.  The call may destroy it.
  class Listener {
   public:
    virtual void on_job_ended(std::unique_ptr<LoopJob> job) noexcept = 0;

   protected:
    ~Listener() = default;
  };

  static void* operator new(std::size_t bytes) { return allocate_frame(bytes); }
  static void operator delete(void* job, std::size_t bytes) noexcept { free_frame(job, bytes); }
  ~LoopJob() override = default;

  void set_home(EventLoop& home) noexcept { home_ = &home; }
  // Null: nobody waits for it any longer; a failure goes to the loop's failure handler.
  void set_listener(Listener* listener) noexcept { listener_ = listener; }
  virtual void report_unheard() noexcept = 0;

 protected:
  explicit LoopJob(const std::source_location& site) noexcept : BlockingJob(site) {}
  EventLoop& home() const noexcept { return *home_; }

 private:
  void tell() noexcept final {
    if (!home_->signal(*this)) delete this;
  }
  void on_dropped() noexcept final { delete this; }
  void on_control() final {
    std::unique_ptr<LoopJob> self(this);
    if (listener_ != nullptr) {
      listener_->on_job_ended(std::move(self));
    } else {
      report_unheard();
    }
  }

  EventLoop* home_ = nullptr;
  Listener* listener_ = nullptr;
};

}  // namespace fluxor::runtime::detail
