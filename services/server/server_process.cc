#include "services/server/server_process.h"

#include <algorithm>
#include <array>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "observability/health/health.h"
#include "runtime/base/result.h"
#include "runtime/loop/cpu_count.h"
#include "runtime/net/descriptor_limit.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/listening_socket.h"
#include "runtime/process/runtime.h"
#include "runtime/task/task.h"
#include "runtime/verticle/context.h"
#include "services/server/routes.h"
#include "services/server/version.h"
#include "web/admission/ccu_capacity.h"
#include "web/admission/gate.h"
#include "web/http/http_options.h"
#include "web/http/http_server.h"
#include "web/http/http_verticle.h"

namespace fluxor::services {
namespace {

// Descriptors that are no connections: loops, listening socket, log, what libraries open now and then.
constexpr std::size_t kDescriptorsReserved = 64;
constexpr std::size_t kDescriptorsPerLoop = 4;

// What the tree may take beyond the time of the HTTP server.
constexpr runtime::Duration kShutdownMargin = std::chrono::seconds(2);

ExitCode cannot_start(std::string_view why) {
  std::fprintf(stderr, "fluxor: %.*s\n", static_cast<int>(why.size()), why.data());
  return ExitCode::cannot_start;
}

web::HttpOptions http_options(const ServerConfig& config, std::size_t connections_max) {
  web::HttpOptions options;
  options.limits.request.line_bytes = config.request_line_max;
  options.limits.request.fields_bytes = config.header_max;
  options.limits.request.field_count = config.header_fields_max;
  options.limits.request.body_bytes = config.body_max;
  options.limits.connections_max = connections_max;
  options.timeouts.header = config.header_timeout;
  options.timeouts.body = config.body_timeout;
  options.timeouts.keep_alive = config.keep_alive_timeout;
  options.timeouts.write = config.write_timeout;
  return options;
}

// How many connections the descriptors allow; nothing if fewer than were asked for.
std::optional<std::size_t> connections_max(const ServerConfig& config, std::size_t loops, std::size_t descriptors) {
  const std::size_t reserved = kDescriptorsReserved + kDescriptorsPerLoop * loops;
  const std::size_t allowed = descriptors > reserved ? descriptors - reserved : 0;
  const std::size_t wanted = config.connections_max.value_or(std::min(allowed, kConnectionsMax));
  if (wanted > allowed || wanted == 0) return std::nullopt;
  return wanted;
}

runtime::Result<runtime::ListeningSocket> listen(const ServerConfig& config) {
  const auto endpoint = runtime::Endpoint::parse(config.address, config.port);
  if (!endpoint) return endpoint.error();
  auto socket = runtime::ListeningSocket::open(*endpoint, {});
  // A machine without IPv6 still has all its IPv4 addresses.
  if (!socket && config.address.empty() && socket.error() == boost::system::errc::address_family_not_supported) {
    socket = runtime::ListeningSocket::open(runtime::Endpoint::any_v4(config.port), {});
  }
  return socket;
}

runtime::RuntimeOptions runtime_options(const ServerConfig& config, std::size_t loops) {
  runtime::RuntimeOptions options;
  options.loops = loops;
  options.ring_capacity = config.ring_capacity;
  options.stall_threshold = config.stall_threshold;
  options.shutdown = config.drain_delay + config.drain_timeout + kShutdownMargin;
  options.verticles.on_giving_up = config.on_giving_up;
  return options;
}

// The HTTP server of this process, or none; what it counts is asked for on all loops.
class CurrentServer {
 public:
  void set(const web::HttpServer* server) {
    const std::lock_guard lock(mutex_);
    server_ = server;
  }
  web::HttpStats stats() const {
    const std::lock_guard lock(mutex_);
    return server_ == nullptr ? web::HttpStats() : server_->stats();
  }

 private:
  mutable std::mutex mutex_;  // a leaf
  const web::HttpServer* server_ = nullptr;
};

}  // namespace

ExitCode serve(const ServerConfig& config, const runtime::Clock& clock, runtime::Random& random, runtime::LogSink& log,
               runtime::Termination& termination) {
  const runtime::Instant started = clock.now();
  const std::size_t loops = config.loops != 0 ? config.loops : runtime::usable_cpus();

  const auto descriptors = runtime::raise_descriptor_limit();
  if (!descriptors) return cannot_start("cannot read the limit on open files: " + descriptors.error().message());
  const auto connections = connections_max(config, loops, *descriptors);
  if (!connections) {
    const std::size_t needed = config.connections_max.value_or(1) + kDescriptorsReserved + kDescriptorsPerLoop * loops;
    return cannot_start((config.connections_max ? "--connections-max needs " : "serving needs at least ") +
                        std::to_string(needed) + " open files, and this process may have " +
                        std::to_string(*descriptors) + ": raise the limit (ulimit -n)");
  }
  const auto capacity = web::CcuCapacity::of(config.max_ccu, config.utilization);
  if (!capacity) return cannot_start("--max-ccu and --utilization admit nobody");

  auto process = runtime::Runtime::create(runtime_options(config, loops), clock, random, log, termination);
  if (!process) {
    return cannot_start("cannot make " + std::to_string(loops) + " event loops: " + process.error().message());
  }
  runtime::Runtime& runtime = **process;

  // Not on the stack: where something is left behind, loops still use it to the end of the process.
  struct Shared {
    Shared(std::size_t capacity, const runtime::Clock& clock, std::optional<double> threshold)
        : gate(capacity), health(clock, threshold) {}
    web::Gate gate;
    observability::Health health;
    CurrentServer server;
  };
  auto shared = std::make_unique<Shared>(capacity->normal, clock, config.ready_threshold);
  const auto facts = std::make_shared<const ServerFacts>(
      ServerFacts{clock, runtime.loops(), shared->health, shared->gate, *capacity, started,
                  [server = &shared->server] { return server->stats(); }, [&runtime] { return runtime.stalls(); },
                  // The root is main itself, and nobody has deployed it.
                  [&runtime] { return runtime.system().directory().size() - 1; }});
  const std::shared_ptr<const web::RouteTable> routes = make_routes(*facts);

  const ExitCode code = runtime.run([&](runtime::Context& root) -> runtime::Task<> {
    web::HttpVerticleParts parts{.loops = runtime.loops().all(),
                                 .options = http_options(config, *connections),
                                 .routes = routes,
                                 .gate = shared->gate,
                                 .log = log,
                                 .listen = [&config] { return listen(config); },
                                 .drain_delay = config.drain_delay};
    parts.on_serving = [&, shared = shared.get()](const web::HttpServer& server) {
      shared->server.set(&server);
      shared->health.enter(observability::Phase::serving);
      const std::array<std::string, 3> texts{std::to_string(loops), std::to_string(capacity->normal),
                                             std::to_string(*connections)};
      const std::array<runtime::LogField, 4> fields{
          {{"version", kVersion}, {"loops", texts[0]}, {"capacity", texts[1]}, {"connections_max", texts[2]}}};
      log.write(runtime::Severity::info, "listening on " + server.local_endpoint().to_string(), fields);
    };
    parts.on_draining = [&log, shared = shared.get()] {
      shared->health.enter(observability::Phase::draining);
      log.write(runtime::Severity::info, "draining", {});
    };
    parts.on_ended = [shared = shared.get()] { shared->server.set(nullptr); };
    runtime::DeploymentOptions options;
    options.name = "http";
    options.shutdown = config.drain_delay + config.drain_timeout;
    try {
      co_await root.deploy<web::HttpVerticle>(std::move(options), std::move(parts));
    } catch (const boost::system::system_error& error) {
      throw std::runtime_error("cannot listen on " + (config.address.empty() ? "port" : config.address + " port") +
                               " " + std::to_string(config.port) + ": " + error.code().message());
    }
  });
  if (code == ExitCode::left_behind || code == ExitCode::gave_up) {
    // What does not end may be using these: main does not come back to them.
    static_cast<void>((*process).release());
    static_cast<void>(shared.release());
    static_cast<void>(new std::shared_ptr<const ServerFacts>(facts));
    static_cast<void>(new std::shared_ptr<const web::RouteTable>(routes));
  }
  return code;
}

}  // namespace fluxor::services
