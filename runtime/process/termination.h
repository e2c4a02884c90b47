#pragma once

#include <optional>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/net/socket.h"

namespace fluxor::runtime {

// Requests to end this process: SIGTERM and SIGINT, taken one after another by the thread that waits for them; and
// whatever else that thread waits for, told by notify().
//
// Thread:  made by the first thread, before any other is started, so that all inherit the blocked signals; wait(): one
//          thread; notify(): any.
class Termination {
 public:
  enum class Event { signal, notified, timed_out };

  // Errors:  what the kernel says.
  static Result<Termination> create();

  // Waits for the next signal or notify(), at most `timeout` if there is one.
  Event wait(std::optional<Duration> timeout);
  void notify() noexcept;

 private:
  Termination(Socket signals, Socket notified) noexcept
      : signals_(std::move(signals)), notified_(std::move(notified)) {}

  Socket signals_;   // a signalfd
  Socket notified_;  // an eventfd
};

}  // namespace fluxor::runtime
