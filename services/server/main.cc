#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/loop/cpu_count.h"
#include "services/server/routes.h"
#include "services/server/termination.h"
#include "web/http/http_server.h"
using namespace fluxor;
int main(int argc, char** argv) {
  int port = 0;
  for (int i = 1; i < argc; ++i)
    if (std::string(argv[i]).starts_with("--port=")) port = std::atoi(argv[i] + 7);
  runtime::SystemClock clock;
  runtime::StderrLog log;
  auto term = services::Termination::create().value();
  auto group = runtime::EventLoopGroup::create({.loops = runtime::usable_cpus()}, clock, nullptr).value();
  auto cap = *web::CcuCapacity::of(5000, 67);
  web::Gate gate(cap.normal);
  observability::Health health(clock, std::nullopt);
  web::HttpServer* http_ptr = nullptr;
  services::ServerFacts facts{clock, *group, health, gate, cap, clock.now(), [&] { return http_ptr->stats(); }};
  web::HttpServer http(*group, {}, services::make_routes(facts), gate, log);
  http_ptr = &http;
  group->start();
  auto s = http.start(runtime::Endpoint::parse("127.0.0.1", static_cast<std::uint16_t>(port)).value());
  if (!s) {
    std::fprintf(stderr, "%s\n", s.error().message().c_str());
    return 1;
  }
  std::fprintf(stderr, "listening on %s\n", http.local_endpoint().to_string().c_str());
  health.enter(observability::Phase::serving);
  term.wait(std::nullopt);
  http.drain([&] { term.notify(); });
  term.wait(std::chrono::seconds(5));
  group->stop();
}
