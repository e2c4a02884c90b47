#include "runtime/net/endpoint.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <optional>

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

constexpr std::string_view kUnix = "unix:";

// The number of the interface that a scope names, or is.
std::optional<std::uint32_t> scope_of(const std::string& text) noexcept {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  number = ::if_nametoindex(text.c_str());
  return number == 0 ? std::nullopt : std::optional(number);
}

Result<Endpoint> parse_ipv6(std::string_view address, std::uint16_t port) {
  if (address.starts_with('[') != address.ends_with(']')) return Errc::invalid;
  if (address.starts_with('[')) address = address.substr(1, address.size() - 2);
  sockaddr_in6 native = ipv6(port);
  if (const std::size_t at = address.find('%'); at != std::string_view::npos) {
    const auto scope = scope_of(std::string(address.substr(at + 1)));
    if (!scope) return Errc::invalid;
    native.sin6_scope_id = *scope;
    address = address.substr(0, at);
  }
  if (::inet_pton(AF_INET6, std::string(address).c_str(), &native.sin6_addr) != 1) return Errc::invalid;
  return from(native);
}

}  // namespace

Endpoint Endpoint::any_v4(std::uint16_t port) noexcept { return from(ipv4(port)); }
Endpoint Endpoint::any_v6(std::uint16_t port) noexcept { return from(ipv6(port)); }

Result<Endpoint> Endpoint::parse(std::string_view address, std::uint16_t port) {
  if (address.empty()) return any_v6(port);
  if (address.starts_with(kUnix)) return unix_path(address.substr(kUnix.size()));
  if (address.find('\0') != std::string_view::npos) return Errc::invalid;
  sockaddr_in v4 = ipv4(port);
  if (::inet_pton(AF_INET, std::string(address).c_str(), &v4.sin_addr) == 1) return from(v4);
  return parse_ipv6(address, port);
}

Result<Endpoint> Endpoint::unix_path(std::string_view path) {
  if (path.empty() || path.find('\0') != std::string_view::npos) return Errc::invalid;
  static_assert(kUnixPathBytesMax + 1 == sizeof(sockaddr_un::sun_path));
  if (path.size() > kUnixPathBytesMax) return error_code(ENAMETOOLONG, boost::system::system_category());
  sockaddr_un native{};
  native.sun_family = AF_UNIX;
  std::memcpy(native.sun_path, path.data(), path.size());
  return from(native);
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

Endpoint Endpoint::with_port(std::uint16_t port) const noexcept {
  if (family() == AF_INET) {
    auto v4 = read_as<sockaddr_in>(native_);
    v4.sin_port = htons(port);
    return from(v4);
  }
  if (family() == AF_INET6) {
    auto v6 = read_as<sockaddr_in6>(native_);
    v6.sin6_port = htons(port);
    return from(v6);
  }
  return *this;
}

std::string_view Endpoint::path() const noexcept {
  if (!is_unix() || size_ <= offsetof(sockaddr_un, sun_path)) return {};
  const char* begin = reinterpret_cast<const char*>(&native_) + offsetof(sockaddr_un, sun_path);
  return {begin, ::strnlen(begin, size_ - offsetof(sockaddr_un, sun_path))};
}

bool Endpoint::is_any() const noexcept {
  if (family() == AF_INET) return read_as<sockaddr_in>(native_).sin_addr.s_addr == INADDR_ANY;
  if (family() != AF_INET6) return false;
  const auto v6 = read_as<sockaddr_in6>(native_);
  return IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr);
}

bool Endpoint::same_host(const Endpoint& other) const noexcept {
  if (family() != other.family()) return false;
  if (family() == AF_INET) {
    return read_as<sockaddr_in>(native_).sin_addr.s_addr == read_as<sockaddr_in>(other.native_).sin_addr.s_addr;
  }
  if (family() == AF_INET6) {
    const auto a = read_as<sockaddr_in6>(native_);
    const auto b = read_as<sockaddr_in6>(other.native_);
    return std::memcmp(&a.sin6_addr, &b.sin6_addr, sizeof(a.sin6_addr)) == 0 && a.sin6_scope_id == b.sin6_scope_id;
  }
  return path() == other.path();
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
    const std::string scope = v6.sin6_scope_id == 0 ? std::string() : "%" + std::to_string(v6.sin6_scope_id);
    return "[" + std::string(text.data()) + scope + "]:" + std::to_string(port());
  }
  if (is_unix()) return std::string(kUnix) + std::string(path());
  return "unknown";
}

}  // namespace fluxor::runtime
