#include "web/http/connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/net/epoll_poller.h"
#include "runtime/net/socket.h"
#include "runtime/task/sleep.h"
#include "runtime/testing/allocation_limit.h"
#include "runtime/testing/manual_clock.h"

namespace fluxor::web {
namespace {

using namespace std::chrono_literals;
using runtime::Task;

// A coroutine handler waits here until the test lets it go on.
class Gatepost {
 public:
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) noexcept { waiting_ = waiting; }
  void await_resume() const noexcept {}
  bool waiting() const noexcept { return waiting_ != nullptr; }
  void open() { std::exchange(waiting_, nullptr).resume(); }

 private:
  std::coroutine_handle<> waiting_;
};

class ConnectionTest : public testing::Test, protected ConnectionOwner {
 protected:
  ConnectionTest() { SetOptions({}); }
  ~ConnectionTest() override {
    if (connection_) {
      connection_->abort();
      if (gatepost_.waiting()) gatepost_.open();
      loop_.run_until_idle();
    }
  }

  void SetOptions(const HttpOptions& options) {
    options_ = options;
    RouteTable::Builder routes;
    routes.get("/", [](Request&) { return Response::text(200, StaticBody{"hello"}); });
    routes.get("/throws", [](Request&) -> Response { throw std::runtime_error("secret"); });
    routes.get("/large", [](Request&) { return Response::text(200, std::string(1'000'000, 'x')); });
    routes.post("/echo", [](Request& request) { return Response::text(200, std::string(request.body())); });
    routes.get("/users/:id", [this](Request& request) { return wait_and_tell(request); });
    routes.get("/at-once", [](Request&) -> Task<Response> { co_return Response::text(200, StaticBody{"at once"}); });
    routes.get("/throws-late", [](Request&) -> Task<Response> {
      co_await runtime::sleep_for(1ms);
      throw std::runtime_error("secret");
    });
    routes.get("/page", [this](Request&) { return Response::text(200, StaticBody{page_}); });
    routes.get("/open", [this](Request&) {
      gatepost_.open();
      return Response::text(200, StaticBody{"opened"});
    });
    routes.get("/label/:any", [this](Request&) { return Response::text(200, loop_.activity().label()); });
    routes.get("/label-of-task",
               [this](Request&) -> Task<Response> { co_return Response::text(200, loop_.activity().label()); });
    routes.get("/probe", [](Request&) { return Response::text(200, StaticBody{"alive"}); }, Admission::beside_gate);
    routes_ = *std::move(routes).build();
    context_ = std::make_unique<ConnectionContext>(loop_, options_, *routes_, gate_, counters_);
  }

  void connect(int buffer_bytes = 0) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    if (buffer_bytes != 0) ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes));
    client_ = runtime::Socket(ends[1]);
    connection_ = std::make_unique<Connection>(*context_, static_cast<ConnectionOwner&>(*this),
                                               loop_.poller().adopt(runtime::Socket(ends[0]), {}));
    ASSERT_TRUE(connection_->start());
  }

  void send(std::string_view bytes) {
    ASSERT_EQ(::send(client_.descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL), std::ssize(bytes));
    loop_.run_until_idle();
  }

  // All that can be read now; each read is one element, so that a test sees how many writes there were.
  std::string receive() {
    std::string all;
    std::array<char, 65536> buffer;
    for (;;) {
      loop_.run_until_idle();
      const ssize_t count = ::recv(client_.descriptor(), buffer.data(), buffer.size(), 0);
      closed_ = count == 0;
      if (count <= 0) return all;
      all.append(buffer.data(), static_cast<std::size_t>(count));
    }
  }
  std::string exchange(std::string_view request) {
    send(request);
    return receive();
  }
  bool closed() {
    receive();
    return closed_;
  }
  void pass(runtime::Duration time) {
    clock_.advance(time);
    loop_.run_until_idle();
  }

  static std::string get(std::string_view path, std::string_view more = {}) {
    return "GET " + std::string(path) + " HTTP/1.1\r\nhost: x\r\n" + std::string(more) + "\r\n";
  }
  static std::size_t count(std::string_view text, std::string_view part) {
    std::size_t times = 0;
    for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++times;
    return times;
  }

  Task<Response> wait_and_tell(Request& request) {
    co_await gatepost_;
    co_return Response::text(200, "user " + std::string(request.param("id").value_or("?")));
  }

  void on_done(Connection& connection) override {
    EXPECT_EQ(&connection, connection_.get());
    connection_.reset();
  }

  runtime::ManualClock clock_;
  runtime::EventLoop loop_{{}, clock_, runtime::EpollPoller::create().value(), nullptr};
  HttpOptions options_;
  Gate gate_{2};
  HttpCounters counters_;
  Gatepost gatepost_;
  std::shared_ptr<const RouteTable> routes_;
  std::unique_ptr<ConnectionContext> context_;
  runtime::Socket client_;
  std::unique_ptr<Connection> connection_;
  bool closed_ = false;
  const std::string page_ = std::string(1'000'000, 'p');
};

TEST_F(ConnectionTest, AnswersAndStaysOpen) {
  connect();
  for (int i = 0; i < 3; ++i) {
    const std::string answer = exchange(get("/"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\nhello")) << answer;
    EXPECT_NE(answer.find("\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"), std::string::npos) << answer;
  }
  EXPECT_EQ(counters_.responses_by_class[2].get(), 3U);
  EXPECT_FALSE(closed());
}

TEST_F(ConnectionTest, NamesTheRouteToWhoeverWatchesTheLoop) {
  connect();
  EXPECT_TRUE(exchange(get("/label/1")).ends_with("\r\n\r\n/label/:any"));
  EXPECT_TRUE(exchange(get("/label-of-task")).ends_with("\r\n\r\n/label-of-task"));
  EXPECT_EQ(loop_.activity().label(), nullptr);
}

TEST_F(ConnectionTest, TellsTheDateOfEachSecond) {
  connect();
  pass(1s);
  EXPECT_NE(exchange(get("/")).find("00:00:01 GMT"), std::string::npos);
  pass(999ms);
  EXPECT_NE(exchange(get("/")).find("00:00:01 GMT"), std::string::npos);
  pass(1ms);
  EXPECT_NE(exchange(get("/")).find("00:00:02 GMT"), std::string::npos);
}

TEST_F(ConnectionTest, AnswersPipelinedRequestsInOrderWithOneWrite) {
  connect();
  std::string requests;
  for (int i = 0; i < 16; ++i) requests += get(i % 2 == 0 ? "/" : "/nowhere");
  ASSERT_EQ(::send(client_.descriptor(), requests.data(), requests.size(), 0), std::ssize(requests));
  loop_.run_turn();
  std::array<char, 65536> buffer;
  const ssize_t first = ::recv(client_.descriptor(), buffer.data(), buffer.size(), 0);
  const std::string_view answers(buffer.data(), static_cast<std::size_t>(first));
  EXPECT_EQ(count(answers, "HTTP/1.1 200"), 8U);
  EXPECT_EQ(count(answers, "HTTP/1.1 404"), 8U);
  EXPECT_LT(answers.find("HTTP/1.1 200"), answers.find("HTTP/1.1 404"));
}

TEST_F(ConnectionTest, AnswersAHundredPipelinedRequestsInTurns) {
  options_.limits.pipeline_batch = 7;
  connect();
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += get("/");
  EXPECT_EQ(count(exchange(requests), "HTTP/1.1 200"), 100U);
}

TEST_F(ConnectionTest, AnswersARequestThatComesByteByByte) {
  connect();
  const std::string request = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nabcde";
  for (const char byte : request) send({&byte, 1});
  EXPECT_TRUE(receive().ends_with("\r\n\r\nabcde"));
  EXPECT_FALSE(closed());
}

TEST_F(ConnectionTest, AnswersHeadWithoutABody) {
  connect();
  const std::string answer = exchange("HEAD / HTTP/1.1\r\nhost: x\r\n\r\n");
  EXPECT_NE(answer.find("content-length: 5\r\n"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST_F(ConnectionTest, ClosesWhenTheClientAsksForIt) {
  connect();
  EXPECT_NE(exchange(get("/", "connection: close\r\n")).find("connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(closed());
}

TEST_F(ConnectionTest, KeepsAnHttp10ConnectionOnlyWhenAsked) {
  connect();
  EXPECT_NE(exchange("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").find("connection: keep-alive\r\n"),
            std::string::npos);
  EXPECT_NE(exchange("GET / HTTP/1.0\r\n\r\n").find("connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(closed());
}

TEST_F(ConnectionTest, RefusesGarbageAndClosesOnceTheClientHasReadIt) {
  connect();
  const std::string answer = exchange("garbage\r\n\r\nGET / HTTP/1.1\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << answer;
  EXPECT_NE(answer.find("connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(closed_) << "our half is ended at once";
  EXPECT_NE(connection_, nullptr) << "but it lingers for what still comes";
  client_.reset();
  loop_.run_until_idle();
  EXPECT_EQ(connection_, nullptr);
  EXPECT_EQ(counters_.requests_malformed.get(), 1U);
}

TEST_F(ConnectionTest, LingersForABoundedTimeAndAmount) {
  connect();
  exchange("garbage\r\n\r\n");
  pass(999ms);
  EXPECT_NE(connection_, nullptr);
  pass(1ms);
  EXPECT_EQ(connection_, nullptr);

  connect();
  exchange("garbage\r\n\r\n");
  const std::string more(40'000, 'x');
  send(more);
  EXPECT_NE(connection_, nullptr);
  send(more);
  loop_.run_until_idle();
  EXPECT_EQ(connection_, nullptr);
}

TEST_F(ConnectionTest, AnswersWhoThrowsWithAPlain500AndGoesOn) {
  connect();
  for (const char* path : {"/throws", "/throws-late"}) {
    send(get(path));
    pass(1ms);
    const std::string answer = receive();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 500 ")) << answer;
    EXPECT_EQ(answer.find("secret"), std::string::npos);
  }
  EXPECT_TRUE(exchange(get("/")).starts_with("HTTP/1.1 200"));
  EXPECT_EQ(counters_.responses_by_class[5].get(), 2U);
}

TEST_F(ConnectionTest, LeavesNothingToTheNextConnectionWhenMemoryRunsOut) {
  connect();
  {
    const runtime::AllocationLimit limit(500'000);  // no room for the page among the answers
    send(get("/") + get("/page"));
  }
  loop_.run_until_idle();
  EXPECT_EQ(connection_, nullptr);
  connect();
  EXPECT_EQ(count(exchange(get("/")), "HTTP/1.1 200"), 1U);
}

TEST_F(ConnectionTest, WaitsForACoroutineAndAnswersWhatFollowsAfterIt) {
  connect();
  EXPECT_EQ(exchange(get("/") + get("/users/7") + get("/") + get("/users/8")).find("user"), std::string::npos);
  EXPECT_EQ(connection_->running_route(), "/users/:id");
  EXPECT_EQ(counters_.requests_running.get(), 1U);
  EXPECT_EQ(gate_.in_flight(), 1U);
  gatepost_.open();
  std::string answer = receive();
  EXPECT_EQ(count(answer, "user 7"), 1U);
  EXPECT_EQ(count(answer, "hello"), 1U);
  gatepost_.open();
  EXPECT_EQ(count(receive(), "user 8"), 1U);
  EXPECT_EQ(counters_.requests_running.get(), 0U);
  EXPECT_EQ(gate_.in_flight(), 0U);
  EXPECT_TRUE(exchange(get("/at-once")).ends_with("at once"));
}

TEST_F(ConnectionTest, OutlivesAClientThatGoesAwayWhileItsHandlerRuns) {
  connect();
  send(get("/users/7"));
  const linger abort{1, 0};
  ::setsockopt(client_.descriptor(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
  client_.reset();
  loop_.run_until_idle();
  ASSERT_NE(connection_, nullptr);
  EXPECT_EQ(gate_.in_flight(), 1U) << "a handler that works is in flight, whoever waits for it";
  gatepost_.open();
  loop_.run_until_idle();
  EXPECT_EQ(connection_, nullptr);
  EXPECT_EQ(gate_.in_flight(), 0U);
  EXPECT_EQ(counters_.requests_running.get(), 0U);
}

TEST_F(ConnectionTest, AnswersAClientThatEndedItsHalfAfterTheRequest) {
  connect();
  const std::string request = get("/users/7");
  ASSERT_EQ(::send(client_.descriptor(), request.data(), request.size(), 0), std::ssize(request));
  ::shutdown(client_.descriptor(), SHUT_WR);
  loop_.run_until_idle();
  gatepost_.open();
  EXPECT_NE(receive().find("user 7"), std::string::npos);
  loop_.run_until_idle();
  EXPECT_EQ(connection_, nullptr);
}

TEST_F(ConnectionTest, ShedsBeyondTheGateOnTheSameConnectionAndLetsProbesPass) {
  connect();
  auto first = gate_.try_enter();
  auto second = gate_.try_enter();
  const std::string shed = exchange(get("/"));
  EXPECT_TRUE(shed.starts_with("HTTP/1.1 503 ")) << shed;
  EXPECT_NE(shed.find("\"code\":\"BACKPRESSURE\""), std::string::npos) << shed;
  EXPECT_NE(shed.find("\"error\":\"capacity_exceeded\""), std::string::npos) << shed;
  EXPECT_NE(shed.find("retry-after: "), std::string::npos) << shed;
  EXPECT_TRUE(exchange(get("/probe")).starts_with("HTTP/1.1 200 "));
  second.reset();
  EXPECT_TRUE(exchange(get("/")).starts_with("HTTP/1.1 200 "));
  EXPECT_EQ(counters_.responses_shed.get(), 1U);
  EXPECT_EQ(counters_.responses_by_class[5].get(), 0U) << "a shed is no error";
}

TEST_F(ConnectionTest, ShedsBeforeTheBodyIsSent) {
  connect();
  auto first = gate_.try_enter();
  auto second = gate_.try_enter();
  const std::string shed =
      exchange("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(shed.starts_with("HTTP/1.1 503 ")) << shed;
  EXPECT_TRUE(closed());
}

TEST_F(ConnectionTest, SaysContinueOnlyWhenTheBodyIsWanted) {
  connect();
  EXPECT_EQ(exchange("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\n"),
            "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(gate_.in_flight(), 1U) << "admitted when the head was complete";
  EXPECT_TRUE(exchange("abc").ends_with("\r\n\r\nabc"));
  EXPECT_EQ(gate_.in_flight(), 0U);
  EXPECT_TRUE(exchange("POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\n")
                  .starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(closed());
}

TEST_F(ConnectionTest, GivesThePermitBackWhenTheClientLeavesInTheMidstOfItsBody) {
  connect();
  send("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\na");
  EXPECT_EQ(gate_.in_flight(), 1U);
  client_.reset();
  loop_.run_until_idle();
  EXPECT_EQ(gate_.in_flight(), 0U);
  EXPECT_EQ(connection_, nullptr);
}

TEST_F(ConnectionTest, ClosesAnIdleConnectionExactlyAfterItsTime) {
  connect();
  exchange(get("/"));
  pass(30s);
  exchange(get("/"));
  pass(60s - 1ns);
  EXPECT_NE(connection_, nullptr);
  pass(1ns);
  EXPECT_EQ(connection_, nullptr);
  EXPECT_EQ(counters_.connections_timed_out.get(), 1U);
}

TEST_F(ConnectionTest, ClosesAnIdleConnectionThoughItsTimerWasArmedForSomethingEarlier) {
  connect();  // armed for the first byte, in 10 s
  exchange(get("/"));
  pass(60s - 1ns);
  EXPECT_NE(connection_, nullptr);
  pass(1ns);
  EXPECT_EQ(connection_, nullptr);
}

TEST_F(ConnectionTest, ClosesSilentlyWhoNeverSendsAByte) {
  connect();
  pass(10s - 1ns);
  EXPECT_NE(connection_, nullptr);
  pass(1ns);
  EXPECT_EQ(receive(), "");
  EXPECT_EQ(connection_, nullptr);
}

TEST_F(ConnectionTest, RefusesAHeadThatDripsInExactlyAfterItsTime) {
  connect();
  send("GET / HT");
  for (int i = 0; i < 9; ++i) {
    pass(1s);
    send("T");
  }
  pass(1s - 1ns);
  EXPECT_EQ(receive(), "");
  pass(1ns);
  EXPECT_TRUE(receive().starts_with("HTTP/1.1 408 "));
  EXPECT_TRUE(closed_);
}

TEST_F(ConnectionTest, RefusesABodyThatStallsAndTakesOneThatMoves) {
  connect();
  send("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n");
  for (const char* byte : {"a", "b", "c"}) {
    pass(9s);
    send(byte);
  }
  EXPECT_EQ(receive(), "");
  pass(10s);
  EXPECT_TRUE(receive().starts_with("HTTP/1.1 408 "));
  EXPECT_EQ(gate_.in_flight(), 0U);
}

TEST_F(ConnectionTest, ServesNothingMoreToAClientThatDoesNotReadAndClosesInTheEnd) {
  connect(4096);
  send(get("/large") + get("/") + get("/"));
  EXPECT_EQ(counters_.responses_by_class[2].get(), 1U);
  pass(10s - 1ns);
  EXPECT_NE(connection_, nullptr);
  pass(1ns);
  EXPECT_EQ(connection_, nullptr);
}

TEST_F(ConnectionTest, GoesOnWithAClientThatReadsSlowly) {
  connect(4096);
  send(get("/large") + get("/"));
  std::string all;
  std::array<char, 50'000> buffer;
  for (int i = 0; i < 100 && !all.ends_with("hello"); ++i) {
    const ssize_t got = ::recv(client_.descriptor(), buffer.data(), buffer.size(), 0);
    if (got > 0) all.append(buffer.data(), static_cast<std::size_t>(got));
    pass(5s);
    ASSERT_NE(connection_, nullptr) << all.size();
    for (ssize_t n; (n = ::recv(client_.descriptor(), buffer.data(), buffer.size(), 0)) > 0;) {
      all.append(buffer.data(), static_cast<std::size_t>(n));
      loop_.run_until_idle();
    }
  }
  EXPECT_TRUE(all.ends_with("hello")) << all.size();
}

TEST_F(ConnectionTest, SendsItsLastWordInFullToAClientThatReadsSlowly) {
  connect(4096);
  send(get("/large", "connection: close\r\n"));
  std::string all;
  std::array<char, 1'000> buffer;
  for (int i = 0; i < 3000 && !closed_; ++i) {
    const ssize_t got = ::recv(client_.descriptor(), buffer.data(), buffer.size(), 0);
    closed_ = got == 0;
    if (got > 0) all.append(buffer.data(), static_cast<std::size_t>(got));
    pass(100ms);
  }
  EXPECT_TRUE(closed_);
  EXPECT_GT(all.size(), 1'000'000U);
}

TEST_F(ConnectionTest, TellsADrainWithItsNextResponseAndClosesIdleOnesSoon) {
  connect();
  exchange(get("/"));
  context_->draining = true;
  connection_->drain();
  pass(999ms);
  EXPECT_NE(exchange(get("/")).find("connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(closed_);
  client_.reset();
  loop_.run_until_idle();
  EXPECT_EQ(connection_, nullptr);

  context_->draining = false;
  connect();
  exchange(get("/"));
  context_->draining = true;
  connection_->drain();
  pass(1s);
  EXPECT_EQ(connection_, nullptr);
}

TEST_F(ConnectionTest, EndsWithItsResponseWhenADrainComesWhileItsHandlerRuns) {
  connect();
  send(get("/users/7"));
  context_->draining = true;
  connection_->drain();
  pass(5s);
  ASSERT_NE(connection_, nullptr);
  gatepost_.open();
  const std::string answer = receive();
  EXPECT_NE(answer.find("user 7"), std::string::npos);
  EXPECT_NE(answer.find("connection: close\r\n"), std::string::npos);
}

// One handler may let another one go on, on the same loop, while its own answers are being collected.
TEST_F(ConnectionTest, KeepsItsAnswersWhenItsHandlerResumesAnotherConnections) {
  connect();
  send(get("/users/7"));
  struct Done final : ConnectionOwner {
    void on_done(Connection&) override { done = true; }
    bool done = false;
  } owner;
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  const runtime::Socket other(ends[1]);
  Connection connection(*context_, owner, loop_.poller().adopt(runtime::Socket(ends[0]), {}));
  ASSERT_TRUE(connection.start());
  const std::string requests = get("/") + get("/open");
  ASSERT_EQ(::send(other.descriptor(), requests.data(), requests.size(), 0), std::ssize(requests));
  const std::string late = receive();
  EXPECT_EQ(count(late, "user 7"), 1U);
  EXPECT_EQ(count(late, "hello"), 0U);
  std::array<char, 4096> buffer;
  const ssize_t got = ::recv(other.descriptor(), buffer.data(), buffer.size(), 0);
  ASSERT_GT(got, 0);
  const std::string_view answers(buffer.data(), static_cast<std::size_t>(got));
  EXPECT_EQ(count(answers, "hello"), 1U);
  EXPECT_EQ(count(answers, "opened"), 1U);
  EXPECT_EQ(count(answers, "user"), 0U);
  connection.abort();
  loop_.run_until_idle();
  EXPECT_TRUE(owner.done);
}

}  // namespace
}  // namespace fluxor::web
