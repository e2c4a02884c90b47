#pragma once

#include <coroutine>
#include <memory>
#include <utility>

#include "runtime/base/result.h"
#include "runtime/net/destruction_mark.h"
#include "runtime/net/listener.h"
#include "runtime/net/listening_socket.h"
#include "runtime/net/poller.h"
#include "runtime/net/socket.h"
#include "runtime/task/wait.h"

namespace fluxor::runtime {

// A listener for tasks: connections are accepted by co_await.
//
//     for (;;) {
//       Result<Socket> connection = co_await listener->accept();
//       if (!connection) co_return connection.error();
//       scope.spawn(serve, TaskStream::over(loop.poller().adopt(std::move(*connection), {})).value());
//     }
//
// Nothing is accepted while nobody asks: connections wait in the kernel's queue, or another loop takes them.
//
// Thread:  loop.
// Owns:    its place in the poller, not the listening socket.  It outlives the task that waits in it.
class TaskListener final : private ListenerHandler {
 public:
  class Accept;

  // `socket` outlives it.
  // Errors:  what the kernel says.
  [[nodiscard]] static Result<std::unique_ptr<TaskListener>> listen(Poller& poller, const ListeningSocket& socket);
  TaskListener(const TaskListener&) = delete;
  TaskListener& operator=(const TaskListener&) = delete;
  ~TaskListener();

  // `co_await accept()`: the next connection, not yet on any loop.  One task at a time.
  //
  // Errors:  what the kernel says (no descriptor left, …), then the connection waits on and one may try again;
  //          Errc::cancelled and Errc::deadline, and then no connection is lost.
  Accept accept() noexcept;

 private:
  TaskListener() = default;
  void on_accept(Socket connection) override;
  void on_accept_failed(error_code reason) override;

  std::unique_ptr<Listener> listener_;
  Accept* acceptor_ = nullptr;
  DestructionMark mark_;
};

class [[nodiscard]] TaskListener::Accept final : private Wait {
 public:
  explicit Accept(TaskListener& listener) noexcept : listener_(listener) {}

  bool await_ready() const noexcept { return false; }
  template <TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> awaiting) {
    if (!suspend(awaiting)) return false;
    begin();
    return true;
  }
  Result<Socket> await_resume() {
    if (!interrupted()) return std::move(result_);
    if (!begun_) throw_if_interrupted();
    return interruption();
  }

 private:
  friend class TaskListener;
  void begin();
  Ends on_cancel() noexcept override;
  const char* what() const noexcept override { return "a connection to accept"; }

  TaskListener& listener_;
  bool begun_ = false;
  Result<Socket> result_ = Socket();
};

inline TaskListener::Accept TaskListener::accept() noexcept { return Accept(*this); }

}  // namespace fluxor::runtime
