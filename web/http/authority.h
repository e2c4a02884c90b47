#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace fluxor::web {

// A host with an optional port, as it stands in a Host field, in an absolute-form and in an authority-form target.
struct Authority {
  std::string_view host;              // never empty; an IPv6 address keeps its brackets
  std::optional<std::uint16_t> port;  // absent also for "host:", which RFC 3986 allows
};

// Reads uri-host [":" port] (RFC 9110 7.2), or refuses with nullopt.
//
// Stricter than RFC 3986 where that is safe: no user information (RFC 9110 4.2.4 advises to refuse it), no empty host,
// no port above 65535, and in brackets an IPv6 address only, as no other IP literal was ever defined.
//
// Owns: the views point into `text`.
// Cost: one pass, no allocation.
[[nodiscard]] std::optional<Authority> parse_authority(std::string_view text) noexcept;

}  // namespace fluxor::web
