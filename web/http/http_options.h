#pragma once

#include <chrono>
#include <cstddef>

#include "runtime/base/clock.h"
#include "web/http/request_reader.h"

namespace fluxor::web {

// How long a connection may take over what; each is told from the others by its effect.
struct HttpTimeouts {
  runtime::Duration header = std::chrono::seconds(10);      // first byte to end of fields, absolute: 408, close
  runtime::Duration body = std::chrono::seconds(10);        // between two parts of a body: 408, close
  runtime::Duration keep_alive = std::chrono::seconds(60);  // without a request: close
  runtime::Duration write = std::chrono::seconds(10);       // the peer takes nothing: close
  runtime::Duration linger = std::chrono::seconds(1);       // the peer goes on sending after our last word: close
  runtime::Duration drain_idle = std::chrono::seconds(1);   // draining: a connection's last chance for a request
  // Draining: handshakes that had begun may end.  A round trip, generously.
  runtime::Duration handshakes = std::chrono::milliseconds(100);
};

struct HttpLimits {
  RequestLimits request;
  // Pipelined requests answered in one go before other connections have their turn.
  std::size_t pipeline_batch = 64;
  // Bytes thrown away after our last word, so that the peer gets to read it (RFC 9112 9.6).
  std::size_t linger_bytes = 64 * 1024;
  // Connections in the whole process.
  std::size_t connections_max = 65536;
};

struct HttpOptions {
  HttpLimits limits;
  HttpTimeouts timeouts;
};

}  // namespace fluxor::web
