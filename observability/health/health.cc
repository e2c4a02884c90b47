#include "observability/health/health.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <string>
#include <string_view>

namespace fluxor::observability {
namespace {

// As people write it: 0.25, not 2.5E-1.
std::string decimal(double value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, 4).ptr;
  return {text.data(), end};
}

}  // namespace

web::Response Health::live() const {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(clock_.wall_now().time_since_epoch()).count();
  return web::Response::json(200, R"({"status":"up","timestamp":)" + std::to_string(seconds) + "}");
}

web::Response Health::ready(const HealthFacts& facts) const {
  const double busiest = std::max(facts.queue_utilization, facts.ccu_utilization);
  const bool ready = phase() == Phase::serving && !(ready_threshold_ && busiest >= *ready_threshold_);
  return web::Response::json(
      ready ? 200 : 503, std::string(R"({"status":)") + (ready ? R"("ready")" : R"("not_ready")") +
                             R"(,"queue_utilization":)" + decimal(facts.queue_utilization) + R"(,"ccu_utilization":)" +
                             decimal(facts.ccu_utilization) + R"(,"verticle_count":)" +
                             std::to_string(facts.verticle_count) + "}");
}

}  // namespace fluxor::observability
