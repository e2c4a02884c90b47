#pragma once

#include <cstdint>

#include "runtime/net/destruction_mark.h"
#include "runtime/net/listener.h"
#include "runtime/net/listening_socket.h"
#include "runtime/net/readiness_handle.h"
#include "runtime/net/readiness_poller.h"

namespace fluxor::runtime {

// A listener whose poller tells when connections wait.  Several loops may watch one listening socket: the kernel wakes
// one of those that sleep (EPOLLEXCLUSIVE), and who comes too late finds the queue empty.  Inside runtime/net only.
//
// The one that was woken may stop listening before it has accepted; then it passes on that something waits, or nobody
// would look until the next connection comes.
//
// Thread:  loop.
class SocketListener final : public Listener, private ReadinessHandle {
 public:
  SocketListener(ReadinessPoller& poller, const ListeningSocket& socket, ListenerHandler& handler);
  ~SocketListener() override;
  Result<void> start();

  void pause() override;
  void resume() override;
  bool accept_next() override { return accept_one() != Accepted::none; }

 private:
  enum class Accepted { one, none, destroyed };

  // Told that another loop has left something over.
  class LeftOver final : public ReadinessHandle {
   public:
    explicit LeftOver(SocketListener& listener) noexcept : listener_(listener) {}

   private:
    void on_events(std::uint32_t events) override;
    void on_later() override {}
    SocketListener& listener_;
  };

  void on_events(std::uint32_t events) override;
  void on_later() override;
  Accepted accept_one();

  ReadinessPoller& poller_;
  const ListeningSocket& socket_;
  ListenerHandler& handler_;
  LeftOver left_over_{*this};
  bool watching_ = false;
  error_code resume_failure_;
  DestructionMark mark_;
};

}  // namespace fluxor::runtime
