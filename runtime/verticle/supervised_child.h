#pragma once

#include <optional>

#include "runtime/verticle/exit_reason.h"

namespace fluxor::runtime {

class SupervisedChild;

// Who starts and stops a child, and hears of it: a slot of a supervisor.
class ChildListener {
 public:
  virtual void on_child_started(SupervisedChild& child) = 0;
  // It ends, although nobody has told it to: it has failed, or is done.
  virtual void on_child_ending(SupervisedChild& child) = 0;
  virtual void on_child_exited(SupervisedChild& child, const ExitReason& reason) = 0;

 protected:
  ~ChildListener() = default;
};

// A verticle or a supervisor, as its supervisor sees it.
//
// Each start() that is not refused leads to at most one on_child_started(), at most one on_child_ending() and then
// exactly one on_child_exited(), each in a unit of its own: never from inside a call.  After that it may be started
// again, or destroyed.
//
// Thread:  the loop of its supervisor.
class SupervisedChild {
 public:
  SupervisedChild() = default;
  SupervisedChild(const SupervisedChild&) = delete;
  SupervisedChild& operator=(const SupervisedChild&) = delete;
  virtual ~SupervisedChild() = default;

  // Nothing, or why it could not even be tried: then nobody hears of it.
  [[nodiscard]] virtual std::optional<ExitReason> start(ChildListener& listener) = 0;
  // Asks it to end, also while it starts.
  virtual void stop() = 0;
  // It has had its time: cancels whatever still runs in it, and notes what that was.  A supervisor ends then in
  // bounded time, since it abandons those of its children that do not.
  virtual void kill() = 0;
};

}  // namespace fluxor::runtime
