#include "web/router/route_table.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "runtime/task/task.h"
#include "web/http/request_reader.h"

namespace fluxor::web {
namespace {

Response ok(Request&) { return Response(200); }

std::shared_ptr<const RouteTable> make_table() {
  RouteTable::Builder routes;
  routes.get("/", ok);
  routes.get("/api/status", ok);
  routes.post("/api/echo", ok);
  routes.get("/users/:id/files/*rest", ok);
  routes.get("/live", ok, Admission::beside_gate);
  return *std::move(routes).build();
}

// Reads a request, without fields but Host, and matches it.
class RouteTableTest : public testing::Test {
 protected:
  RouteTable::Match match(const std::string& method, const std::string& target) {
    bytes_ = method + " " + target + " HTTP/1.1\r\nhost: x\r\n\r\n";
    reader_.reset();
    EXPECT_EQ(reader_.read(bytes_).state, ReadState::complete) << bytes_;
    return table_->match(reader_.request());
  }
  Request& request() { return reader_.request(); }

  const std::shared_ptr<const RouteTable> table_ = make_table();
  RequestReader reader_;
  std::string bytes_;
};

TEST_F(RouteTableTest, FindsTheRouteAndGivesTheRequestItsParams) {
  EXPECT_EQ(match("GET", "/api/status?verbose=1").route->pattern, "/api/status");
  EXPECT_EQ(match("HEAD", "/").route->pattern, "/");
  const auto found = match("GET", "/users/7/files/a/b.txt");
  ASSERT_NE(found.route, nullptr);
  EXPECT_FALSE(found.answer);
  EXPECT_EQ(request().param("id"), "7");
  EXPECT_EQ(request().param("rest"), "a/b.txt");
  EXPECT_EQ(request().param("other"), std::nullopt);
}

TEST_F(RouteTableTest, GivesNoParamTwiceWhenARequestIsMatchedTwice) {
  match("GET", "/users/7/files/a");
  for (std::size_t i = 0; i <= Request::kParamsMax; ++i) static_cast<void>(table_->match(request()));
  EXPECT_EQ(request().param("id"), "7");
}

TEST_F(RouteTableTest, KnowsWhatGoesBesideTheGate) {
  EXPECT_EQ(match("GET", "/live").route->admission, Admission::beside_gate);
  EXPECT_EQ(match("GET", "/").route->admission, Admission::gated);
}

TEST_F(RouteTableTest, AnswersAnUnknownPathWith404InTheOneShapeOfErrors) {
  const auto none = match("GET", "/nowhere");
  EXPECT_EQ(none.route, nullptr);
  EXPECT_EQ(none.answer->status(), 404);
  EXPECT_EQ(none.answer->body(), R"({"code":"NOT_FOUND","error":"not found","message":"no route has this path"})");
}

TEST_F(RouteTableTest, AnswersAnotherMethodWith405AndExactlyTheMethodsThereAre) {
  const auto wrong = match("DELETE", "/api/echo");
  EXPECT_EQ(wrong.answer->status(), 405);
  EXPECT_NE(wrong.answer->field_lines().find("allow: POST, OPTIONS\r\n"), std::string_view::npos)
      << wrong.answer->field_lines();
  EXPECT_NE(match("POST", "/").answer->field_lines().find("allow: GET, HEAD, OPTIONS\r\n"), std::string_view::npos);
}

TEST_F(RouteTableTest, AnswersOptionsOfAPathAndOfTheWholeServer) {
  const auto path = match("OPTIONS", "/api/echo");
  EXPECT_EQ(path.answer->status(), 204);
  EXPECT_NE(path.answer->field_lines().find("allow: POST, OPTIONS\r\n"), std::string_view::npos);
  const auto server = match("OPTIONS", "*");
  EXPECT_EQ(server.answer->status(), 204);
  EXPECT_NE(server.answer->field_lines().find("allow: GET, HEAD, POST, OPTIONS\r\n"), std::string_view::npos);
}

TEST_F(RouteTableTest, AnswersAMethodNobodyKnowsWith501) {
  EXPECT_EQ(match("BREW", "/").answer->status(), 501);
  EXPECT_EQ(match("BREW", "/nowhere").answer->status(), 501);
}

TEST(RouteTableBuilder, RefusesAConflictInOneLineThatNamesBoth) {
  RouteTable::Builder routes;
  routes.get("/users/:id", ok);
  routes.get("/users/:name", ok);
  const auto table = std::move(routes).build();
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().reason, RouteErrc::conflict);
  EXPECT_NE(table.error().text.find("/users/:id"), std::string::npos);
  EXPECT_NE(table.error().text.find("/users/:name"), std::string::npos);
  EXPECT_THROW(static_cast<void>(table.value()), std::invalid_argument);
}

TEST(Handler, IsPlainOrACoroutineByWhatItReturns) {
  const Handler plain(ok);
  EXPECT_NE(plain.plain(), nullptr);
  EXPECT_EQ(plain.coroutine(), nullptr);
  const Handler coroutine([](Request&) -> runtime::Task<Response> { co_return Response(200); });
  EXPECT_EQ(coroutine.plain(), nullptr);
  EXPECT_NE(coroutine.coroutine(), nullptr);
}

}  // namespace
}  // namespace fluxor::web
