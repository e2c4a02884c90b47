#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/loop/event_loop_group.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/socket.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "web/admission/gate.h"
#include "web/http/http_server.h"
#include "web/http/request.h"
#include "web/http/response.h"
#include "web/router/route_table.h"

namespace {

// README.md shows what stands between the two marks.
// [README
using fluxor::runtime::Task;
using fluxor::web::Request, fluxor::web::Response, fluxor::web::RouteTable;

Response greet(Request& request) {  // a plain function answers at once
  return Response::text(200, "Hello, " + std::string(*request.param("name")) + "!\n");
}
Task<Response> nap(Request&) {  // a coroutine may wait: its loop serves others meanwhile
  co_await fluxor::runtime::sleep_for(std::chrono::milliseconds(5));
  co_return Response::text(200, fluxor::web::StaticBody{"Good morning.\n"});
}
void add_routes(RouteTable::Builder& routes) { routes.get("/hello/:name", greet).get("/nap", nap); }
// README]

class Readme : public testing::Test {
 protected:
  Readme() {
    RouteTable::Builder routes;
    add_routes(routes);
    auto table = std::move(routes).build();
    EXPECT_TRUE(table);
    server_ = std::make_unique<fluxor::web::HttpServer>(group_->all(), fluxor::web::HttpOptions{}, std::move(*table),
                                                        gate_, log_);
    group_->start().value();
    EXPECT_TRUE(server_->start(fluxor::runtime::Endpoint::parse("127.0.0.1", 0).value()));
  }
  ~Readme() override {
    server_->abort(std::chrono::seconds(10));
    group_->stop();
  }

  std::string body_of_get(std::string_view path) {
    const auto port = server_->local_endpoint().port();
    const auto address = fluxor::runtime::Endpoint::parse("127.0.0.1", port).value();
    const fluxor::runtime::Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(socket.descriptor(), address.native(), address.native_size()), 0);
    const std::string request = "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    EXPECT_EQ(::send(socket.descriptor(), request.data(), request.size(), MSG_NOSIGNAL), std::ssize(request));
    std::string answer;
    char part[1024];
    for (ssize_t size; (size = ::recv(socket.descriptor(), part, sizeof(part), 0)) > 0;) {
      answer.append(part, static_cast<std::size_t>(size));
    }
    return answer.substr(answer.find("\r\n\r\n") + 4);
  }

 private:
  fluxor::runtime::SystemClock clock_;
  fluxor::runtime::StderrLog log_;
  fluxor::web::Gate gate_{16};
  std::unique_ptr<fluxor::runtime::EventLoopGroup> group_ =
      fluxor::runtime::EventLoopGroup::create({.loops = 1}, clock_, nullptr).value();
  std::unique_ptr<fluxor::web::HttpServer> server_;
};

TEST_F(Readme, ShowsAPlainHandlerThatAnswersWithItsParam) { EXPECT_EQ(body_of_get("/hello/you"), "Hello, you!\n"); }

TEST_F(Readme, ShowsACoroutineThatAnswersAfterItWaited) { EXPECT_EQ(body_of_get("/nap"), "Good morning.\n"); }

std::string text_of(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(ReadmeText, HoldsExactlyTheCodeOfThisTest) {
  const std::string test = text_of("web/http/readme_test.cc");
  const std::string_view begin_mark = "// [README\n";
  const std::size_t begin = test.find(begin_mark) + begin_mark.size();
  const std::string code = test.substr(begin, test.find("// README]\n") - begin);
  ASSERT_FALSE(code.empty());
  EXPECT_NE(text_of("README.md").find("```cpp\n" + code + "```\n"), std::string::npos) << code;
}

}  // namespace
