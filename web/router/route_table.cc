#include "web/router/route_table.h"

#include <utility>

#include "web/http/method_set.h"

namespace fluxor::web {
namespace {

Response answer_options(MethodSet allowed) { return Response(204).set("allow", allow_text(allowed)); }

}  // namespace

RouteTable::Builder& RouteTable::Builder::add(Method method, std::string_view pattern, Handler handler,
                                              Admission admission) {
  entries_.push_back({method, std::string(pattern), std::move(handler), admission});
  return *this;
}

runtime::Result<std::shared_ptr<const RouteTable>, RouteError> RouteTable::Builder::build() && {
  std::vector<Route> routes;
  for (const RouteEntry& entry : entries_) {
    routes.push_back({entry.method, entry.pattern, static_cast<std::uint32_t>(routes.size())});
  }
  auto tree = RouteTree::build(routes);
  if (!tree) return tree.error();
  return std::shared_ptr<const RouteTable>(new RouteTable(std::move(entries_), std::move(*tree)));
}

RouteTable::Match RouteTable::match(Request& request) const {
  if (request.method() == Method::other || request.method() == Method::connect) {
    return {.answer =
                Response::error(501, "NOT_IMPLEMENTED", "unknown_method", "this server does not know the method")};
  }
  if (request.path() == "*") return {.answer = answer_options(tree_.methods())};
  const RouteMatch found = tree_.match(request.method(), request.path());
  switch (found.outcome) {
    case RouteMatch::Outcome::found:
      request.clear_params();
      for (std::size_t i = 0; i < found.params.size(); ++i) {
        request.add_param(found.params[i].name, found.params[i].value);
      }
      return {.route = &entries_[found.handler]};
    case RouteMatch::Outcome::method_not_allowed:
      if (request.method() == Method::options) return {.answer = answer_options(found.allowed)};
      return {.answer = Response::error(405, "METHOD_NOT_ALLOWED", "method not allowed",
                                        "the path is known, with other methods: see Allow")
                            .set("allow", allow_text(found.allowed))};
    case RouteMatch::Outcome::not_found: break;
  }
  return {.answer = Response::error(404, "NOT_FOUND", "not found", "no route has this path")};
}

}  // namespace fluxor::web
