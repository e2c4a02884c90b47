#include "tools/load/load_loop.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "tools/load/client_socket.h"

namespace fluxor::load {
namespace {

constexpr int64_t kSecond = 1'000'000'000;      // ns
constexpr int64_t kDrain = kSecond / 2;         // ns
constexpr int64_t kReconnectsMax = 10'000;      // a server that only closes must not keep us for ever
constexpr int64_t kConnectFailuresMax = 100;    // nor one that has gone
constexpr size_t kReadMax = size_t{64} * 1024;  // bytes

int64_t read_clock(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}
int64_t now_ns() noexcept { return read_clock(CLOCK_MONOTONIC); }

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace

Tally operator-(const Tally& end, const Tally& start) noexcept {
  return {.sent = end.sent - start.sent,
          .succeeded = end.succeeded - start.succeeded,
          .refused = end.refused - start.refused,
          .other = end.other - start.other,
          .lost = end.lost - start.lost,
          .malformed = end.malformed - start.malformed,
          .connect_failures = end.connect_failures - start.connect_failures,
          .reconnects = end.reconnects - start.reconnects,
          .bytes_received = end.bytes_received - start.bytes_received};
}

LoadLoop::LoadLoop(const LoadOptions& options)
    : options_(options),
      batch_(repeated(options.request, options.pipeline)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      buffer_(kReadMax),
      connections_(static_cast<size_t>(options.connections), Connection(known_)) {}

LoadLoop::~LoadLoop() {
  for (const Connection& connection : connections_) {
    if (connection.fd >= 0) ::close(connection.fd);
  }
  ::close(epoll_);
}

LoadReport LoadLoop::run() {
  using std::chrono::nanoseconds;
  for (Connection& connection : connections_) open(connection);

  start_ = now_ns();
  const int64_t window_from = start_ + nanoseconds(options_.warmup).count();
  const int64_t window_to = window_from + nanoseconds(options_.duration).count();
  const int timeout_ms = options_.rate > 0 ? 0 : 1;
  const auto run_until = [&](int64_t end) {
    int64_t now = now_ns();
    while (now < end && !(free_.empty() && outstanding() == 0)) {
      send_what_is_due(now);
      handle_events(timeout_ms);
      now = now_ns();
    }
    return now;
  };

  run_until(window_from);
  latencies_.reset();
  const Tally before = tally_;
  const ProcessCpu server_before = process_cpu(options_.watch);
  const int64_t client_before = read_clock(CLOCK_PROCESS_CPUTIME_ID);
  const int64_t from = now_ns();

  const int64_t to = run_until(window_to);
  LoadReport report;
  report.server = process_cpu(options_.watch) - server_before;
  report.client_cpu_ns = read_clock(CLOCK_PROCESS_CPUTIME_ID) - client_before;
  report.window_ns = to - from;
  report.window = tally_ - before;
  report.latencies = std::exchange(latencies_, Histogram());
  if (options_.rate > 0) {
    report.overdue = std::max<int64_t>(0, (window_to - start_) * options_.rate / kSecond - scheduled_);
  }

  sending_ = false;
  for (const int64_t end = now_ns() + kDrain; outstanding() > 0 && now_ns() < end;) handle_events(1);
  report.whole_run = tally_;
  report.unanswered = outstanding();
  return report;
}

void LoadLoop::open(Connection& connection) {
  if (tally_.connect_failures >= kConnectFailuresMax) return;
  connection.fd = connect_to(options_.port);
  if (connection.fd < 0) {
    ++tally_.connect_failures;
    return;
  }
  set_non_blocking(connection.fd);
  watch(connection, EPOLL_CTL_ADD, false);
  free_.push_back(&connection);
}

// Closes the connection, with all that is still expected on it, and makes it again.
void LoadLoop::give_up(Connection& connection) {
  tally_.lost += connection.outstanding;
  ::close(connection.fd);
  connection = Connection(known_);
  if (!sending_ || tally_.reconnects >= kReconnectsMax) return;
  ++tally_.reconnects;
  open(connection);
}

void LoadLoop::send_batch(Connection& connection, int64_t since) {
  connection.outstanding = options_.pipeline;
  connection.unsent = batch_.size();
  connection.since = since;
  tally_.sent += options_.pipeline;
  write(connection);
}

void LoadLoop::write(Connection& connection) {
  const std::string_view rest = std::string_view(batch_).substr(batch_.size() - connection.unsent);
  const ssize_t taken = ::send(connection.fd, rest.data(), rest.size(), MSG_NOSIGNAL);
  if (taken == -1 && errno != EAGAIN) return give_up(connection);
  if (taken > 0) connection.unsent -= static_cast<size_t>(taken);
  if ((connection.unsent > 0) != connection.waits_to_write) watch(connection, EPOLL_CTL_MOD, connection.unsent > 0);
}

void LoadLoop::read(Connection& connection) {
  const ssize_t size = ::recv(connection.fd, buffer_.data(), buffer_.size(), 0);
  if (size == -1 && errno == EAGAIN) return;
  const int64_t now = now_ns();
  if (size <= 0) return give_up(connection);

  tally_.bytes_received += size;
  const Responses seen = connection.responses.consume({buffer_.data(), static_cast<size_t>(size)});
  if (seen.malformed || seen.total() > static_cast<uint64_t>(connection.outstanding)) {
    ++tally_.malformed;
    return give_up(connection);
  }
  latencies_.record(now - connection.since, seen.succeeded);
  tally_.succeeded += static_cast<int64_t>(seen.succeeded);
  tally_.refused += static_cast<int64_t>(seen.refused);
  tally_.other += static_cast<int64_t>(seen.other);
  connection.outstanding -= static_cast<int>(seen.total());
  if (seen.closing) return give_up(connection);
  if (connection.outstanding == 0) batch_ended(connection, now);
}

void LoadLoop::batch_ended(Connection& connection, int64_t now) {
  if (connection.unsent > 0) return give_up(connection);  // answered before it was sent: the stream is out of step
  if (!sending_) return;
  if (options_.rate > 0) {
    free_.push_back(&connection);
  } else {
    send_batch(connection, now);
  }
}

void LoadLoop::watch(Connection& connection, int operation, bool writable) {
  epoll_event event{};
  event.events = writable ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.ptr = &connection;
  ::epoll_ctl(epoll_, operation, connection.fd, &event);
  connection.waits_to_write = writable;
}

int64_t LoadLoop::due(int64_t request) const noexcept {
  const int64_t tick = std::chrono::nanoseconds(options_.tick).count();
  const int64_t after = request * kSecond / options_.rate;
  return start_ + (tick > 0 ? after - after % tick : after);
}

void LoadLoop::send_what_is_due(int64_t now) {
  while (!free_.empty()) {
    int64_t since = now;
    if (options_.rate > 0) {
      since = due(scheduled_);
      if (since > now) return;
      ++scheduled_;
    }
    Connection& next = *free_.front();
    free_.pop_front();
    send_batch(next, since);
  }
}

void LoadLoop::handle_events(int timeout_ms) {
  std::array<epoll_event, 128> events;
  const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms);
  for (int i = 0; i < ready; ++i) {
    auto& connection = *static_cast<Connection*>(events[static_cast<size_t>(i)].data.ptr);
    const uint32_t what = events[static_cast<size_t>(i)].events;
    if (what & EPOLLOUT) write(connection);
    if (what & ~uint32_t{EPOLLOUT} && connection.fd >= 0) read(connection);
  }
}

int64_t LoadLoop::outstanding() const noexcept { return tally_.sent - tally_.completed() - tally_.lost; }

}  // namespace fluxor::load
