#pragma once

#include <cstddef>
#include <deque>
#include <memory>

#include "runtime/net/endpoint.h"
#include "runtime/net/memory_socket.h"
#include "runtime/net/memory_wire.h"
#include "runtime/net/readiness_poller.h"

namespace fluxor::runtime {

// A loop's transport on a MemoryNetwork.
//
// Thread:  the network's, but for wake().
class MemoryPoller final : public ReadinessPoller {
 public:
  MemoryPoller(MemoryWire& wire, const Endpoint& host);
  ~MemoryPoller() override;

  // Takes in what has arrived by the clock.  Never sleeps: time is moved by whoever drives the loops.
  void wait(Duration timeout) override;
  void wake() noexcept override {}
  int descriptor() const noexcept override { return -1; }
  Result<std::unique_ptr<Stream>> connect(const Endpoint& to, const StreamOptions& options) override;

  // For memory sockets.
  void enter_watch() noexcept { ++watches_; }
  void leave_watch() noexcept { --watches_; }
  // It may have become ready.
  void queue(MemoryWatch& watch);
  void unqueue(MemoryWatch& watch) noexcept;

 private:
  Result<void> add(const Socket& socket, std::uint32_t events, ReadinessHandle& handle) override;
  void change(const Socket& socket, std::uint32_t events, ReadinessHandle& handle) noexcept override;
  void remove(const Socket& socket) noexcept override;
  void take_wake_up() noexcept override {}
  bool can_watch(const Socket& socket) const noexcept override { return socket.virtual_socket() != nullptr; }

  MemoryWire& wire_;
  const Endpoint host_;
  std::deque<MemoryWatch*> maybe_ready_;
  std::size_t watches_ = 0;
};

}  // namespace fluxor::runtime
