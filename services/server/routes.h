#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "observability/health/health.h"
#include "runtime/base/clock.h"
#include "runtime/loop/event_loop_group.h"
#include "web/admission/ccu_capacity.h"
#include "web/admission/gate.h"
#include "web/http/http_stats.h"
#include "web/router/route_table.h"

namespace fluxor::services {

// What the routes of the server binary tell about; all of it outlives the server.
struct ServerFacts {
  const runtime::Clock& clock;
  runtime::EventLoopGroup& group;
  const observability::Health& health;
  const web::Gate& gate;
  const web::CcuCapacity capacity;
  const runtime::Instant started;
  std::function<web::HttpStats()> http_stats;  // called on loops
  // How often a loop was held for too long; nothing if nobody looks.  Called on loops.
  std::function<std::optional<std::uint64_t>()> stalls;
  // How many verticles there are.  Called on loops.
  std::function<std::size_t()> verticles;
};

// The endpoints of the server binary: /, /api/status, /api/echo, /live, /ready.
//
// Owns:    the handlers refer to `facts`, which must outlive the table.
std::shared_ptr<const web::RouteTable> make_routes(const ServerFacts& facts);

}  // namespace fluxor::services
