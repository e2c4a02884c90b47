#include "observability/log/log_line.h"

#include <cstddef>

namespace fluxor::observability {
namespace {

struct Character {
  char32_t code = 0;
  std::size_t size = 0;  // bytes
  bool valid = false;
};

// The first character of `text`, which is not empty.  If it is no UTF-8, the size is that of the longest beginning that
// could have become a character, at least 1, as Unicode recommends (chapter 3, U+FFFD substitution).
Character first_character(std::string_view text) noexcept {
  const auto byte = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  // The bounds of the second byte shut out overlong forms, surrogates, and what is beyond U+10FFFF.
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  std::size_t size = 0;
  if (lead >= 0xC2 && lead <= 0xDF) {
    size = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    size = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    size = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {0, 1, false};
  }
  char32_t code = lead & (0x7F >> size);
  for (std::size_t at = 1; at < size; ++at) {
    if (at >= text.size() || byte(at) < low || byte(at) > high) return {0, at, false};
    code = code << 6 | (byte(at) & 0x3F);
    low = 0x80;
    high = 0xBF;
  }
  return {code, size, true};
}

// C0, DEL and C1: U+009B begins a terminal's command as ESC [ does.
bool is_control(char32_t code) noexcept { return code < 0x20 || (code >= 0x7F && code <= 0x9F); }

void append_hex(std::string& out, unsigned value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out.push_back("0123456789abcdef"[value >> shift & 0xF]);
}

// True for those that JSON and text escape alike.
bool append_short_escape(std::string& out, char32_t code) {
  switch (code) {
    case '\\': out.append("\\\\"); return true;
    case '\n': out.append("\\n"); return true;
    case '\r': out.append("\\r"); return true;
    case '\t': out.append("\\t"); return true;
    default: return false;
  }
}

void append_json(std::string& out, std::string_view text) {
  out.push_back('"');
  while (!text.empty()) {
    const Character next = first_character(text);
    if (!next.valid) {
      out.append("\xEF\xBF\xBD");
    } else if (append_short_escape(out, next.code)) {
    } else if (next.code == '"') {
      out.append("\\\"");
    } else if (is_control(next.code)) {
      out.append("\\u");
      append_hex(out, next.code, 4);
    } else {
      out.append(text.substr(0, next.size));
    }
    text.remove_prefix(next.size);
  }
  out.push_back('"');
}

void append_printable(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const Character next = first_character(text);
    if (!next.valid) {
      for (const char byte : text.substr(0, next.size)) {
        out.append("\\x");
        append_hex(out, static_cast<unsigned char>(byte), 2);
      }
    } else if (append_short_escape(out, next.code)) {
    } else if (is_control(next.code)) {
      out.append(next.code < 0x80 ? "\\x" : "\\u");
      append_hex(out, next.code, next.code < 0x80 ? 2 : 4);
    } else {
      out.append(text.substr(0, next.size));
    }
    text.remove_prefix(next.size);
  }
}

void append_value(std::string& out, std::string_view value) {
  const std::string shown = printable(value);
  if (!shown.empty() && shown.find_first_of(" \"=\\") == std::string::npos) {
    out.append(shown);
    return;
  }
  out.push_back('"');
  for (const char byte : shown) {
    if (byte == '"') out.push_back('\\');
    out.push_back(byte);
  }
  out.push_back('"');
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  append_printable(out, text);
  return out;
}

std::string log_line(LogFormat format, std::string_view message, std::span<const runtime::LogField> fields) {
  std::string line;
  if (format == LogFormat::text) {
    append_printable(line, message);
    for (const runtime::LogField& field : fields) {
      line.push_back(' ');
      append_printable(line, field.key);
      line.push_back('=');
      append_value(line, field.value);
    }
    return line;
  }
  line.append("\"message\":");
  append_json(line, message);
  for (const runtime::LogField& field : fields) {
    line.push_back(',');
    append_json(line, field.key);
    line.push_back(':');
    append_json(line, field.value);
  }
  line.push_back('}');
  return line;
}

}  // namespace fluxor::observability
