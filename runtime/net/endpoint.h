#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace fluxor::runtime {

// An address a socket can be bound to or come from: IPv4 or IPv6 with a port, or a Unix-domain socket's path.  A value.
class Endpoint {
 public:
  // No address: what a socket has that is not connected, or a Unix-domain client that bound none.
  Endpoint() = default;

  // `address` is an IPv4 or IPv6 literal (no name: nothing is looked up here), the latter also in brackets and with a
  // scope (`fe80::1%eth0`, `fe80::1%2`); or `unix:PATH`, without a port; or empty for every address of the machine
  // (IPv6 with IPv4 mapped into it).
  // Errors:  Errc::invalid when it is none of these; those of unix_path().
  static Result<Endpoint> parse(std::string_view address, std::uint16_t port);
  // Errors:  Errc::invalid for no path, or one with a NUL; filename_too_long above kUnixPathBytesMax.
  static Result<Endpoint> unix_path(std::string_view path);
  static Endpoint any_v4(std::uint16_t port) noexcept;
  static Endpoint any_v6(std::uint16_t port) noexcept;
  static Endpoint from_native(const sockaddr_storage& native, socklen_t size) noexcept;

  static constexpr std::size_t kUnixPathBytesMax = 107;  // the kernel's limit, without the NUL at the end

  int family() const noexcept { return native_.ss_family; }
  bool is_unix() const noexcept { return family() == AF_UNIX; }
  // Stands for every address of the machine: 0.0.0.0 or [::].
  bool is_any() const noexcept;
  // 0 for a path.
  std::uint16_t port() const noexcept;
  Endpoint with_port(std::uint16_t port) const noexcept;
  // Empty unless it is a Unix-domain socket's.
  std::string_view path() const noexcept;
  // `127.0.0.1:8080`, `[::1]:8080`, `[fe80::1%2]:8080`, `unix:/run/x`; what is none of these is `unknown`.
  std::string to_string() const;

  // The same address, whatever the port.
  bool same_host(const Endpoint& other) const noexcept;
  bool operator==(const Endpoint& other) const noexcept { return same_host(other) && port() == other.port(); }

  const sockaddr* native() const noexcept { return reinterpret_cast<const sockaddr*>(&native_); }
  socklen_t native_size() const noexcept { return size_; }

 private:
  sockaddr_storage native_{};
  socklen_t size_ = 0;
};

}  // namespace fluxor::runtime
