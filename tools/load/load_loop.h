#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "tools/load/histogram.h"
#include "tools/load/load_options.h"
#include "tools/load/process_cpu.h"
#include "tools/load/response_counter.h"

namespace fluxor::load {

// What happened, in requests unless the name says otherwise.
struct Tally {
  int64_t sent = 0;
  int64_t succeeded = 0;
  int64_t refused = 0;
  int64_t other = 0;
  int64_t lost = 0;       // the connection ended before their answer
  int64_t malformed = 0;  // answers that cannot be delimited, or that nobody asked for; the connection is given up
  int64_t connect_failures = 0;
  int64_t reconnects = 0;  // with `connection: close` announced, or after a loss
  int64_t bytes_received = 0;

  int64_t completed() const noexcept { return succeeded + refused + other; }
  friend Tally operator-(const Tally& end, const Tally& start) noexcept;
};

struct LoadReport {
  int64_t window_ns = 0;
  Tally window;
  Histogram latencies;     // of the 2xx answers in the window
  Tally whole_run;         // with the warm-up and the answers that came after the window
  int64_t unanswered = 0;  // sent in the whole run, and no answer half a second after the window
  int64_t overdue = 0;     // open loop: due in the window, but every connection was busy to its end
  int64_t client_cpu_ns = 0;
  ProcessCpu server;  // LoadOptions::watch, over the window
};

// One thread that keeps the connections busy: warm-up, window, then a short drain.
//
// Level-triggered epoll with one recv and one send per batch, because whatever the client spends is not offered to the
// server.  In the closed loop a connection sends its next batch when the last one is answered in full.  In the open
// loop request k is due at start + k / rate (or at the start of that tick), whichever connection is free takes it, and
// its latency counts from then: a server that stalls cannot slow down the clock it is measured with.  The open loop
// polls instead of sleeping, since its own wake-up would be part of every latency.
//
// Thread:  owner.
// Errors:  counted in the report; lost connections are made again, a bounded number of times.
class LoadLoop {
 public:
  // `options` outlives the loop.
  explicit LoadLoop(const LoadOptions& options);
  ~LoadLoop();
  LoadLoop(const LoadLoop&) = delete;
  LoadLoop& operator=(const LoadLoop&) = delete;

  // Once.
  LoadReport run();

 private:
  struct Connection {
    explicit Connection(KnownHead& known) noexcept : responses(known) {}
    int fd = -1;
    int outstanding = 0;          // requests without their answer
    bool waits_to_write = false;  // EPOLLOUT is armed
    size_t unsent = 0;            // bytes of the batch that the socket did not take yet
    int64_t since = 0;            // when the batch was sent, or due
    ResponseCounter responses;
  };

  void open(Connection& connection);
  void give_up(Connection& connection);
  void send_batch(Connection& connection, int64_t since);
  void write(Connection& connection);
  void read(Connection& connection);
  void batch_ended(Connection& connection, int64_t now);
  void watch(Connection& connection, int operation, bool writable);
  int64_t due(int64_t request) const noexcept;
  void send_what_is_due(int64_t now);
  void handle_events(int timeout_ms);
  int64_t outstanding() const noexcept;

  const LoadOptions& options_;
  const std::string batch_;
  const int epoll_;
  bool sending_ = true;
  int64_t start_ = 0;
  int64_t scheduled_ = 0;  // open loop: requests taken off the schedule so far
  std::vector<char> buffer_;
  KnownHead known_;
  std::vector<Connection> connections_;
  std::deque<Connection*> free_;  // nothing outstanding, waiting for its next batch
  Tally tally_;
  Histogram latencies_;
};

}  // namespace fluxor::load
