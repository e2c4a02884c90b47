#include "web/http/http_verticle.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/system/system_error.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/random.h"
#include "runtime/loop/event_loop_group.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/socket.h"
#include "runtime/task/sleep.h"
#include "runtime/testing/run_on.h"
#include "runtime/verticle/root.h"
#include "runtime/verticle/verticle_system.h"
#include "web/http/request.h"
#include "web/http/response.h"

namespace fluxor::web {
namespace {

using namespace std::chrono_literals;
using runtime::Context;
using runtime::DeploymentId;
using runtime::Endpoint;
using runtime::Result;
using runtime::Task;

class TestLog final : public runtime::LogSink {
 public:
  bool has(std::string_view part) const {
    const std::lock_guard lock(mutex_);
    for (const std::string& line : lines_) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }

 private:
  void write(runtime::Severity, std::string_view message, std::span<const runtime::LogField> fields) noexcept override {
    std::string line(message);
    for (const auto& field : fields) line.append(" ").append(field.key).append("=").append(field.value);
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

class Main final : public runtime::Verticle {
 public:
  explicit Main(Context** context) noexcept : context_(context) {}
  Task<> start(Context& context) override {
    *context_ = &context;
    co_return;
  }

 private:
  Context** const context_;
};

class HttpVerticleTest : public testing::Test {
 protected:
  void SetUp() override {
    RouteTable::Builder routes;
    routes.get("/", [](Request&) { return Response::text(200, StaticBody{"here"}); });
    routes.get("/slow", [this](Request&) -> Task<Response> {
      began.set_value();
      co_await runtime::sleep_for(50ms);
      co_return Response::text(200, StaticBody{"late"});
    });
    routes.get("/never", [this](Request&) -> Task<Response> {
      began.set_value();
      co_await runtime::sleep_for(2s);  // beyond the time of its server, and the test waits for its end
      ended.set_value();
      co_return Response::text(200, StaticBody{"never"});
    });
    routes_ = std::move(routes).build().value();
    group_->start().value();
    std::promise<void> started;
    root_ = std::make_unique<runtime::Root>(
        system_, group_->at(0), [this] { return std::make_unique<Main>(&context_); }, 1min,
        runtime::Root::Callbacks{.started = [&started] { started.set_value(); },
                                 .exited = [this](const runtime::ExitReason&) { over_.set_value(); }});
    root_->begin();
    started.get_future().get();
  }
  void TearDown() override {
    root_->stop();
    over_.get_future().get();
    group_->stop();
  }

  // Deploys a server on `port`.
  Result<DeploymentId> deploy(std::uint16_t port, runtime::Duration shutdown = 30s) {
    HttpVerticleParts parts{.loops = group_->all(), .routes = routes_, .gate = gate_, .log = log, .listen = [port] {
                              return runtime::ListeningSocket::open(Endpoint::parse("127.0.0.1", port).value(), {});
                            }};
    parts.on_serving = [this](const HttpServer& server) {
      port_ = server.local_endpoint().port();
      if (std::exchange(fails_, false)) throw std::runtime_error("not today");
    };
    return run_on(group_->at(0), context_->deploy<HttpVerticle>({.shutdown = shutdown}, std::move(parts)));
  }
  Result<void> undeploy(DeploymentId id) { return run_on(group_->at(0), context_->undeploy(id)); }

  runtime::Socket ask(std::string_view path) const {
    const Endpoint to = Endpoint::parse("127.0.0.1", port_).value();
    runtime::Socket client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(client.descriptor(), to.native(), to.native_size()) != 0) return runtime::Socket(-1);
    const std::string request = "GET " + std::string(path) + " HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    EXPECT_EQ(::send(client.descriptor(), request.data(), request.size(), MSG_NOSIGNAL), std::ssize(request));
    return client;
  }
  static std::string answer(const runtime::Socket& client) {
    std::string all;
    char part[1024];
    for (ssize_t size; (size = ::recv(client.descriptor(), part, sizeof(part), 0)) > 0;) {
      all.append(part, static_cast<std::size_t>(size));
    }
    return all;
  }

  TestLog log;
  std::promise<void> began, ended;
  std::uint16_t port_ = 0;
  bool fails_ = false;

 private:
  runtime::SystemClock clock_;
  runtime::SystemRandom random_;
  Gate gate_{16};
  std::shared_ptr<const RouteTable> routes_;
  std::unique_ptr<runtime::EventLoopGroup> group_ =
      runtime::EventLoopGroup::create({.loops = 2}, clock_, nullptr).value();

 protected:
  runtime::VerticleSystem system_{{.loops = group_->all(), .clock = clock_, .random = random_, .log = log}, {}};

 private:
  Context* context_ = nullptr;
  std::promise<void> over_;
  std::unique_ptr<runtime::Root> root_;
};

TEST_F(HttpVerticleTest, ServesWhileItIsDeployed) {
  const auto id = deploy(0);
  ASSERT_TRUE(id);
  EXPECT_TRUE(answer(ask("/")).ends_with("here"));
  EXPECT_TRUE(undeploy(*id));
  EXPECT_FALSE(ask("/").valid());
  EXPECT_TRUE(system_.hold_outs().empty());
}

TEST_F(HttpVerticleTest, LetsWhatIsInFlightEnd) {
  const auto id = deploy(0);
  const runtime::Socket client = ask("/slow");
  began.get_future().get();
  EXPECT_TRUE(undeploy(*id));
  EXPECT_TRUE(answer(client).ends_with("late"));
  EXPECT_TRUE(system_.hold_outs().empty());
}

TEST_F(HttpVerticleTest, CanBeDeployedAgainOnTheSamePort) {
  auto id = deploy(0);
  const std::uint16_t port = port_;
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(answer(ask("/")).ends_with("here"));
    EXPECT_TRUE(undeploy(*id));
    id = deploy(port);
    ASSERT_TRUE(id);
  }
}

TEST_F(HttpVerticleTest, SaysWhyItCannotListen) {
  const auto id = deploy(0);
  ASSERT_TRUE(id);
  try {
    static_cast<void>(deploy(port_));
    FAIL() << "it listens twice";
  } catch (const boost::system::system_error& error) {
    EXPECT_EQ(error.code(), boost::system::errc::address_in_use);
  }
  EXPECT_TRUE(answer(ask("/")).ends_with("here"));
}

TEST_F(HttpVerticleTest, CutsOffAndNamesWhatDoesNotEndInItsTime) {
  const auto id = deploy(0, 20ms);
  const runtime::Socket client = ask("/never");
  began.get_future().get();
  static_cast<void>(undeploy(*id));
  EXPECT_EQ(answer(client), "");  // closed
  EXPECT_TRUE(log.has("ended with requests unanswered connections=1 handlers=/never"));
  ended.get_future().get();  // it uses the server to its end, which stays for it
}

TEST_F(HttpVerticleTest, LetsGoOfItsPortWhenItFails) {
  fails_ = true;
  EXPECT_THROW(static_cast<void>(deploy(0)), std::runtime_error);
  const std::uint16_t port = port_;
  bool deployed = false;
  for (int i = 0; i < 100'000 && !deployed; ++i) {  // the loops let go of it soon after
    try {
      deployed = deploy(port).has_value();
    } catch (const boost::system::system_error& error) {
      ASSERT_EQ(error.code(), boost::system::errc::address_in_use);
    }
  }
  ASSERT_TRUE(deployed);
  EXPECT_TRUE(answer(ask("/")).ends_with("here"));
}

}  // namespace
}  // namespace fluxor::web
