#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>

#include "runtime/base/result.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/socket.h"
#include "runtime/net/unix_socket_file.h"

namespace fluxor::runtime {

class VirtualAcceptor;

struct ListenOptions {
  // Connections the kernel keeps for us until we accept them; it may cap this (net.core.somaxconn).
  int backlog = 4096;
  // Permissions of a Unix-domain socket's file: who may write it may connect.
  mode_t unix_mode = 0660;
};

// A bound socket in the listening state.  All loops accept from the same one, so that its queue is one queue: nothing
// the kernel has accepted is lost when a loop stops accepting.
//
// Thread:  made and destroyed by its owner; loops may accept from it concurrently.
// Owns:    a Unix-domain socket's file, too, which it removes at its end if it is its own still.
class ListeningSocket {
 public:
  // Accepted sockets inherit TCP_NODELAY, and an IPv6 socket for every address takes IPv4 too.
  // Errors:  what the kernel says (address in use, permission denied, …).  The file of a Unix-domain socket on which
  //          nobody listens is replaced; where somebody does it is address_in_use, and not_a_socket for other files.
  static Result<ListeningSocket> open(const Endpoint& endpoint, const ListenOptions& options);
  // One of a memory network.
  explicit ListeningSocket(std::unique_ptr<VirtualAcceptor> acceptor) noexcept;

  int descriptor() const noexcept { return socket_.descriptor(); }
  Endpoint local_endpoint() const noexcept;

  // Nothing new is taken; what has been accepted already can still be taken out.  TCP: the kernel drops first packets,
  // so that a client tries again, elsewhere or later.  Unix-domain: the socket's file is removed, and a client finds
  // nothing.  Memory: a client is refused.
  // Errors:  what the kernel says, for some of them also operation_not_permitted to all but the superuser; then nothing
  //          has changed.
  Result<void> refuse_new() noexcept;

  // What follows is for the pollers' listeners.  Thread: any.

  const Socket& socket() const noexcept { return socket_; }
  // Nothing, and errno, if no connection waits, or it cannot be had.
  Socket accept() const;
  // Becomes readable on one of the loops that listen when another has passed on what it left; not there if it needs
  // none, since all are told of everything.
  const Socket& left_over() const noexcept { return left_over_; }
  // Lets another loop look, if a connection waits.
  void pass_on() const noexcept;
  void take_left_over() const noexcept;

 private:
  ListeningSocket(Socket socket, Socket left_over, std::optional<UnixSocketFile> file) noexcept
      : socket_(std::move(socket)), left_over_(std::move(left_over)), file_(std::move(file)) {}

  Socket socket_;
  Socket left_over_;  // an eventfd
  std::optional<UnixSocketFile> file_;
};

}  // namespace fluxor::runtime
