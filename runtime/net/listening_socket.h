#pragma once

#include <string_view>

#include "runtime/base/result.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/socket.h"

namespace fluxor::runtime {

struct ListenOptions {
  // Connections the kernel keeps for us until we accept them; it may cap this (net.core.somaxconn).
  int backlog = 4096;
};

// A bound socket in the listening state.  All loops accept from the same one, so that its queue is one queue: nothing
// the kernel has accepted is lost when a loop stops accepting.
//
// Thread:  made and destroyed by its owner; loops may accept from it concurrently.
class ListeningSocket {
 public:
  // Errors:  what the kernel says (address in use, permission denied, …).
  // Accepted sockets inherit TCP_NODELAY, and an IPv6 socket for every address takes IPv4 too.
  static Result<ListeningSocket> open(const Endpoint& endpoint, const ListenOptions& options);

  int descriptor() const noexcept { return socket_.descriptor(); }
  Endpoint local_endpoint() const noexcept;

  // The kernel takes no further connection (it drops their first packet, so that a client tries again, elsewhere or
  // later); those it has accepted can still be taken out.
  // Errors:  what the kernel says, for some of them also operation_not_permitted to all but the superuser; then nothing
  //          has changed.
  Result<void> refuse_new() noexcept;

 private:
  explicit ListeningSocket(Socket socket) noexcept : socket_(std::move(socket)) {}
  Socket socket_;
};

}  // namespace fluxor::runtime
