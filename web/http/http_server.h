#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/result.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/listening_socket.h"
#include "web/admission/gate.h"
#include "web/http/http_options.h"
#include "web/http/http_stats.h"
#include "web/router/route_table.h"

namespace fluxor::runtime {
class EventLoop;
}

namespace fluxor::web {

// An HTTP/1.1 server on several loops: each accepts for itself, from one listening socket, and hands a connection on
// when another loop has clearly fewer.
//
//     start ─► accepts ─► drain(): takes out what the kernel has accepted, answers what comes with
//                         `connection: close` ─► on_drained ─► close() ─► on_closed ─► destroy
//
// Each step comes in two forms: one that waits, for a thread that is no loop's, and one that calls back, on some loop.
// HttpVerticle has the latter behind a verticle's start() and stop().
//
// Thread:  owner, but for what says otherwise.
// Owns:    its listening socket and its connections, each on its loop.  Routes, gate, log and loops must outlive it.
class HttpServer {
 public:
  HttpServer(std::vector<runtime::EventLoop*> loops, const HttpOptions& options,
             std::shared_ptr<const RouteTable> routes, Gate& gate, runtime::LogSink& log);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  // It was closed, or its loops have stopped, or start() was never called or failed.
  ~HttpServer();

  // Binds, and begins to accept on every loop; they must run.
  // Errors:  what the kernel says (address in use, …), or Errc::invalid for limits that do not fit the transport.  Then
  //          nothing accepts.
  runtime::Result<void> start(const runtime::Endpoint& endpoint);
  // The same on a socket that listens already: one with options of its own, or of the network in memory that the
  // loops' pollers are on.
  runtime::Result<void> start(runtime::ListeningSocket listening);
  void start(runtime::ListeningSocket listening, std::function<void(runtime::error_code)> on_started);
  // Where it listens, or did before it was drained: the port it got, if any was asked for.  After start().  Thread:
  // any.
  runtime::Endpoint local_endpoint() const { return local_endpoint_; }

  // Ends every connection with its next response, and takes no new one: first the kernel drops them, so that handshakes
  // which have begun can end and be served; a moment later the listening socket is closed, and they are refused at
  // once. `on_drained` is called once, on some loop, when no connection is left.  Called once.  Cannot be refused,
  // however full the rings are.
  void drain(std::function<void()> on_drained);

  // Closes every connection now.  Waits until each loop has done so, at most `patience`; names what cannot be ended:
  // the routes whose handlers still run, and the loops that did not answer.
  std::vector<std::string> abort(runtime::Duration patience);
  void abort(std::function<void(std::vector<std::string> running)> on_aborted);

  // Lets go of the loops; no connection is left.  After that it may be destroyed, on any thread.
  void close(std::function<void()> on_closed);

  // Thread: any.
  HttpStats stats() const noexcept;
  std::size_t connections_on(std::size_t loop) const noexcept;

 private:
  class Shared;
  class LoopPart;

  runtime::Result<void> check_limits() const;
  template <typename Answered>
  void ask(unsigned command, Answered answered);

  runtime::Endpoint local_endpoint_;
  std::unique_ptr<Shared> shared_;
  std::vector<std::unique_ptr<LoopPart>> parts_;
};

}  // namespace fluxor::web
