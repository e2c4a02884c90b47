#include "runtime/net/memory_network.h"

#include <algorithm>
#include <cerrno>

#include "runtime/net/memory_poller.h"
#include "runtime/net/memory_socket.h"
#include "runtime/net/memory_wire.h"

namespace fluxor::runtime {

MemoryNetwork::MemoryNetwork(const Clock& clock, const MemoryNetworkOptions& options)
    : wire_(std::make_unique<MemoryWire>(clock, no_faults_, options.buffer_bytes)) {}

MemoryNetwork::MemoryNetwork(const Clock& clock, NetworkModel& model, const MemoryNetworkOptions& options)
    : wire_(std::make_unique<MemoryWire>(clock, model, options.buffer_bytes)) {}

MemoryNetwork::~MemoryNetwork() = default;

std::unique_ptr<Poller> MemoryNetwork::make_poller(const Endpoint& host) {
  return std::make_unique<MemoryPoller>(*wire_, host);
}

std::unique_ptr<Poller> MemoryNetwork::make_poller() { return make_poller(Endpoint::parse("127.0.0.1", 0).value()); }

Result<ListeningSocket> MemoryNetwork::listen(const Endpoint& endpoint, const ListenOptions& options) {
  wire_->affinity().check();
  const bool any_port = endpoint.port() == 0 && !endpoint.is_unix();
  const Endpoint at = any_port ? wire_->with_free_port(endpoint) : endpoint;
  if (wire_->find(at) != nullptr) return error_code(EADDRINUSE, boost::system::system_category());
  const auto backlog = static_cast<std::size_t>(std::max(options.backlog, 1));
  return ListeningSocket(std::make_unique<MemoryAcceptor>(*wire_, at, backlog));
}

std::pair<Socket, Socket> MemoryNetwork::make_pair(std::size_t buffer_bytes) {
  wire_->affinity().check();
  const Endpoint host = Endpoint::parse("127.0.0.1", 0).value();
  const Endpoint one = wire_->with_free_port(host);
  const Endpoint other = wire_->with_free_port(host);
  const std::size_t bytes = buffer_bytes == 0 ? wire_->buffer_bytes() : buffer_bytes;
  auto first = std::make_unique<MemoryEnd>(*wire_, one, other, bytes);
  auto second = std::make_unique<MemoryEnd>(*wire_, other, one, bytes);
  first->connect_to(second->id());
  second->connect_to(first->id());
  return {Socket(std::move(first)), Socket(std::move(second))};
}

Instant MemoryNetwork::next_due() const noexcept { return wire_->next_due(); }
void MemoryNetwork::cut(const Endpoint& a, const Endpoint& b) { wire_->cut(a, b); }
void MemoryNetwork::lose(const Endpoint& a, const Endpoint& b) { wire_->lose(a, b); }
void MemoryNetwork::partition(const Endpoint& from, const Endpoint& to) { wire_->partition(from, to); }
void MemoryNetwork::heal(const Endpoint& from, const Endpoint& to) { wire_->heal(from, to); }

}  // namespace fluxor::runtime
