#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/listening_socket.h"
#include "runtime/net/network_model.h"
#include "runtime/net/poller.h"
#include "runtime/net/socket.h"

namespace fluxor::runtime {

class MemoryWire;

struct MemoryNetworkOptions {
  // Of each direction of a connection: bytes sent and not yet read by the peer, on their way and arrived.  What does
  // not fit stays with the sender, as with a kernel's buffers.
  std::size_t buffer_bytes = 64 * 1024;
};

// A network inside the process: sockets to listen on and connections between them, for systems that run on virtual
// time, on one thread.
//
//     clock ─► MemoryNetwork ─► a Poller per loop ─► the same listeners and streams as on epoll
//                   │
//                   └ what is on its way, by the moment it arrives; a NetworkModel says how long, in which pieces
//
// Everything arrives in the order of its moments and, where they are equal, of sending, so a run with the same calls is
// the same run.  Nothing moves by itself: a poller's wait() takes in what has arrived by the clock and never sleeps.  A
// system is idle when no loop had anything to do and next_due() lies ahead; then time may jump there.
//
// It behaves as TCP on Linux does: data before its end, a reset from a peer that has gone, bytes that came before a
// reset can still be read.  Two simplifications: acknowledgements take no time, and a full queue of a listening socket
// refuses.
//
// Thread:  one at a time for the network, its pollers and all that came from them (debug builds check that it is the
//          same); only wake() from any.
// Owns:    what is on its way, and the names of what listens.  It outlives everything that it made.
class MemoryNetwork {
 public:
  // Clock and model outlive it.
  explicit MemoryNetwork(const Clock& clock, const MemoryNetworkOptions& options = {});
  MemoryNetwork(const Clock& clock, NetworkModel& model, const MemoryNetworkOptions& options = {});
  MemoryNetwork(const MemoryNetwork&) = delete;
  MemoryNetwork& operator=(const MemoryNetwork&) = delete;
  ~MemoryNetwork();

  // A loop's transport.  `host` is where its connections come from; each gets a port of its own.
  std::unique_ptr<Poller> make_poller(const Endpoint& host);
  std::unique_ptr<Poller> make_poller();  // on 127.0.0.1

  // A path is a name like any other here: no file is made.  An endpoint for every address (any_v4, any_v6) takes what
  // no other takes, of all hosts. Errors:  address_in_use.
  Result<ListeningSocket> listen(const Endpoint& endpoint, const ListenOptions& options = {});

  // Two ends that are connected already, as those of socketpair(); `buffer_bytes` as in the options, or 0 for theirs.
  std::pair<Socket, Socket> make_pair(std::size_t buffer_bytes = 0);

  // When something arrives next; kNever if nothing is on its way.  In the past, if it was not taken in yet.
  Instant next_due() const noexcept;

  // Faults.  Endpoints are those of streams, in either order; port 0 stands for every port of that address.

  // Both ends of each such connection get connection_reset, now; what is on its way is gone.
  void cut(const Endpoint& a, const Endpoint& b);
  // From now on nothing arrives between them, and neither is told.  What was connected never is again; what connects
  // later is as usual.
  void lose(const Endpoint& a, const Endpoint& b);
  // What is on its way from one host to the other, or sent later, waits until heal(); also requests to connect and
  // their answers.  One direction: a partition in both is two calls.
  void partition(const Endpoint& from, const Endpoint& to);
  void heal(const Endpoint& from, const Endpoint& to);

 private:
  NetworkModel no_faults_;
  const std::unique_ptr<MemoryWire> wire_;
};

}  // namespace fluxor::runtime
