#include "tools/load/load_loop.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace fluxor::load {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
constexpr std::string_view kShed = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
constexpr std::string_view kLast = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
constexpr std::string_view kNonsense = "220 mail.example ESMTP\r\n\r\n";

// Answers each request with the same bytes, on a thread of its own; a request is 37 bytes, see options().
class FakeServer {
 public:
  enum class After { kAnswer, kClose };

  explicit FakeServer(std::string_view answer, After after = After::kAnswer) : answer_(answer), after_(after) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(::listen(listener_, 64), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeServer() { stop(); }

  uint16_t port() const { return port_; }

  // The requests it has seen; it serves no more.
  int64_t stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    return requests_;
  }

 private:
  void serve() {
    std::vector<pollfd> watched{{.fd = listener_, .events = POLLIN, .revents = 0}};
    std::array<char, 4096> buffer;
    while (!stopping_) {
      ::poll(watched.data(), watched.size(), 1);
      for (size_t i = watched.size(); i-- > 1;) {
        if (watched[i].revents == 0) continue;
        const ssize_t size = ::recv(watched[i].fd, buffer.data(), buffer.size(), 0);
        for (ssize_t seen = 0; seen < size; seen += kRequestSize) {
          ++requests_;
          ::send(watched[i].fd, answer_.data(), answer_.size(), MSG_NOSIGNAL);
        }
        if (size > 0 && after_ == After::kAnswer) continue;
        ::close(watched[i].fd);
        watched.erase(watched.begin() + static_cast<std::ptrdiff_t>(i));
      }
      if (watched[0].revents != 0) {
        watched.push_back({.fd = ::accept(listener_, nullptr, nullptr), .events = POLLIN, .revents = 0});
      }
    }
    for (const pollfd& open : watched) ::close(open.fd);
  }

  static constexpr ssize_t kRequestSize = 37;
  const std::string_view answer_;
  const After after_;
  const int listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  uint16_t port_ = 0;
  int64_t requests_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

LoadOptions options_for(const FakeServer& server) {
  LoadOptions options;
  options.port = server.port();
  options.connections = 3;
  options.warmup = milliseconds(5);
  options.duration = milliseconds(30);
  options.request = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
  options.request.resize(37, '\n');
  return options;
}

TEST(LoadLoop, AgreesWithTheServerOnTheNumberOfRequests) {
  FakeServer server(kOk);
  const LoadReport report = LoadLoop(options_for(server)).run();
  EXPECT_EQ(report.unanswered, 0);
  EXPECT_EQ(report.whole_run.sent, report.whole_run.succeeded);
  EXPECT_EQ(report.whole_run.sent, server.stop());
}

TEST(LoadLoop, CountsInTheWindowWhatEndedInTheWindow) {
  FakeServer server(kOk);
  const LoadReport report = LoadLoop(options_for(server)).run();
  EXPECT_GT(report.window.succeeded, 0);
  EXPECT_LE(report.window.succeeded, report.whole_run.succeeded);
  EXPECT_EQ(report.latencies.count(), static_cast<uint64_t>(report.window.succeeded));
  EXPECT_EQ(report.window.bytes_received, report.window.completed() * static_cast<int64_t>(kOk.size()));
  EXPECT_GE(report.window_ns, std::chrono::nanoseconds(milliseconds(20)).count());
}

TEST(LoadLoop, SendsPipelinedRequestsTogetherAndCountsEachAnswer) {
  FakeServer server(kOk);
  LoadOptions options = options_for(server);
  options.pipeline = 5;
  const LoadReport report = LoadLoop(options).run();
  EXPECT_EQ(report.whole_run.sent % 5, 0);
  EXPECT_EQ(report.whole_run.sent, report.whole_run.succeeded);
  EXPECT_EQ(report.whole_run.sent, server.stop());
}

TEST(LoadLoop, KeepsRefusalsApartAndOutOfTheLatencies) {
  FakeServer server(kShed);
  const LoadReport report = LoadLoop(options_for(server)).run();
  EXPECT_GT(report.window.refused, 0);
  EXPECT_EQ(report.window.succeeded, 0);
  EXPECT_EQ(report.latencies.count(), 0U);
}

TEST(LoadLoop, SendsNoMoreThanTheScheduleAsksFor) {
  FakeServer server(kOk);
  LoadOptions options = options_for(server);
  options.rate = 1000;
  const LoadReport report = LoadLoop(options).run();
  EXPECT_LE(report.whole_run.sent + report.overdue, 36);
  EXPECT_GE(report.whole_run.sent + report.overdue, 35);
  EXPECT_EQ(report.whole_run.sent, server.stop());
}

TEST(LoadLoop, ConnectsAgainWithoutLossWhenACloseWasAnnounced) {
  FakeServer server(kLast, FakeServer::After::kClose);
  const LoadReport report = LoadLoop(options_for(server)).run();
  EXPECT_GT(report.whole_run.succeeded, 0);
  EXPECT_GT(report.whole_run.reconnects, 0);
  EXPECT_EQ(report.whole_run.lost, 0);
}

TEST(LoadLoop, CountsRequestsThatTheServerDropped) {
  FakeServer server("", FakeServer::After::kClose);
  const LoadReport report = LoadLoop(options_for(server)).run();
  EXPECT_GT(report.whole_run.lost, 0);
  EXPECT_EQ(report.whole_run.completed(), 0);
  EXPECT_EQ(report.whole_run.sent, report.whole_run.lost + report.unanswered);
}

TEST(LoadLoop, GivesUpAConnectionThatSpeaksSomethingElse) {
  FakeServer server(kNonsense);
  const LoadReport report = LoadLoop(options_for(server)).run();
  EXPECT_GT(report.whole_run.malformed, 0);
  EXPECT_EQ(report.whole_run.completed(), 0);
}

TEST(LoadLoop, EndsAtOnceWhenNobodyListens) {
  FakeServer server(kOk);
  server.stop();
  LoadOptions options = options_for(server);
  options.duration = std::chrono::minutes(10);
  const LoadReport report = LoadLoop(options).run();
  EXPECT_EQ(report.whole_run.connect_failures, 3);
  EXPECT_EQ(report.whole_run.sent, 0);
}

}  // namespace
}  // namespace fluxor::load
