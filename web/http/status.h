#pragma once

#include <cstddef>
#include <string_view>

namespace fluxor::web {

// Status codes stay the three digits everybody knows; this is their text.

// "Not Found" for 404; empty for a code that the registry of IANA does not name.
std::string_view reason_phrase(int status) noexcept;

// "HTTP/1.1 404 Not Found\r\n", ready made; empty for a code without a reason phrase.
//
// Thread:  any; the bytes live for ever.
std::string_view status_line(int status) noexcept;

// Longest status line that write_status_line() produces, in bytes.
inline constexpr std::size_t kStatusLineMax = 48;

// Writes the status line at `at`, which has room for kStatusLineMax bytes; returns the end of it.  A code without a
// reason phrase keeps the space after it, as RFC 9112 4 wants.  `status` is within 100…599.
char* write_status_line(char* at, int status) noexcept;

}  // namespace fluxor::web
