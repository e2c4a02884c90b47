#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.h"

namespace fluxor::web {

// Bounds of one pattern; they bound the work and the memory of a lookup.
inline constexpr std::size_t kParamsMax = 16;    // ":param" and "*rest" together
inline constexpr std::size_t kSegmentsMax = 64;  // including an empty one behind a trailing slash

// Why a pattern is refused.
enum class PatternErrc : std::uint8_t {
  no_leading_slash = 1,
  empty_segment,      // "//" inside: a slip, though such paths exist
  bad_name,           // of a param: not [A-Za-z_][A-Za-z0-9_]*
  duplicate_name,     // two params of one pattern with the same name
  rest_not_last,      // something behind "*rest"
  misplaced_marker,   // ':' or '*' inside a segment
  query_or_fragment,  // '?' or '#': a pattern describes a path
  not_normal,         // no path is ever like this, because paths are normalised first
  too_many_params,
  too_many_segments,
};

// What to tell the programmer: one line that quotes the pattern.
struct PatternError {
  PatternErrc reason;
  std::string text;
};

// The description of a set of paths: "/users/:id/files/*rest".
//
//   /users    literal: exactly this text, compared with the normalised (so: decoded) path, case-sensitive
//   /:id      one whole segment, not empty
//   /*rest    everything behind that slash, with further slashes, and possibly nothing; last segment only
//
// A trailing slash counts: "/users" and "/users/" are two patterns.  "/files/*rest" takes "/files/" but not "/files".
class RoutePattern {
 public:
  struct Segment {
    enum class Kind : std::uint8_t { literal, param, rest };
    Kind kind;
    std::string text;  // the literal, or the name without its marker
  };

  [[nodiscard]] static runtime::Result<RoutePattern, PatternError> parse(std::string_view text);

  // At least one; the last is an empty literal if the pattern ends with '/'.
  [[nodiscard]] const std::vector<Segment>& segments() const noexcept { return segments_; }
  // As it was written: the label for metrics.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  RoutePattern(std::string text, std::vector<Segment> segments)
      : text_(std::move(text)), segments_(std::move(segments)) {}

  std::string text_;
  std::vector<Segment> segments_;
};

}  // namespace fluxor::web
