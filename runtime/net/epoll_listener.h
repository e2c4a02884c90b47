#pragma once

#include <cstdint>

#include "runtime/net/destruction_mark.h"
#include "runtime/net/epoll_handle.h"
#include "runtime/net/epoll_poller.h"
#include "runtime/net/listener.h"

namespace fluxor::runtime {

// A listener on epoll.  Several loops may watch one listening socket: the kernel wakes one of those that sleep
// (EPOLLEXCLUSIVE), and who comes too late finds the queue empty.
//
// Thread:  loop.
class EpollListener final : public Listener, private EpollHandle {
 public:
  EpollListener(EpollPoller& poller, const ListeningSocket& socket, ListenerHandler& handler);
  ~EpollListener() override;
  Result<void> start();

  void pause() override;
  void resume() override;
  bool accept_next() override { return accept_one() != Accepted::none; }

 private:
  enum class Accepted { one, none, destroyed };

  void on_events(std::uint32_t events) override;
  void on_later() override;
  Accepted accept_one();

  EpollPoller& poller_;
  const ListeningSocket& socket_;
  ListenerHandler& handler_;
  bool watching_ = false;
  error_code resume_failure_;
  DestructionMark mark_;
};

}  // namespace fluxor::runtime
