#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "web/http/method.h"

namespace fluxor::web {

// Why a request-target is refused.  Each is answered with 400; the difference is for logs and tests.
enum class TargetErrc : std::uint8_t {
  illegal_character = 1,  // not a character of RFC 3986 at that place: controls, space, '#', bytes from 0x80 on, …
  wrong_form,             // '*' without OPTIONS, a lone authority without CONNECT, an unknown scheme, nothing at all
  bad_authority,          // not host[:port]; CONNECT must name a port
  bad_escape,             // '%' without two hexadecimal digits
  nul,                    // %00
  bad_utf8,               // the decoded path is not UTF-8 (overlong forms and surrogates are not)
  above_root,             // more ".." than segments
};

// One fixed line for logs.  It never holds a byte of the request.
[[nodiscard]] std::string_view target_errc_text(TargetErrc reason) noexcept;

// The four forms of RFC 9112 3.2.
enum class TargetForm : std::uint8_t { origin, absolute, authority, asterisk };

// What a request asks for: taken apart, decoded and normalised once, so that router, handlers and file layer can only
// ever see one path.
struct Target {
  TargetForm form = TargetForm::origin;
  std::string_view authority;  // of an absolute or authority form, as written: it wins over Host; else empty
  std::string_view path;       // normalised, see normalise_path; "*" in asterisk form, empty in authority form
  std::string_view query;      // without '?', not decoded
};

// Takes a request-target apart and checks it.
//
// `OPTIONS http://host` without path and query asks about the server as a whole (RFC 9112 3.2.4), so it is given the
// asterisk form.  A query may hold '[' and ']': RFC 3986 forbids them there, browsers send them.  Its escapes are left
// to whoever splits it, since "?q=100%" is common.
//
// Owns:    the views point into `raw`, or `path` into `buffer`; both must outlive the Target.  `buffer` keeps its
//          capacity from request to request; what it held is lost.
// Errors:  TargetErrc, all 400.
// Cost:    one pass; no copy and no allocation if the path holds neither '%' nor dot segments.
[[nodiscard]] runtime::Result<Target, TargetErrc> parse_target(std::string_view raw, Method method,
                                                               std::string& buffer);

// The one form of a path that is routed and mapped to files.
//
// Every escape is decoded once, except that an encoded slash stays "%2F", since it is data and not a separator, and an
// encoded percent sign stays "%25", so that "%2F" means one thing only.  Then "." and ".." segments are removed (RFC
// 3986 5.2.4), whichever way they were written.  Empty segments stay: "/a//b" is not "/a/b".  The result is UTF-8
// without NUL, begins with '/', has no dot segment, and is its own normal form.  It can still hold control characters,
// a backslash, or begin with "//": escape it before it goes into a log, a file name or a Location field.
//
// Owns:    the result points into `path`, or into `buffer`, which must not hold `path`.
// Errors:  wrong_form (no '/' in front), bad_escape, nul, bad_utf8, above_root.
// Cost:    no copy if there is nothing to change.
[[nodiscard]] runtime::Result<std::string_view, TargetErrc> normalise_path(std::string_view path, std::string& buffer);

// The text of one segment of a normalised path: turns "%2F" and "%25" into '/' and '%'.
//
// For one segment only.  In several at once, such as the value of `*rest`, a decoded slash could no longer be told
// from a separator; and a segment may now read "../x": never make a file name of it.
//
// Owns:    the result points into `segment`, or into `buffer`, which must not hold `segment`.
// Cost:    no copy without '%'.
[[nodiscard]] std::string_view decode_segment(std::string_view segment, std::string& buffer);

}  // namespace fluxor::web
