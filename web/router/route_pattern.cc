#include "web/router/route_pattern.h"

#include <algorithm>
#include <utility>

#include "web/http/target.h"

namespace fluxor::web {
namespace {

using Segment = RoutePattern::Segment;

bool is_name(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return !text.empty() && is_letter(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return is_letter(c) || is_digit(c); });
}

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 1; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace

runtime::Result<RoutePattern, PatternError> RoutePattern::parse(std::string_view text) {
  const auto refuse = [text](PatternErrc reason, const std::string& why) {
    return PatternError{.reason = reason, .text = "route pattern \"" + std::string(text) + "\" " + why};
  };
  if (!text.starts_with('/')) return refuse(PatternErrc::no_leading_slash, "must begin with '/'");
  if (text.find_first_of("?#") != std::string_view::npos) {
    return refuse(PatternErrc::query_or_fragment, "may not hold '?' or '#': it describes a path only");
  }
  std::string buffer;
  const auto normal = normalise_path(text, buffer);
  if (!normal) {
    return refuse(PatternErrc::not_normal, "can never match a path: " + std::string(target_errc_text(normal.error())));
  }
  if (*normal != text) {
    return refuse(PatternErrc::not_normal, "can never match, because paths are normalised before they are routed; " +
                                               ("write \"" + std::string(*normal) + "\""));
  }

  const auto parts = split(text);
  if (parts.size() > kSegmentsMax) {
    return refuse(PatternErrc::too_many_segments, "has more than " + std::to_string(kSegmentsMax) + " segments");
  }
  std::vector<Segment> segments;
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto part = parts[i];
    const bool is_last = i + 1 == parts.size();
    if (part.empty() && !is_last) return refuse(PatternErrc::empty_segment, "has an empty segment (\"//\")");
    if (!part.starts_with(':') && !part.starts_with('*')) {
      if (part.find_first_of(":*") != std::string_view::npos) {
        return refuse(PatternErrc::misplaced_marker,
                      "has ':' or '*' inside \"" + std::string(part) + "\": a param takes a whole segment");
      }
      segments.push_back({.kind = Segment::Kind::literal, .text = std::string(part)});
      continue;
    }
    const auto name = part.substr(1);
    if (!is_name(name)) {
      return refuse(PatternErrc::bad_name,
                    "has a param \"" + std::string(part) + "\" whose name is not [A-Za-z_][A-Za-z0-9_]*");
    }
    if (std::ranges::find(names, name) != names.end()) {
      return refuse(PatternErrc::duplicate_name, "names two params \"" + std::string(name) + "\"");
    }
    if (part.front() == '*' && !is_last) {
      return refuse(PatternErrc::rest_not_last, "has \"" + std::string(part) + "\" before its last segment");
    }
    names.push_back(name);
    if (names.size() > kParamsMax) {
      return refuse(PatternErrc::too_many_params, "has more than " + std::to_string(kParamsMax) + " params");
    }
    segments.push_back(
        {.kind = part.front() == ':' ? Segment::Kind::param : Segment::Kind::rest, .text = std::string(name)});
  }
  return RoutePattern(std::string(text), std::move(segments));
}

}  // namespace fluxor::web
