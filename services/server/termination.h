#pragma once

#include <optional>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/net/socket.h"

namespace fluxor::services {

// Requests to end this process: SIGTERM and SIGINT, taken one after another by the thread that waits for them; and
// whatever else that thread waits for, told by notify().
//
// Thread:  made by the first thread, before any other is started, so that all inherit the blocked signals; wait(): one
//          thread; notify(): any.
class Termination {
 public:
  enum class Event { signal, notified, timed_out };

  // Errors:  what the kernel says.
  static runtime::Result<Termination> create();

  // Waits for the next signal or notify(), at most `timeout` if there is one.
  Event wait(std::optional<runtime::Duration> timeout);
  void notify() noexcept;

 private:
  Termination(runtime::Socket signals, runtime::Socket notified) noexcept
      : signals_(std::move(signals)), notified_(std::move(notified)) {}

  runtime::Socket signals_;   // a signalfd
  runtime::Socket notified_;  // an eventfd
};

}  // namespace fluxor::services
