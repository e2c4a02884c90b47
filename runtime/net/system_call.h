#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstddef>
#include <ctime>

namespace fluxor::runtime {

// The calls of the hot path, without what the C library puts around them: in a process with threads each of its send,
// recv and epoll_wait begins and ends with atomic operations for thread cancellation, which nothing here uses.  Results
// and errno are as the C library's.  Inside runtime/net only.

// Never blocks, whatever the socket would do.
inline ssize_t receive_bytes(int descriptor, void* buffer, std::size_t size) noexcept {
  return ::syscall(SYS_recvfrom, descriptor, buffer, size, MSG_DONTWAIT, nullptr, nullptr);
}

inline ssize_t send_bytes(int descriptor, const void* bytes, std::size_t size, int flags) noexcept {
  return ::syscall(SYS_sendto, descriptor, bytes, size, flags, nullptr, 0);
}

inline int wait_for_epoll(int descriptor, epoll_event* events, int events_max, int milliseconds) noexcept {
  return static_cast<int>(::syscall(SYS_epoll_pwait, descriptor, events, events_max, milliseconds, nullptr, 0));
}

inline int wait_for_epoll(int descriptor, epoll_event* events, int events_max, const timespec& timeout) noexcept {
  return static_cast<int>(::syscall(SYS_epoll_pwait2, descriptor, events, events_max, &timeout, nullptr, 0));
}

}  // namespace fluxor::runtime
