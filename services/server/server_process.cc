#include "services/server/server_process.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "observability/health/health.h"
#include "runtime/base/result.h"
#include "runtime/loop/cpu_count.h"
#include "runtime/loop/event_loop.h"
#include "runtime/loop/event_loop_group.h"
#include "runtime/loop/stall_watch.h"
#include "runtime/loop/watchdog.h"
#include "runtime/net/descriptor_limit.h"
#include "runtime/net/endpoint.h"
#include "services/server/routes.h"
#include "services/server/stall_log.h"
#include "services/server/version.h"
#include "web/admission/ccu_capacity.h"
#include "web/admission/gate.h"
#include "web/http/http_options.h"
#include "web/http/http_server.h"

namespace fluxor::services {
namespace {

// Descriptors that are no connections: loops, listening socket, log, what libraries open now and then.
constexpr std::size_t kDescriptorsReserved = 64;
constexpr std::size_t kDescriptorsPerLoop = 4;

// How long the loops may take to close what is left after the drain.
constexpr runtime::Duration kAbortPatience = std::chrono::seconds(1);

ExitCode cannot_start(std::string_view why) {
  std::fprintf(stderr, "fluxor: %.*s\n", static_cast<int>(why.size()), why.data());
  return ExitCode::cannot_start;
}

void log_failure(runtime::LogSink& log, const runtime::EventLoop& loop, const std::exception_ptr& failure) {
  const std::string id = std::to_string(loop.id());
  const auto write = [&](std::string_view reason) {
    const std::array<runtime::LogField, 2> fields{{{"loop", id}, {"reason", reason}}};
    log.write(runtime::Severity::error, "an event ended with an exception", fields);
  };
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& exception) {
    write(exception.what());
  } catch (...) {
    write("not a std::exception");
  }
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

runtime::Result<void> listen(web::HttpServer& http, const ServerConfig& config) {
  const auto endpoint = runtime::Endpoint::parse(config.address, config.port);
  if (!endpoint) return endpoint.error();
  auto started = http.start(*endpoint);
  // A machine without IPv6 still has all its IPv4 addresses.
  if (!started && config.address.empty() && started.error() == boost::system::errc::address_family_not_supported) {
    started = http.start(runtime::Endpoint::any_v4(config.port));
  }
  return started;
}

// Waits for the drain, its time-out, or a second signal.
Termination::Event wait_for_drain(Termination& termination, const runtime::Clock& clock, runtime::Duration timeout) {
  const runtime::Instant deadline = clock.now() + timeout;
  for (;;) {
    const runtime::Duration left = std::max(deadline - clock.now(), runtime::Duration::zero());
    const Termination::Event event = termination.wait(left);
    if (event != Termination::Event::timed_out || left == runtime::Duration::zero()) return event;
  }
}

// Ends what the drain could not, and names it.
ExitCode give_up(web::HttpServer& http, runtime::LogSink& log, std::string_view why) {
  const std::string connections = std::to_string(http.stats().connections_open);
  std::string handlers;
  for (const std::string& name : http.abort(kAbortPatience)) handlers += (handlers.empty() ? "" : ", ") + name;
  if (handlers.empty()) handlers = "none";
  const std::array<runtime::LogField, 3> fields{
      {{"reason", why}, {"connections", connections}, {"handlers", handlers}}};
  log.write(runtime::Severity::error, "ended with requests unanswered", fields);
  return ExitCode::left_behind;
}

// Null if it is switched off.
std::unique_ptr<runtime::Watchdog> make_watchdog(const ServerConfig& config, const runtime::Clock& clock,
                                                 runtime::LogSink& log) {
  if (config.stall_threshold.count() == 0) return nullptr;
  return std::make_unique<runtime::Watchdog>(runtime::WatchdogOptions{.threshold = config.stall_threshold}, clock,
                                             [&log](const runtime::StallReport& report) { log_stall(log, report); });
}

// Has the loops of a group watched as long as it lives, if there is a watchdog.
class Watch {
 public:
  Watch(runtime::Watchdog* watchdog, runtime::EventLoopGroup& group) : watchdog_(watchdog) {
    if (watchdog_ == nullptr) return;
    std::vector<runtime::EventLoop*> loops;
    for (std::size_t i = 0; i < group.size(); ++i) loops.push_back(&group.at(i));
    watchdog_->start(loops);
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    if (watchdog_ != nullptr) watchdog_->stop();
  }

 private:
  runtime::Watchdog* const watchdog_;
};

ExitCode drain(const ServerConfig& config, const runtime::Clock& clock, runtime::LogSink& log, Termination& termination,
               observability::Health& health, web::HttpServer& http) {
  health.enter(observability::Phase::draining);
  log.write(runtime::Severity::info, "draining", {});
  if (config.drain_delay.count() != 0 &&
      wait_for_drain(termination, clock, config.drain_delay) == Termination::Event::signal) {
    return give_up(http, log, "second signal");
  }
  http.drain([&termination] { termination.notify(); });
  switch (wait_for_drain(termination, clock, config.drain_timeout)) {
    case Termination::Event::notified: return ExitCode::clean;
    case Termination::Event::signal: return give_up(http, log, "second signal");
    case Termination::Event::timed_out: break;
  }
  return give_up(http, log, "drain time-out");
}

}  // namespace

ExitCode serve(const ServerConfig& config, const runtime::Clock& clock, runtime::LogSink& log,
               Termination& termination) {
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

  std::unique_ptr<runtime::Watchdog> watchdog = make_watchdog(config, clock, log);
  auto group = runtime::EventLoopGroup::create(
      {.loops = loops, .ring_capacity = config.ring_capacity, .watcher = watchdog.get()}, clock,
      [&log](runtime::EventLoop& loop, const std::exception_ptr& failure) { log_failure(log, loop, failure); });
  if (!group) return cannot_start("cannot make " + std::to_string(loops) + " event loops: " + group.error().message());

  web::Gate gate(capacity->normal);
  observability::Health health(clock, config.ready_threshold);
  std::unique_ptr<web::HttpServer> http;
  const ServerFacts facts{clock,
                          **group,
                          health,
                          gate,
                          *capacity,
                          started,
                          [&http] { return http->stats(); },
                          [dog = watchdog.get()]() -> std::optional<std::uint64_t> {
                            if (dog == nullptr) return std::nullopt;
                            return dog->stats().stalls;
                          }};
  http = std::make_unique<web::HttpServer>((*group)->all(), http_options(config, *connections), make_routes(facts),
                                           gate, log);
  if (const auto started = (*group)->start(); !started) {
    return cannot_start("cannot start " + std::to_string(loops) + " event loops: " + started.error().message());
  }
  const Watch watch(watchdog.get(), **group);
  if (const auto listening = listen(*http, config); !listening) {
    (*group)->stop();
    return cannot_start("cannot listen on " + (config.address.empty() ? "port" : config.address + " port") + " " +
                        std::to_string(config.port) + ": " + listening.error().message());
  }
  health.enter(observability::Phase::serving);
  {
    const std::array<std::string, 3> texts{std::to_string(loops), std::to_string(capacity->normal),
                                           std::to_string(*connections)};
    const std::array<runtime::LogField, 4> fields{
        {{"version", kVersion}, {"loops", texts[0]}, {"capacity", texts[1]}, {"connections_max", texts[2]}}};
    log.write(runtime::Severity::info, "listening on " + http->local_endpoint().to_string(), fields);
  }

  termination.wait(std::nullopt);
  const ExitCode code = drain(config, clock, log, termination, health, *http);
  if (code != ExitCode::clean && http->stats().requests_running != 0) {
    // A handler that does not end cannot be taken off its loop: the process ends with it, and main does not come back
    // to objects it may be using.
    static_cast<void>((*group).release());
    static_cast<void>(http.release());
    static_cast<void>(watchdog.release());  // the loops tell it when they wake up
    return code;
  }
  (*group)->stop();
  log.write(runtime::Severity::info, "stopped", {});
  return code;
}

}  // namespace fluxor::services
