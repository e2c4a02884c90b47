#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "runtime/net/endpoint.h"
#include "runtime/net/memory_wire.h"
#include "runtime/net/readiness_handle.h"
#include "runtime/net/virtual_socket.h"

namespace fluxor::runtime {

class MemoryPoller;

// What a poller was told to watch.
struct MemoryWatch {
  MemoryPoller& poller;
  const class MemoryReadiness& socket;
  ReadinessHandle* handle;
  std::uint32_t events;
  bool queued = false;  // in the poller's list of what may be ready
};

// The part of a memory socket that pollers see: whether it is ready, and whom to tell when it may have become so.
//
// Thread:  the network's.
// Owns:    the watches of its pollers.
class MemoryReadiness {
 public:
  MemoryReadiness() = default;
  MemoryReadiness(const MemoryReadiness&) = delete;
  MemoryReadiness& operator=(const MemoryReadiness&) = delete;

  // Bits as epoll's.
  virtual std::uint32_t readiness() const noexcept = 0;

  void add_watch(MemoryPoller& poller, std::uint32_t events, ReadinessHandle& handle);
  void change_watch(MemoryPoller& poller, std::uint32_t events) noexcept;
  void remove_watch(MemoryPoller& poller) noexcept;

 protected:
  ~MemoryReadiness();
  // Something has happened to it.
  void notify();

 private:
  std::vector<std::unique_ptr<MemoryWatch>> watches_;
};

// One end of a connection.
//
// Thread:  the network's.
class MemoryEnd final : public VirtualConnection, public MemoryReadiness {
 public:
  // One that is not connected yet.
  MemoryEnd(MemoryWire& wire, const Endpoint& local, const Endpoint& peer, std::size_t buffer_bytes);
  ~MemoryEnd() override;

  ssize_t receive(void* buffer, std::size_t size) override;
  ssize_t send(std::span<const iovec> pieces) override;
  void end() override;
  int take_error() noexcept override;
  void reset_on_close() noexcept override { reset_on_close_ = true; }
  Endpoint local_endpoint() const override { return local_; }
  Endpoint peer_endpoint() const override { return connected_ ? peer_ : Endpoint(); }
  std::uint32_t readiness() const noexcept override;

  // For the wire.

  MemoryWire::EndId id() const noexcept { return id_; }
  MemoryWire::EndId peer_id() const noexcept { return peer_id_; }
  const Endpoint& local() const noexcept { return local_; }
  const Endpoint& peer() const noexcept { return peer_; }
  bool lost() const noexcept { return lost_; }
  void lose() noexcept { lost_ = true; }
  void connect_to(MemoryWire::EndId peer);
  void take_bytes(std::string_view bytes);
  void take_end();
  // `error` is an errno.
  void take_reset(int error);
  Instant last_due() const noexcept { return last_due_; }
  void set_last_due(Instant due) noexcept { last_due_ = due; }

 private:
  std::size_t room() const noexcept { return buffer_bytes_ - underway_; }
  void peer_has_read(std::size_t bytes);

  MemoryWire& wire_;
  const Endpoint local_;
  const Endpoint peer_;
  const std::size_t buffer_bytes_;
  const MemoryWire::EndId id_;
  MemoryWire::EndId peer_id_ = 0;
  Instant last_due_{};   // of what was sent to us
  std::string arrived_;  // from read_ on
  std::size_t read_ = 0;
  std::size_t underway_ = 0;  // sent by us, and not read by the peer
  int error_ = 0;             // an errno, until somebody asks
  bool connected_ = false;
  bool broken_ = false;  // reset, refused or cut
  bool peer_ended_ = false;
  bool ended_ = false;
  bool lost_ = false;
  bool reset_on_close_ = false;
};

// What listens: a queue of connections that wait to be accepted.
//
// Thread:  the network's.
// Owns:    the ends that wait.
class MemoryAcceptor final : public VirtualAcceptor, public MemoryReadiness {
 public:
  MemoryAcceptor(MemoryWire& wire, const Endpoint& endpoint, std::size_t backlog);
  ~MemoryAcceptor() override;

  Socket accept() override;
  void refuse_new() noexcept override { refusing_ = true; }
  Endpoint local_endpoint() const override { return endpoint_; }
  std::uint32_t readiness() const noexcept override;

  // For the wire.

  const Endpoint& endpoint() const noexcept { return endpoint_; }
  bool takes_another() const noexcept { return !refusing_ && waiting_.size() < backlog_; }
  void take(Socket connection);

 private:
  MemoryWire& wire_;
  const Endpoint endpoint_;
  const std::size_t backlog_;
  std::deque<Socket> waiting_;
  bool refusing_ = false;
};

}  // namespace fluxor::runtime
