#include "observability/health/health.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>

#include "runtime/testing/manual_clock.h"

namespace fluxor::observability {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

TEST(Health, IsAliveInEveryPhaseAndTellsTheTime) {
  runtime::ManualClock clock;
  clock.advance(90s);
  Health health(clock, std::nullopt);
  for (const Phase phase : {Phase::starting, Phase::serving, Phase::draining}) {
    health.enter(phase);
    const web::Response live = health.live();
    EXPECT_EQ(live.status(), 200);
    EXPECT_EQ(live.body(), R"({"status":"up","timestamp":90})");
  }
}

TEST(Health, IsReadyOnlyWhileItServes) {
  const runtime::ManualClock clock;
  Health health(clock, std::nullopt);
  EXPECT_EQ(health.ready({}).status(), 503);
  health.enter(Phase::serving);
  EXPECT_EQ(health.ready({}).status(), 200);
  health.enter(Phase::draining);
  const web::Response draining = health.ready({});
  EXPECT_EQ(draining.status(), 503);
  EXPECT_EQ(json::parse(draining.body()).at("status"), "not_ready");
}

TEST(Health, TellsUtilizationAndVerticles) {
  const runtime::ManualClock clock;
  Health health(clock, std::nullopt);
  health.enter(Phase::serving);
  const web::Response ready = health.ready({.queue_utilization = 0.25, .ccu_utilization = 1.0, .verticle_count = 3});
  EXPECT_EQ(ready.status(), 200) << "full is no reason to leave the balancer, unless a threshold is set";
  const json::value body = json::parse(ready.body());
  EXPECT_EQ(body.at("status"), "ready");
  EXPECT_EQ(body.at("queue_utilization").as_double(), 0.25);
  EXPECT_EQ(body.at("ccu_utilization").as_double(), 1.0);
  EXPECT_EQ(body.at("verticle_count").to_number<int>(), 3);
}

TEST(Health, IsUnreadyFromTheThresholdOnIfOneIsSet) {
  const runtime::ManualClock clock;
  Health health(clock, 0.9);
  health.enter(Phase::serving);
  EXPECT_EQ(health.ready({.queue_utilization = 0.89, .ccu_utilization = 0.89}).status(), 200);
  EXPECT_EQ(health.ready({.queue_utilization = 0.9}).status(), 503);
  EXPECT_EQ(health.ready({.ccu_utilization = 0.9}).status(), 503);
}

}  // namespace
}  // namespace fluxor::observability
