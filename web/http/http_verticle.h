#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/result.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/listening_socket.h"
#include "runtime/task/task.h"
#include "runtime/verticle/context.h"
#include "runtime/verticle/verticle.h"
#include "web/admission/gate.h"
#include "web/http/http_options.h"
#include "web/http/http_server.h"
#include "web/router/route_table.h"

namespace fluxor::web {

// What an HttpVerticle serves, and what it tells.  Routes, gate, log and loops outlive it.
struct HttpVerticleParts {
  std::vector<runtime::EventLoop*> loops;
  HttpOptions options{};
  std::shared_ptr<const RouteTable> routes;
  Gate& gate;
  runtime::LogSink& log;
  // Where it listens; asked for at each start.
  std::function<runtime::Result<runtime::ListeningSocket>()> listen;
  // Between on_draining and the end of accepting: time for a load balancer to hear that we are not ready.
  runtime::Duration drain_delay{0};
  // On the verticle's loop.
  std::function<void(const HttpServer&)> on_serving{};
  std::function<void()> on_draining{};
  // The server that on_serving told of is about to be destroyed.
  std::function<void()> on_ended{};
};

// An HttpServer as a verticle: start() is when it listens on all its loops, stop() drains it.  Deployed last, it stops
// first, while all that its handlers use is still there.
//
// What its handlers do when its shutdown time is over is cut off: their connections are closed, and their routes are
// named in the log and in the report of what did not end.  What they use of the server stays until they end.
//
// Thread:  loop.
// Errors:  start() throws system_error with what the kernel says of the address.
class HttpVerticle final : public runtime::Verticle {
 public:
  explicit HttpVerticle(HttpVerticleParts parts) : parts_(std::move(parts)) {}
  ~HttpVerticle() override;

  runtime::Task<> start(runtime::Context& context) override;
  runtime::Task<> stop() override;

 private:
  struct Draining;

  static runtime::Task<> cut_off(HttpVerticle* self);
  static runtime::Task<> close(HttpVerticle* self);
  void drain();

  const HttpVerticleParts parts_;
  runtime::Context* context_ = nullptr;
  std::unique_ptr<HttpServer> server_;
  std::shared_ptr<Draining> draining_;  // shared with the loops, which may be the last
  bool closed_ = true;
};

}  // namespace fluxor::web
