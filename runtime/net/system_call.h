#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstddef>
#include <ctime>
#include <span>

#include "runtime/net/endpoint.h"
#include "runtime/net/socket.h"
#include "runtime/net/virtual_socket.h"

namespace fluxor::runtime {

// The calls that streams and pollers make: to the kernel, or to the virtual socket that stands for it.  Results and
// errno are as the C library's.  Inside runtime/net only.
//
// Those of the hot path go without what the C library puts around them: in a process with threads each of its send,
// recv and epoll_wait begins and ends with atomic operations for thread cancellation, which nothing here uses.

inline VirtualConnection& virtual_connection(const Socket& socket) noexcept {
  return static_cast<VirtualConnection&>(*socket.virtual_socket());
}

// Never blocks, whatever the socket would do.
inline ssize_t receive_bytes(const Socket& socket, void* buffer, std::size_t size) {
  if (socket.descriptor() < 0) [[unlikely]] {
    return virtual_connection(socket).receive(buffer, size);
  }
  return ::syscall(SYS_recvfrom, socket.descriptor(), buffer, size, MSG_DONTWAIT, nullptr, nullptr);
}

// Neither blocks nor raises SIGPIPE.
inline ssize_t send_bytes(const Socket& socket, std::span<iovec> pieces) {
  if (socket.descriptor() < 0) [[unlikely]] {
    return virtual_connection(socket).send(pieces);
  }
  constexpr int kFlags = MSG_NOSIGNAL | MSG_DONTWAIT;
  if (pieces.size() == 1) {
    return ::syscall(SYS_sendto, socket.descriptor(), pieces[0].iov_base, pieces[0].iov_len, kFlags, nullptr, 0);
  }
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  return ::sendmsg(socket.descriptor(), &message, kFlags);
}

// Ends our half.
void end_writing(const Socket& socket);
// What broke the connection, as errno; 0 if nothing did.  Whoever asks takes it away.
int take_error(const Socket& socket) noexcept;
// Closing it will reset the connection, where the kernel can.
void reset_on_close(const Socket& socket) noexcept;
Endpoint local_endpoint_of(const Socket& socket);
Endpoint peer_endpoint_of(const Socket& socket);

inline int wait_for_epoll(int descriptor, epoll_event* events, int events_max, int milliseconds) noexcept {
  return static_cast<int>(::syscall(SYS_epoll_pwait, descriptor, events, events_max, milliseconds, nullptr, 0));
}

inline int wait_for_epoll(int descriptor, epoll_event* events, int events_max, const timespec& timeout) noexcept {
  return static_cast<int>(::syscall(SYS_epoll_pwait2, descriptor, events, events_max, &timeout, nullptr, 0));
}

}  // namespace fluxor::runtime
