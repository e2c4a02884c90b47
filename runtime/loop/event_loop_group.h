#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/loop/event_loop.h"

namespace fluxor::runtime {

struct EventLoopGroupOptions {
  std::size_t loops = 1;
  std::size_t ring_capacity = 4096;  // events per loop; a power of two
};

// N loops, each on a thread of its own.
//
// Thread:  any, but for start() and stop(): owner.
// Owns:    the loops and their threads.  Destroying a group that runs stops it.
class EventLoopGroup {
 public:
  // Makes the loops; no thread runs yet.  `clock` must outlive the group.
  // Errors:  what the kernel says (no descriptor left); Errc::invalid for no loops.
  static Result<std::unique_ptr<EventLoopGroup>> create(const EventLoopGroupOptions& options, const Clock& clock,
                                                        const EventLoop::FailureHandler& on_failure);
  EventLoopGroup(const EventLoopGroup&) = delete;
  EventLoopGroup& operator=(const EventLoopGroup&) = delete;
  ~EventLoopGroup();

  void start();
  // Stops every loop and joins its thread: what was posted before has run.  May be called again.
  void stop() noexcept;

  std::size_t size() const noexcept { return loops_.size(); }
  EventLoop& at(std::size_t index) noexcept { return *loops_[index]; }

  // Each in turn.
  EventLoop& next() noexcept;
  // The same key is on the same loop, in every process with as many loops.
  EventLoop& by_key(std::string_view key) noexcept { return *loops_[loop_of_key(key, loops_.size())]; }

 private:
  static std::size_t loop_of_key(std::string_view key, std::size_t loops) noexcept;

  explicit EventLoopGroup(std::vector<std::unique_ptr<EventLoop>> loops) noexcept : loops_(std::move(loops)) {}

  const std::vector<std::unique_ptr<EventLoop>> loops_;
  std::vector<std::thread> threads_;
  std::atomic<std::size_t> next_{0};
};

}  // namespace fluxor::runtime
