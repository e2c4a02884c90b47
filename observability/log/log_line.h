#pragma once

#include <span>
#include <string>
#include <string_view>

#include "runtime/base/log.h"

namespace fluxor::observability {

// How a log line is written: an object of JSON for machines, or text for people.
enum class LogFormat { json, text };

// `text` as it can be shown in one line: controls and bytes that are no UTF-8 become escapes (`\n`, `\x1b`, `\u009b`),
// a backslash becomes two.  Whatever a peer sent, it can neither begin a line of its own nor command a terminal.
//
// Thread:  any.
std::string printable(std::string_view text);

// What a line says, without time and level, which stand before it: `"message":…,"key":…}` as JSON, `message key=value`
// as text.  JSON is always valid: bytes that are no UTF-8 become U+FFFD.  In text, a value that is empty or holds
// a blank, a quote, '=' or an escape stands in quotes, so that fields can be told apart.
//
// Thread:  any.
// Cost:    one pass over the bytes; allocates the result.
std::string log_line(LogFormat format, std::string_view message, std::span<const runtime::LogField> fields);

}  // namespace fluxor::observability
