#include "observability/health/health.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>

namespace fluxor::observability {
namespace json = boost::json;

web::Response Health::live() const {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(clock_.wall_now().time_since_epoch()).count();
  return web::Response::json(200, json::serialize(json::object{{"status", "up"}, {"timestamp", seconds}}));
}

web::Response Health::ready(const HealthFacts& facts) const {
  const double busiest = std::max(facts.queue_utilization, facts.ccu_utilization);
  const bool ready = phase() == Phase::serving && !(ready_threshold_ && busiest >= *ready_threshold_);
  return web::Response::json(ready ? 200 : 503,
                             json::serialize(json::object{{"status", ready ? "ready" : "not_ready"},
                                                          {"queue_utilization", facts.queue_utilization},
                                                          {"ccu_utilization", facts.ccu_utilization},
                                                          {"verticle_count", facts.verticle_count}}));
}

}  // namespace fluxor::observability
