#include "runtime/net/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cstring>

namespace fluxor::runtime {
namespace {

template <typename Native>
Native read_as(const sockaddr_storage& storage) noexcept {
  Native native;
  std::memcpy(&native, &storage, sizeof(native));
  return native;
}

template <typename Native>
Endpoint from(const Native& native) noexcept {
  sockaddr_storage storage{};
  std::memcpy(&storage, &native, sizeof(native));
  return Endpoint::from_native(storage, sizeof(native));
}

sockaddr_in ipv4(std::uint16_t port) noexcept {
  sockaddr_in native{};
  native.sin_family = AF_INET;
  native.sin_port = htons(port);
  return native;
}

sockaddr_in6 ipv6(std::uint16_t port) noexcept {
  sockaddr_in6 native{};
  native.sin6_family = AF_INET6;
  native.sin6_port = htons(port);
  return native;
}

}  // namespace

Endpoint Endpoint::any_v4(std::uint16_t port) noexcept { return from(ipv4(port)); }
Endpoint Endpoint::any_v6(std::uint16_t port) noexcept { return from(ipv6(port)); }

Result<Endpoint> Endpoint::parse(std::string_view address, std::uint16_t port) {
  if (address.empty()) return any_v6(port);
  const std::string text(address);
  sockaddr_in v4 = ipv4(port);
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) return from(v4);
  sockaddr_in6 v6 = ipv6(port);
  if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) return from(v6);
  return Errc::invalid;
}

Endpoint Endpoint::from_native(const sockaddr_storage& native, socklen_t size) noexcept {
  Endpoint endpoint;
  endpoint.native_ = native;
  endpoint.size_ = size;
  return endpoint;
}

std::uint16_t Endpoint::port() const noexcept {
  if (family() == AF_INET) return ntohs(read_as<sockaddr_in>(native_).sin_port);
  if (family() == AF_INET6) return ntohs(read_as<sockaddr_in6>(native_).sin6_port);
  return 0;
}

std::string Endpoint::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (family() == AF_INET) {
    const auto v4 = read_as<sockaddr_in>(native_);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return std::string(text.data()) + ":" + std::to_string(port());
  }
  if (family() == AF_INET6) {
    const auto v6 = read_as<sockaddr_in6>(native_);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    return "[" + std::string(text.data()) + "]:" + std::to_string(port());
  }
  return "unknown";
}

}  // namespace fluxor::runtime
