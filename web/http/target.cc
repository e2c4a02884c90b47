#include "web/http/target.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "web/http/authority.h"

namespace fluxor::web {
namespace {

using runtime::Result;

// What the one pass over a target has to know about a byte.  Plain bytes are the zeroes, so that the loop has one
// branch per byte.
enum ByteClass : std::uint8_t { kPlain, kIllegal, kDot, kEscape, kQuestion, kBracket };

constexpr auto kByteClass = [] {
  std::array<ByteClass, 256> table{};
  table.fill(kIllegal);
  const auto set = [&table](std::string_view bytes, ByteClass value) {
    for (const char c : bytes) table[static_cast<unsigned char>(c)] = value;
  };
  // unreserved, sub-delims, and what else a pchar may be, and '/'.
  set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~!$&'()*+,;=:@/", kPlain);
  set(".", kDot);
  set("%", kEscape);
  set("?", kQuestion);
  set("[]", kBracket);
  return table;
}();

ByteClass byte_class(char c) { return kByteClass[static_cast<unsigned char>(c)]; }

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// RFC 3629: shortest forms only, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text) {
  const auto byte = [text](std::size_t i) -> unsigned { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned lead = byte(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() - i < size) return false;
    // The second byte carries the bounds that the lead byte cannot express.
    const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (byte(i + 1) < low || byte(i + 1) > high) return false;
    for (std::size_t k = 2; k < size; ++k) {
      if ((byte(i + k) & 0xC0) != 0x80) return false;
    }
    i += size;
  }
  return true;
}

// True if the segment that begins at `begin` is "." or "..".
bool is_dot_segment(std::string_view path, std::size_t begin) {
  const auto segment = path.substr(begin, std::min<std::size_t>(path.find('/', begin), path.size()) - begin);
  return segment == "." || segment == "..";
}

bool needs_rewriting(std::string_view path) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '%') return true;
    if (path[i] == '/' && is_dot_segment(path, i + 1)) return true;
  }
  return false;
}

// Decodes and removes in one pass.  What is written is never longer than what was read.
Result<std::string_view, TargetErrc> rewrite(std::string_view path, std::string& buffer) {
  buffer.resize(path.size());
  char* const out = buffer.data();
  std::size_t size = 0;
  for (std::size_t i = 0; i < path.size();) {
    out[size++] = '/';
    ++i;
    const std::size_t segment_begin = size;
    while (i < path.size() && path[i] != '/') {
      if (path[i] != '%') {
        out[size++] = path[i++];
        continue;
      }
      if (path.size() - i < 3) return TargetErrc::bad_escape;
      const int high = hex_value(path[i + 1]);
      const int low = hex_value(path[i + 2]);
      if (high < 0 || low < 0) return TargetErrc::bad_escape;
      const char decoded = static_cast<char>(high * 16 + low);
      if (decoded == '/' || decoded == '%') {
        out[size++] = '%';
        out[size++] = '2';
        out[size++] = decoded == '/' ? 'F' : '5';
      } else {
        out[size++] = decoded;
      }
      i += 3;
    }
    const std::string_view segment(out + segment_begin, size - segment_begin);
    if (segment == ".") {
      size = segment_begin - 1;
    } else if (segment == "..") {
      size = segment_begin - 1;
      if (size == 0) return TargetErrc::above_root;
      while (out[--size] != '/') {
      }
    } else {
      continue;
    }
    if (i == path.size()) out[size++] = '/';  // "/a/." and "/a/b/.." name the directory
  }
  return std::string_view(out, size);
}

bool is_http_scheme(std::string_view scheme) {
  const auto same = [](char a, char b) { return (a | 0x20) == b; };
  return std::ranges::equal(scheme, std::string_view("http"), same) ||
         std::ranges::equal(scheme, std::string_view("https"), same);
}

bool is_query(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return byte_class(c) == kIllegal; });
}

// absolute-path ["?" query], the hot one.  `target` comes with form and authority set.
Result<Target, TargetErrc> parse_path_and_query(std::string_view raw, Target target, std::string& buffer) {
  bool ordinary = true;
  std::size_t i = 1;  // raw[0] is '/'
  for (; i < raw.size(); ++i) {
    const ByteClass found = byte_class(raw[i]);
    if (found == kPlain) [[likely]]
      continue;
    if (found == kQuestion) break;
    if (found == kIllegal || found == kBracket) return TargetErrc::illegal_character;
    if (found == kEscape || raw[i - 1] == '/') ordinary = false;
  }
  target.path = raw.substr(0, i);
  if (i < raw.size()) {
    target.query = raw.substr(i + 1);
    if (!is_query(target.query)) return TargetErrc::illegal_character;
  }
  if (!ordinary) {
    const auto path = normalise_path(target.path, buffer);
    if (!path) return path.error();
    target.path = *path;
  }
  return target;
}

Result<Target, TargetErrc> parse_absolute(std::string_view raw, Method method, std::string& buffer) {
  const auto scheme_size = raw.find("://");
  if (scheme_size == std::string_view::npos || !is_http_scheme(raw.substr(0, scheme_size))) {
    return TargetErrc::wrong_form;
  }
  auto rest = raw.substr(scheme_size + 3);
  const auto authority_size = std::min(rest.find_first_of("/?"), rest.size());
  Target target{.form = TargetForm::absolute, .authority = rest.substr(0, authority_size), .path = {}, .query = {}};
  if (!parse_authority(target.authority)) return TargetErrc::bad_authority;
  rest.remove_prefix(authority_size);
  if (rest.empty() && method == Method::options) {
    target.form = TargetForm::asterisk;
    target.path = "*";
    return target;
  }
  if (rest.starts_with('/')) return parse_path_and_query(rest, target, buffer);
  // An empty path means the root (RFC 9110 4.2.3).
  target.path = "/";
  if (rest.starts_with('?')) target.query = rest.substr(1);
  if (!is_query(target.query)) return TargetErrc::illegal_character;
  return target;
}

Result<Target, TargetErrc> parse_connect(std::string_view raw) {
  if (raw.find_first_of("/?") != std::string_view::npos) return TargetErrc::wrong_form;
  const auto authority = parse_authority(raw);
  if (!authority || !authority->port || *authority->port == 0) return TargetErrc::bad_authority;
  return Target{.form = TargetForm::authority, .authority = raw, .path = {}, .query = {}};
}

}  // namespace

std::string_view target_errc_text(TargetErrc reason) noexcept {
  switch (reason) {
    case TargetErrc::illegal_character: return "illegal character in request-target";
    case TargetErrc::wrong_form: return "request-target in the wrong form";
    case TargetErrc::bad_authority: return "malformed authority in request-target";
    case TargetErrc::bad_escape: return "malformed percent escape in path";
    case TargetErrc::nul: return "NUL in path";
    case TargetErrc::bad_utf8: return "path is not UTF-8";
    case TargetErrc::above_root: return "path leads above the root";
  }
  return "unknown";
}

Result<Target, TargetErrc> parse_target(std::string_view raw, Method method, std::string& buffer) {
  if (method == Method::connect) return parse_connect(raw);
  if (raw.starts_with('/')) [[likely]]
    return parse_path_and_query(raw, Target{}, buffer);
  if (raw == "*" && method == Method::options) {
    return Target{.form = TargetForm::asterisk, .authority = {}, .path = raw, .query = {}};
  }
  return parse_absolute(raw, method, buffer);
}

Result<std::string_view, TargetErrc> normalise_path(std::string_view path, std::string& buffer) {
  if (!path.starts_with('/')) return TargetErrc::wrong_form;
  if (needs_rewriting(path)) {
    const auto written = rewrite(path, buffer);
    if (!written) return written.error();
    path = *written;
  }
  if (path.find('\0') != std::string_view::npos) return TargetErrc::nul;
  if (!is_utf8(path)) return TargetErrc::bad_utf8;
  return path;
}

std::string_view decode_segment(std::string_view segment, std::string& buffer) {
  if (segment.find('%') == std::string_view::npos) return segment;
  buffer.clear();
  for (std::size_t i = 0; i < segment.size(); ++i) {
    const auto escape = segment.substr(i, 3);
    if (escape == "%2F" || escape == "%25") {
      buffer += escape == "%2F" ? '/' : '%';
      i += 2;
    } else {
      buffer += segment[i];
    }
  }
  return buffer;
}

}  // namespace fluxor::web
