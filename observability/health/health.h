#pragma once

#include <atomic>
#include <cstddef>
#include <optional>

#include "runtime/base/clock.h"
#include "web/http/response.h"

namespace fluxor::observability {

// Where a process is in its life.
enum class Phase { starting, serving, draining };

// What a probe is told, as of now.
struct HealthFacts {
  double queue_utilization = 0;  // 0…1
  double ccu_utilization = 0;    // 0…1
  std::size_t verticle_count = 0;
};

// Answers the two questions an orchestrator asks: is it alive (else restart it), is it ready (else send it nothing).
//
// Alive is whoever can answer at all.  Ready is whoever serves; only if a threshold is set, a utilization at or above
// it makes a process unready, since otherwise all replicas would leave the balancer together.
//
// Thread:  any.
class Health {
 public:
  // `clock` must outlive it.
  Health(const runtime::Clock& clock, std::optional<double> ready_threshold) noexcept
      : clock_(clock), ready_threshold_(ready_threshold) {}

  void enter(Phase phase) noexcept { phase_.store(phase, std::memory_order_relaxed); }
  Phase phase() const noexcept { return phase_.load(std::memory_order_relaxed); }

  // GET /live: 200 {"status":"up","timestamp":…}, seconds since 1970.
  web::Response live() const;
  // GET /ready: 200 or 503 {"status":"ready"|"not_ready","queue_utilization":…,"ccu_utilization":…,
  // "verticle_count":…}.
  web::Response ready(const HealthFacts& facts) const;

 private:
  const runtime::Clock& clock_;
  const std::optional<double> ready_threshold_;
  std::atomic<Phase> phase_{Phase::starting};
};

}  // namespace fluxor::observability
