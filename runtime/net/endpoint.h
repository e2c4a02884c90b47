#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace fluxor::runtime {

// An address a socket can be bound to or come from: IPv4 or IPv6 with a port.  A value.
class Endpoint {
 public:
  // `address` is an IPv4 or IPv6 literal (no name: nothing is looked up here), or empty for every address of the
  // machine (IPv6 with IPv4 mapped into it).
  // Errors:  Errc::invalid when it is no literal.
  static Result<Endpoint> parse(std::string_view address, std::uint16_t port);
  static Endpoint any_v4(std::uint16_t port) noexcept;
  static Endpoint any_v6(std::uint16_t port) noexcept;
  static Endpoint from_native(const sockaddr_storage& native, socklen_t size) noexcept;

  int family() const noexcept { return native_.ss_family; }
  std::uint16_t port() const noexcept;
  // `127.0.0.1:8080`, `[::1]:8080`; what is neither IPv4 nor IPv6 is `unknown`.
  std::string to_string() const;

  const sockaddr* native() const noexcept { return reinterpret_cast<const sockaddr*>(&native_); }
  socklen_t native_size() const noexcept { return size_; }

 private:
  sockaddr_storage native_{};
  socklen_t size_ = 0;
};

}  // namespace fluxor::runtime
