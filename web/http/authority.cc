#include "web/http/authority.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstddef>

namespace fluxor::web {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// unreserved and sub-delims of RFC 3986.
constexpr bool is_name_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("-._~!$&'()*+,;=").find(c) != std::string_view::npos;
}

bool is_registered_name(std::string_view host) {
  for (std::size_t i = 0; i < host.size(); ++i) {
    if (host[i] != '%') {
      if (!is_name_character(host[i])) return false;
      continue;
    }
    if (host.size() - i < 3 || !is_hex(host[i + 1]) || !is_hex(host[i + 2])) return false;
    i += 2;
  }
  return !host.empty();
}

bool is_ipv6_address(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return false;
  std::copy(text.begin(), text.end(), terminated.begin());
  in6_addr address;
  return inet_pton(AF_INET6, terminated.data(), &address) == 1;
}

}  // namespace

std::optional<Authority> parse_authority(std::string_view text) noexcept {
  std::size_t host_size = 0;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos || !is_ipv6_address(text.substr(1, close - 1))) return std::nullopt;
    host_size = close + 1;
  } else {
    host_size = std::min(text.find(':'), text.size());
    if (!is_registered_name(text.substr(0, host_size))) return std::nullopt;
  }

  Authority authority{.host = text.substr(0, host_size), .port = std::nullopt};
  auto rest = text.substr(host_size);
  if (rest.empty()) return authority;
  if (rest.front() != ':') return std::nullopt;
  rest.remove_prefix(1);
  if (rest.empty()) return authority;
  std::uint32_t port = 0;
  for (const char c : rest) {
    if (!is_digit(c)) return std::nullopt;
    port = port * 10 + static_cast<std::uint32_t>(c - '0');
    if (port > 65535) return std::nullopt;
  }
  authority.port = static_cast<std::uint16_t>(port);
  return authority;
}

}  // namespace fluxor::web
