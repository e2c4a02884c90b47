#pragma once

#include <boost/assert/source_location.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "web/http/method.h"
#include "web/http/method_set.h"
#include "web/router/route_params.h"

namespace fluxor::web {

// One line of the table a tree is built from.
struct Route {
  Method method;
  std::string_view pattern;  // RoutePattern's language; needed during build() only
  std::uint32_t handler;     // whatever the caller numbers its handlers with
};

enum class RouteErrc : std::uint8_t {
  bad_pattern = 1,
  unroutable_method,  // CONNECT names no path, `other` no method
  conflict,           // two routes for the same requests
};

// What to tell the programmer: one line that quotes every pattern concerned.
struct RouteError {
  RouteErrc reason;
  std::string text;
};

// What value() of a Result with this error throws, found by its name (Boost.System).
[[noreturn]] inline void throw_exception_from_error(const RouteError& error, const boost::source_location&) {
  throw std::invalid_argument(error.text);
}

struct RouteMatch {
  enum class Outcome : std::uint8_t {
    found,
    method_not_allowed,  // `allowed` says which ones are; also for OPTIONS, if no route of its own takes it
    not_found,
  };
  Outcome outcome = Outcome::not_found;
  MethodSet allowed;          // of method_not_allowed: every method that would be found, and OPTIONS
  std::uint32_t handler = 0;  // of found
  RouteParams params;         // of found
};

// All routes of a server, as an immutable radix tree: a byte of the path is compared about once, however many routes
// there are.
//
// Which route takes a request:
//   - Segment by segment from the left, a literal goes before `:param`, and that before `*rest`.  Where the preferred
//     way leads nowhere, the next one is tried: beside "/a/b/d", "/a/:x/c" still takes "/a/b/c".
//   - A route of another method leads nowhere, too: beside GET "/a/b", POST "/a/:x" takes POST /a/b.
//   - HEAD is taken where GET is, unless the same pattern has a HEAD of its own.
//   - The order of registration never matters, so two routes of one method whose patterns differ in the names of params
//     only are refused.  Of different methods, or leading to different places, params may be named as one likes.
//
// Thread:  immutable; any.
class RouteTree {
 public:
  // Errors:  the first route that is malformed or in conflict with one before it.
  [[nodiscard]] static runtime::Result<RouteTree, RouteError> build(std::span<const Route> routes);

  // Finds the route for a normalised path (web/http/target.h).  What does not begin with '/' is not found.
  //
  // Owns:  the values of the params point into `path`, their names into this tree.
  // Cost:  no allocation, no recursion.  At worst each node is visited once: no path makes it look twice.
  [[nodiscard]] RouteMatch match(Method method, std::string_view path) const noexcept;

  // Every method that some route takes, and OPTIONS: the answer to "OPTIONS *".
  [[nodiscard]] MethodSet methods() const noexcept { return methods_; }

 private:
  friend class RouteTreeBuilder;

  static constexpr std::uint32_t kNone = UINT32_MAX;

  // Text, then what may follow it.  Children are found by their first byte: that of child `first_child + k` is
  // `first_bytes_[first_byte + k]`.
  struct Node {
    std::uint32_t text = 0;  // into text_
    std::uint32_t text_size = 0;
    std::uint32_t first_byte = 0;
    std::uint32_t first_child = 0;
    std::uint32_t param = kNone;  // the node behind a param that begins here
    std::uint32_t leaf = kNone;   // the routes of a path that ends here
    std::uint32_t rest = kNone;   // the routes of a rest that begins here
    std::uint16_t child_count = 0;
  };

  // The routes of one shape: one for each of `methods`, side by side.  The HEAD that comes with GET is one of them.
  struct Leaf {
    std::uint32_t first_route = 0;
    MethodSet methods;
  };

  struct LeafRoute {
    Method method = Method::other;
    std::uint8_t name_count = 0;
    std::uint32_t first_name = 0;
    std::uint32_t handler = 0;
  };

  RouteTree() = default;

  [[nodiscard]] std::uint32_t literal_child(const Node& node, std::string_view rest_of_path) const noexcept;
  // `method` is one of the leaf's.
  [[nodiscard]] const LeafRoute& route_of(const Leaf& leaf, Method method) const noexcept;

  std::vector<Node> nodes_;  // [0] is the '/' that every path begins with
  std::vector<char> text_;
  std::vector<char> first_bytes_;
  std::vector<Leaf> leaves_;
  std::vector<LeafRoute> routes_;
  std::vector<std::string> names_;
  MethodSet methods_;
};

}  // namespace fluxor::web
