#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "web/http/method.h"
#include "web/http/request.h"
#include "web/http/response.h"
#include "web/router/handler.h"
#include "web/router/route_tree.h"

namespace fluxor::web {

// Whether a route's requests need a permit.  Probes and metrics do not: overload must stay visible.
enum class Admission { gated, beside_gate };

struct RouteEntry {
  Method method;
  std::string pattern;
  Handler handler;
  Admission admission = Admission::gated;
};

// All routes of a server and their handlers.
//
// Thread:  immutable; any.
class RouteTable {
 public:
  class Builder {
   public:
    Builder& add(Method method, std::string_view pattern, Handler handler, Admission admission = Admission::gated);
    Builder& get(std::string_view pattern, Handler handler, Admission admission = Admission::gated) {
      return add(Method::get, pattern, std::move(handler), admission);
    }
    Builder& post(std::string_view pattern, Handler handler, Admission admission = Admission::gated) {
      return add(Method::post, pattern, std::move(handler), admission);
    }
    // Errors:  the first route that is malformed or in conflict with one before it, in one line that quotes both.
    runtime::Result<std::shared_ptr<const RouteTable>, RouteError> build() &&;

   private:
    std::vector<RouteEntry> entries_;
  };

  // The route that takes the request, whose params it has been given; or the answer that there is none: 404, 405 with
  // Allow, 501 for a method nobody knows, or the answer to OPTIONS.
  //
  // Owns:    the route belongs to this table, the params to the request.
  // Cost:    no allocation when found.
  struct Match {
    const RouteEntry* route = nullptr;
    std::optional<Response> answer = std::nullopt;  // engaged exactly if `route` is null
  };
  Match match(Request& request) const;

 private:
  RouteTable(std::vector<RouteEntry> entries, RouteTree tree) : entries_(std::move(entries)), tree_(std::move(tree)) {}

  const std::vector<RouteEntry> entries_;
  const RouteTree tree_;
};

}  // namespace fluxor::web
