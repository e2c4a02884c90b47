#pragma once

namespace fluxor::runtime {

class EventLoop;

// Says, while it lives, whose turn runs on this thread.  Inside runtime/loop only; others ask EventLoop::current().
class CurrentLoop {
 public:
  explicit CurrentLoop(EventLoop& loop) noexcept;
  CurrentLoop(const CurrentLoop&) = delete;
  CurrentLoop& operator=(const CurrentLoop&) = delete;
  ~CurrentLoop();

 private:
  EventLoop* const outer_;
};

}  // namespace fluxor::runtime
