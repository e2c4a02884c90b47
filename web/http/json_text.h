#pragma once

#include <string>
#include <string_view>

namespace fluxor::web {

// Appends `text` as a JSON string, quotes included (RFC 8259 7).
//
// What is not UTF-8 becomes U+FFFD, so that the result is JSON whatever came in; controls and DEL are escaped, so that
// it is one line in a terminal too.
//
// Cost:    what the string's growth costs; runs of plain characters are copied as such.
void append_json_string(std::string& out, std::string_view text);

}  // namespace fluxor::web
