#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <span>

#include "runtime/net/endpoint.h"
#include "runtime/net/socket.h"

namespace fluxor::runtime {

// What a kernel does for an end of a connection, for one that it does not know.  Answers are those of the kernel's
// calls on a socket that does not block: a count, or -1 and errno.  Inside runtime/net only.
class VirtualConnection : public VirtualSocket {
 public:
  virtual ssize_t receive(void* buffer, std::size_t size) = 0;
  virtual ssize_t send(std::span<const iovec> pieces) = 0;
  // As shutdown(SHUT_WR).
  virtual void end() = 0;
  // As SO_ERROR: what broke it, or prevented it from being connected; 0 if nothing did, or it was asked already.
  virtual int take_error() noexcept = 0;
  // As SO_LINGER with no time: closing resets.
  virtual void reset_on_close() noexcept = 0;
  virtual Endpoint local_endpoint() const = 0;
  virtual Endpoint peer_endpoint() const = 0;
};

// The same for a listening socket.  Inside runtime/net only.
class VirtualAcceptor : public VirtualSocket {
 public:
  // Nothing, and errno, if no connection waits.
  virtual Socket accept() = 0;
  virtual void refuse_new() noexcept = 0;
  virtual Endpoint local_endpoint() const = 0;
};

}  // namespace fluxor::runtime
