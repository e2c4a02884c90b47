#include "services/server/routes.h"

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/parse_options.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/base/check.h"
#include "services/server/version.h"
#include "web/http/request.h"
#include "web/http/response.h"

namespace fluxor::services {
namespace {

namespace json = boost::json;
using web::Admission;
using web::Request;
using web::Response;

constexpr std::string_view kHello = R"({"message":"Hello from Fluxor!","version":"0.1.0"})";
static_assert(kHello.find(kVersion) != std::string_view::npos);

// Deeper JSON is refused: a tree of values is walked recursively.
constexpr std::size_t kJsonDepthMax = 64;

std::int64_t whole_seconds(runtime::Duration duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

json::array loop_facts(runtime::EventLoopGroup& group, const json::storage_ptr& memory) {
  json::array loops(memory);
  for (std::size_t i = 0; i < group.size(); ++i) {
    const runtime::EventLoopStats stats = group.at(i).stats();
    loops.push_back({{"id", i},
                     {"processed", stats.processed()},
                     {"queue_length", stats.queue_length},
                     {"refused", stats.ring_refused},
                     {"dropped", stats.ring_dropped},
                     {"timers", stats.timers_armed}});
  }
  return loops;
}

Response status(const ServerFacts& facts) {
  std::array<unsigned char, 4096> buffer;
  json::monotonic_resource memory(buffer.data(), buffer.size());
  const web::HttpStats http = facts.http_stats();
  json::object body(&memory);
  body["status"] = "ok";
  body["time"] = whole_seconds(facts.clock.wall_now().time_since_epoch());
  body["version"] = kVersion;
  body["uptime_seconds"] = whole_seconds(facts.clock.now() - facts.started);
  body["loops"] = facts.group.size();
  body["verticles"] = facts.verticles();
  body["in_flight"] = facts.gate.in_flight();
  body["capacity"] = facts.capacity.normal;
  body["rejected"] = facts.gate.refused();
  body["connections"] = http.connections_open;
  const std::optional<std::uint64_t> stalls = facts.stalls();
  body["stalls"] = stalls ? json::value(*stalls) : json::value(nullptr);
  json::object responses(&memory);
  for (std::size_t i = 2; i < http.responses_by_class.size(); ++i) {
    responses[std::to_string(i) + "xx"] = http.responses_by_class[i];
  }
  body["responses"] = std::move(responses);
  body["event_loops"] = loop_facts(facts.group, &memory);
  return Response::json(200, json::serialize(body));
}

Response echo(Request& request) {
  std::array<unsigned char, 4096> buffer;
  json::monotonic_resource memory(buffer.data(), buffer.size());
  json::parse_options options;
  options.max_depth = kJsonDepthMax;
  json::error_code error;
  json::value sent =
      json::parse(json::string_view(request.body().data(), request.body().size()), error, &memory, options);
  if (error) return Response::error(400, "BAD_REQUEST", "invalid json", "the body is not JSON, or nested too deeply");
  json::object body(&memory);
  body["echo"] = std::move(sent);
  body["message"] = "Echo successful";
  return Response::json(200, json::serialize(body));
}

}  // namespace

std::shared_ptr<const web::RouteTable> make_routes(const ServerFacts& facts) {
  web::RouteTable::Builder routes;
  routes.get("/", [](Request&) { return Response::json(200, web::StaticBody{kHello}); });
  routes.get("/api/status", [&facts](Request&) { return status(facts); });
  routes.post("/api/echo", echo);
  routes.get("/live", [&facts](Request&) { return facts.health.live(); }, Admission::beside_gate);
  routes.get(
      "/ready",
      [&facts](Request&) {
        return facts.health.ready({.ccu_utilization = facts.gate.utilization(), .verticle_count = facts.verticles()});
      },
      Admission::beside_gate);
  auto table = std::move(routes).build();
  FLUXOR_CHECK(table.has_value(), "the server's own routes fit together");
  return std::move(*table);
}

}  // namespace fluxor::services
