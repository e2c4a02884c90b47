#include "services/server/routes.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/testing/manual_clock.h"
#include "web/http/request_reader.h"
#include "web/http/response.h"

namespace fluxor::services {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

class RoutesTest : public testing::Test {
 protected:
  // What the route answers, without sockets.
  web::Response ask(std::string_view method, std::string_view target, std::string_view body = {}) {
    const std::string bytes = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nhost: x\r\n" +
                              "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
    web::RequestReader reader;
    EXPECT_EQ(reader.read(bytes).state, web::ReadState::complete) << bytes;
    auto match = routes_->match(reader.request());
    if (match.answer) return std::move(*match.answer);
    return (*match.route->handler.plain())(reader.request());
  }
  json::value ask_json(std::string_view target) { return json::parse(ask("GET", target).body()); }

  runtime::ManualClock clock_;
  std::unique_ptr<runtime::EventLoopGroup> group_ =
      runtime::EventLoopGroup::create({.loops = 2}, clock_, nullptr).value();
  observability::Health health_{clock_, std::nullopt};
  web::Gate gate_{67};
  web::HttpStats http_stats_;
  std::optional<std::uint64_t> stalls_;
  std::size_t verticles_ = 1;
  const ServerFacts facts_{clock_,
                           *group_,
                           health_,
                           gate_,
                           *web::CcuCapacity::of(100, 67),
                           clock_.now(),
                           [this] { return http_stats_; },
                           [this] { return stalls_; },
                           [this] { return verticles_; }};
  const std::shared_ptr<const web::RouteTable> routes_ = make_routes(facts_);
};

TEST_F(RoutesTest, GreetsInTheNameOfFluxor) {
  const web::Response hello = ask("GET", "/");
  EXPECT_EQ(hello.status(), 200);
  EXPECT_NE(json::parse(hello.body()).at("message").as_string().find("Fluxor"), json::string::npos);
}

TEST_F(RoutesTest, CountsVerticlesWhereItIsAsked) {
  health_.enter(observability::Phase::serving);
  verticles_ = 3;
  EXPECT_EQ(ask_json("/api/status").at("verticles").to_number<int>(), 3);
  EXPECT_EQ(ask_json("/ready").at("verticle_count").to_number<int>(), 3);
}

TEST_F(RoutesTest, TellsItsStatusInFiguresThatMove) {
  json::value status = ask_json("/api/status");
  EXPECT_EQ(status.at("status"), "ok");
  EXPECT_EQ(status.at("time"), 0);
  EXPECT_EQ(status.at("uptime_seconds"), 0);
  EXPECT_EQ(status.at("loops").to_number<int>(), 2);
  EXPECT_EQ(status.at("verticles").to_number<int>(), 1);
  EXPECT_EQ(status.at("in_flight").to_number<int>(), 0);
  EXPECT_EQ(status.at("capacity").to_number<int>(), 67);
  EXPECT_EQ(status.at("connections").to_number<int>(), 0);
  EXPECT_EQ(status.at("responses").at("2xx").to_number<int>(), 0);
  EXPECT_EQ(status.at("event_loops").at(1).at("processed").to_number<int>(), 0);

  clock_.advance(90s);
  const auto permit = gate_.try_enter();
  http_stats_.connections_open = 3;
  http_stats_.responses_by_class[2] = 5;
  ASSERT_TRUE(group_->at(1).post([] {}));
  EXPECT_EQ(ask_json("/api/status").at("event_loops").at(1).at("queue_length").to_number<int>(), 1);
  group_->at(1).run_until_idle();
  status = ask_json("/api/status");
  EXPECT_EQ(status.at("time"), 90);
  EXPECT_EQ(status.at("uptime_seconds"), 90);
  EXPECT_EQ(status.at("in_flight").to_number<int>(), 1);
  EXPECT_EQ(status.at("connections").to_number<int>(), 3);
  EXPECT_EQ(status.at("responses").at("2xx").to_number<int>(), 5);
  EXPECT_EQ(status.at("event_loops").at(0).at("processed").to_number<int>(), 0);
  EXPECT_EQ(status.at("event_loops").at(1).at("processed").to_number<int>(), 1);
  EXPECT_EQ(status.at("event_loops").at(1).at("queue_length").to_number<int>(), 0);
}

TEST_F(RoutesTest, TellsHowOftenALoopWasHeldIfSomebodyLooks) {
  EXPECT_TRUE(ask_json("/api/status").at("stalls").is_null());
  stalls_ = 0;
  EXPECT_EQ(ask_json("/api/status").at("stalls").to_number<int>(), 0);
  stalls_ = 2;
  EXPECT_EQ(ask_json("/api/status").at("stalls").to_number<int>(), 2);
}

TEST_F(RoutesTest, EchoesJson) {
  const web::Response echo = ask("POST", "/api/echo", R"({"a":[1,null,"x"]})");
  EXPECT_EQ(echo.status(), 200);
  EXPECT_EQ(echo.body(), R"({"echo":{"a":[1,null,"x"]},"message":"Echo successful"})");
}

TEST_F(RoutesTest, RefusesToEchoWhatIsNotJson) {
  for (const char* body : {"", "{", "nope", "{} {}", "\xff"}) {
    const web::Response refused = ask("POST", "/api/echo", body);
    EXPECT_EQ(refused.status(), 400) << body;
    EXPECT_EQ(json::parse(refused.body()).at("error"), "invalid json") << body;
  }
  EXPECT_EQ(ask("POST", "/api/echo", std::string(60, '[') + std::string(60, ']')).status(), 200);
  EXPECT_EQ(ask("POST", "/api/echo", std::string(100'000, '[')).status(), 400);
}

TEST_F(RoutesTest, AnswersProbesBesideTheGate) {
  EXPECT_EQ(ask_json("/live").at("status"), "up");
  EXPECT_EQ(ask("GET", "/ready").status(), 503);
  health_.enter(observability::Phase::serving);
  const auto permit = gate_.try_enter();
  const web::Response ready = ask("GET", "/ready");
  EXPECT_EQ(ready.status(), 200);
  EXPECT_NEAR(json::parse(ready.body()).at("ccu_utilization").as_double(), 1.0 / 67, 1e-4);
}

}  // namespace
}  // namespace fluxor::services
