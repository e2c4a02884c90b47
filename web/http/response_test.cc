#include "web/http/response.h"

#include <gtest/gtest.h>

#include <string>
#include <type_traits>
#include <utility>

namespace fluxor::web {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kDate = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

std::string wire(const Response& response, const ResponseContext& context = {}) {
  OutputBuffer out;
  response.serialize_to(out, context);
  return std::string(out.view());
}

// Refused, and sent as a 500 that holds nothing of what was given.
void expect_spoiled(const Response& response) {
  EXPECT_FALSE(response.valid());
  const std::string bytes = wire(response);
  EXPECT_TRUE(bytes.starts_with("HTTP/1.1 500 Internal Server Error\r\ncontent-length: ")) << bytes;
  EXPECT_NE(bytes.find(R"("code":"INTERNAL_ERROR")"), std::string::npos) << bytes;
  EXPECT_EQ(bytes.find("evil"), std::string::npos) << bytes;
  EXPECT_EQ(bytes.find("secret"), std::string::npos) << bytes;
}

TEST(Response, IsWrittenAsStatusDateLengthFieldsBody) {
  const Response response = Response::json(200, std::string(R"({"a":1})")).set("x-a", "b");
  EXPECT_EQ(wire(response, {.date_line = kDate}),
            "HTTP/1.1 200 OK\r\n"
            "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "content-length: 7\r\n"
            "content-type: application/json\r\n"
            "x-a: b\r\n"
            "\r\n"
            "{\"a\":1}");
}

TEST(Response, AppendsToWhatIsInTheBufferAlready) {
  OutputBuffer out;
  Response(204).serialize_to(out, {});
  Response(204).serialize_to(out, {});
  EXPECT_EQ(out.view(), "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
}

TEST(Response, SaysHowLongTheConnectionLives) {
  const Response response(200);
  EXPECT_EQ(wire(response, {.persistence = Persistence::implied}), "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  EXPECT_EQ(wire(response, {.persistence = Persistence::close}),
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  EXPECT_EQ(wire(response, {.persistence = Persistence::keep_alive}),
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n");
}

TEST(Response, AnswersHeadWithTheLengthOfTheBodyItLeavesOut) {
  EXPECT_EQ(wire(Response::text(200, StaticBody{"hello"}), {.to_head = true}),
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-type: text/plain; charset=utf-8\r\n\r\n");
}

TEST(Response, HasNoBodyWhereTheStatusForbidsOne) {
  for (const int status : {204, 304}) {
    const std::string bytes = wire(Response::text(status, StaticBody{"hello"}));
    EXPECT_EQ(bytes.find("content-length"), std::string::npos) << bytes;
    EXPECT_TRUE(bytes.ends_with("\r\n\r\n")) << bytes;
  }
  EXPECT_EQ(wire(Response(205).body(StaticBody{"hello"})), "HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n");
}

TEST(Response, KeepsAStatusWithoutAName) {
  EXPECT_EQ(wire(Response(299)), "HTTP/1.1 299 \r\ncontent-length: 0\r\n\r\n");
}

TEST(Response, IsSpoiledByAStatusThatIsNoFinalOne) {
  for (const int status : {-1, 0, 99, 100, 101, 199, 600, 999, 1000, 65736}) {
    expect_spoiled(Response::text(status, StaticBody{"secret"}));
  }
}

TEST(Response, IsSpoiledByAValueThatCouldEndTheLine) {
  for (const std::string_view value :
       {std::string_view("a\r\nevil: 1"), std::string_view("a\revil"), std::string_view("a\nevil"), "a\0evil"sv,
        std::string_view("evil\x1b[0m"), std::string_view("evil\x7f")}) {
    expect_spoiled(Response(200).set("x-a", value));
    expect_spoiled(Response(200).add("x-a", value));
  }
}

TEST(Response, IsSpoiledByANameThatIsNoToken) {
  for (const std::string_view name :
       {"", "a b", "evil: 1\r\nb", "a\r\nevil", "a:", "a\n", "\x80", "a(b)", " a", "a "}) {
    expect_spoiled(Response(200).set(name, "b"));
    expect_spoiled(Response(200).add(name, "b"));
  }
}

TEST(Response, IsSpoiledByFieldsThatAreTheConnectionsBusiness) {
  for (const std::string_view name : {"content-length", "Content-Length", "TRANSFER-ENCODING", "connection", "Date"}) {
    expect_spoiled(Response(200).set(name, "1"));
    expect_spoiled(Response(200).add(name, "1"));
  }
}

TEST(Response, StaysSpoiledWhateverIsSetLater) {
  Response response = Response::text(200, StaticBody{"secret"}).set("x", "a\nb").set("x", "fine");
  expect_spoiled(response);
  response.body(StaticBody{"secret too"});
  expect_spoiled(response);
  expect_spoiled(Response(200).set("x-a", "secret").set("x", "a\nb"));
}

TEST(Response, IsSpoiledByFieldsBeyondAnyReason) {
  Response response(200);
  for (int i = 0; i < 70; ++i) response.add("x", std::string(1000, 'x'));
  expect_spoiled(response);
}

TEST(Response, TakesValuesThatMayLookOdd) {
  EXPECT_EQ(Response(200).set("x", " a\tb\xe9 ").field_lines(), "x: a\tb\xe9\r\n");
  EXPECT_EQ(Response(200).set("x", "").field_lines(), "x: \r\n");
}

TEST(Response, ReplacesByNameWhateverItsCase) {
  Response response(200);
  response.add("a", "1").add("X-B", "2").add("c", "3").add("x-b", "4");
  response.set("x-B", "5");
  EXPECT_EQ(response.field_lines(), "a: 1\r\nc: 3\r\nx-B: 5\r\n");
  response.set("a", "6");
  EXPECT_EQ(response.field_lines(), "c: 3\r\nx-B: 5\r\na: 6\r\n");
}

TEST(Response, DoesNotTakeTheBeginningOfANameForTheName) {
  EXPECT_EQ(Response(200).add("ab", "1").set("a", "2").field_lines(), "ab: 1\r\na: 2\r\n");
}

TEST(Response, AddsFieldsOfOneNameInOrder) {
  EXPECT_EQ(Response(200).add("set-cookie", "a=1").add("set-cookie", "b=2").field_lines(),
            "set-cookie: a=1\r\nset-cookie: b=2\r\n");
}

TEST(Response, KeepsFieldsThatDoNotFitInPlace) {
  Response response(200);
  std::string expected;
  for (int i = 0; i < 50; ++i) {
    response.add("x-" + std::to_string(i), std::string(static_cast<std::size_t>(i), 'v'));
    expected += "x-" + std::to_string(i) + ": " + std::string(static_cast<std::size_t>(i), 'v') + "\r\n";
    ASSERT_EQ(response.field_lines(), expected);
  }
  Response moved(std::move(response));
  EXPECT_EQ(moved.field_lines(), expected);
}

TEST(Response, MovesWithAllItHolds) {
  Response from = Response::json(201, std::string("a body too long for the place inside of a string")).set("x", "y");
  const std::string bytes = wire(from);
  Response constructed(std::move(from));
  EXPECT_EQ(wire(constructed), bytes);
  Response assigned = Response::text(404, StaticBody{"other"}).set("z", std::string(500, 'z'));
  assigned = std::move(constructed);
  EXPECT_EQ(wire(assigned), bytes);
}

TEST(Response, IsMovedAndNotCopied) {
  static_assert(std::is_nothrow_move_constructible_v<Response> && std::is_nothrow_move_assignable_v<Response>);
  static_assert(!std::is_copy_constructible_v<Response>);
  static_assert(sizeof(Response) <= 256);
}

TEST(Response, DoesNotCopyAStaticBody) {
  static constexpr std::string_view kPage = "a page";
  EXPECT_EQ(Response::text(200, StaticBody{kPage}).body().data(), kPage.data());
}

TEST(ResponseError, HasTheOneShape) {
  EXPECT_EQ(Response::error(404, "NOT_FOUND", "not_found", "Nothing here").body(),
            R"({"code":"NOT_FOUND","error":"not_found","message":"Nothing here"})");
}

TEST(ResponseError, EscapesWhatItIsGiven) {
  const Response response = Response::error(400, "BAD", "a\"b", "line\r\nnext \xff");
  EXPECT_EQ(response.body(), "{\"code\":\"BAD\",\"error\":\"a\\\"b\",\"message\":\"line\\r\\nnext \ufffd\"}");
  EXPECT_TRUE(response.valid());
}

}  // namespace
}  // namespace fluxor::web
