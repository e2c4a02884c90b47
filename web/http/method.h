#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fluxor::web {

// The request methods that have a meaning to this server (RFC 9110 section 9, and PATCH of RFC 5789).
//
// `other` stands for every well-formed method that is none of these: it is answered with 501 and never routed.  The
// values are bit numbers of MethodSet, so they stay below 16.
enum class Method : std::uint8_t { get, head, post, put, delete_, patch, options, connect, trace, other };

inline constexpr std::size_t kMethodCount = 10;

// `other` for what it does not know.  Case-sensitive, as RFC 9110 9.1 demands: "get" is not GET.
[[nodiscard]] Method parse_method(std::string_view text) noexcept;

// As it stands on the wire; "OTHER" for `other`, which serves as a label for all of them.
[[nodiscard]] std::string_view method_name(Method method) noexcept;

}  // namespace fluxor::web
