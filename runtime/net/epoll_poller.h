#pragma once

#include <cstdint>
#include <memory>

#include "runtime/net/readiness_poller.h"
#include "runtime/net/socket.h"

namespace fluxor::runtime {

// The transport on level-triggered epoll: one recv and one send for a small request and its answer, and no call to
// epoll_ctl between the beginning and the end of a connection that never stops.
//
// Thread:  loop, but for wake().
class EpollPoller final : public ReadinessPoller {
 public:
  // Errors:  what the kernel says (no descriptor left).
  static Result<std::unique_ptr<EpollPoller>> create();
  ~EpollPoller() override;

  void wait(Duration timeout) override;
  void wake() noexcept override;
  int descriptor() const noexcept override { return epoll_.descriptor(); }
  Result<std::unique_ptr<Stream>> connect(const Endpoint& to, const StreamOptions& options) override;

 private:
  EpollPoller(Socket epoll, Socket wake_up);

  Result<void> add(const Socket& socket, std::uint32_t events, ReadinessHandle& handle) override;
  void change(const Socket& socket, std::uint32_t events, ReadinessHandle& handle) noexcept override;
  void remove(const Socket& socket) noexcept override;
  void take_wake_up() noexcept override;
  bool can_watch(const Socket& socket) const noexcept override { return socket.descriptor() >= 0; }
  int wait_for_events(Duration timeout) noexcept;

  Socket epoll_;
  Socket wake_up_;  // an eventfd
};

}  // namespace fluxor::runtime
