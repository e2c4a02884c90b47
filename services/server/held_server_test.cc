#include "runtime/process/stall_log.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/loop/event_loop.h"
#include "runtime/loop/event_loop_group.h"
#include "runtime/loop/watchdog.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/socket.h"
#include "web/admission/gate.h"
#include "web/http/http_options.h"
#include "web/http/http_server.h"
#include "web/http/request.h"
#include "web/http/response.h"
#include "web/router/route_table.h"

namespace fluxor::services {
namespace {

using namespace std::chrono_literals;
using runtime::Severity;

// Remembers the lines, as `severity message key=value …`.
class TestLog final : public runtime::LogSink {
 public:
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  // Waits for a line that begins with `start`, and has `part`.
  std::string await(std::string_view start, std::string_view part) {
    std::unique_lock lock(mutex_);
    for (std::size_t next = 0;; ++next) {
      changed_.wait(lock, [&] { return next < lines_.size(); });
      if (lines_[next].starts_with(start) && lines_[next].find(part) != std::string::npos) return lines_[next];
    }
  }

 private:
  void write(Severity severity, std::string_view message, std::span<const runtime::LogField> fields) noexcept override {
    std::string line(runtime::severity_name(severity));
    line.append(" ").append(message);
    for (const auto& field : fields) line.append(" ").append(field.key).append("=").append(field.value);
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

// The whole way: from a request whose handler holds its loop to the line in the log.
class HeldServerTest : public testing::Test {
 protected:
  // Of real time, but the handler holds its loop until that is in the log, so nothing depends on it.
  static constexpr runtime::Duration kThreshold = 4ms;

  void SetUp() override {
    web::RouteTable::Builder routes;
    routes.get("/held/:name", [this](web::Request&) { return hold_the_loop(); });
    routes.get("/free", [](web::Request&) { return web::Response::text(200, web::StaticBody{"free"}); });
    group = runtime::EventLoopGroup::create({.loops = 2, .watcher = &watchdog}, clock, nullptr).value();
    server = std::make_unique<web::HttpServer>(group->all(), web::HttpOptions(), std::move(routes).build().value(),
                                               gate, ignored_log);
    group->start().value();
    ASSERT_TRUE(server->start(runtime::Endpoint::any_v4(0)));
    const std::array<runtime::EventLoop*, 2> loops{&group->at(0), &group->at(1)};
    watchdog.start(loops);
  }
  void TearDown() override {
    watchdog.stop();
    server->abort(10s);
    group->stop();
  }

  [[gnu::noinline]] web::Response hold_the_loop() {
    held_line.set_value(log.await("warning", "label=/held/:name"));
    return web::Response::text(200, web::StaticBody{"held"});
  }

  std::string exchange(std::string_view path) const {
    const runtime::Endpoint to = server->local_endpoint();
    const runtime::Socket client(::socket(to.family(), SOCK_STREAM, 0));
    EXPECT_EQ(::connect(client.descriptor(), to.native(), to.native_size()), 0);
    const std::string request = "GET " + std::string(path) + " HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    EXPECT_EQ(::send(client.descriptor(), request.data(), request.size(), MSG_NOSIGNAL), std::ssize(request));
    std::string answer;
    std::array<char, 4096> buffer;
    for (;;) {
      const ssize_t count = ::recv(client.descriptor(), buffer.data(), buffer.size(), 0);
      if (count <= 0) return answer;
      answer.append(buffer.data(), static_cast<std::size_t>(count));
    }
  }

  TestLog log;
  TestLog ignored_log;
  std::promise<std::string> held_line;
  const runtime::SystemClock clock;
  runtime::Watchdog watchdog{{.threshold = kThreshold}, clock, [this](const runtime::StallReport& report) {
                               runtime::log_stall(log, report);
                             }};
  web::Gate gate{10};
  std::unique_ptr<runtime::EventLoopGroup> group;
  std::unique_ptr<web::HttpServer> server;
};

TEST_F(HeldServerTest, IsReportedWithRouteAndStack) {
  EXPECT_TRUE(exchange("/held/x").ends_with("held"));
  const std::string line = held_line.get_future().get();
  EXPECT_TRUE(line.starts_with("warning an event loop is held loop=")) << line;
  EXPECT_NE(line.find(" stage=I/O "), std::string::npos) << line;
  EXPECT_NE(line.find("HeldServerTest::hold_the_loop() "), std::string::npos) << line;
  log.await("info an event loop goes on", "label=/held/:name");
  EXPECT_TRUE(exchange("/free").ends_with("free"));
  EXPECT_GE(watchdog.stats().stalls, 1U);
}

}  // namespace
}  // namespace fluxor::services
