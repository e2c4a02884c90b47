#include "web/http/request.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "web/http/method.h"
#include "web/http/request_reader.h"

namespace fluxor::web {
namespace {

constexpr std::string_view kPost =
    "POST /a/b?q=1 HTTP/1.1\r\n"
    "Host: example.com:81\r\n"
    "Accept: one\r\n"
    "accept: two\r\n"
    "Content-Length: 5\r\n"
    "\r\n"
    "hello";

// Bytes that go away when told to: views that still point there are caught by the address sanitizer, and by the 'X's.
class Bytes {
 public:
  explicit Bytes(std::string_view text) : size_(text.size()), bytes_(new char[text.size()]) {
    std::ranges::copy(text, bytes_.get());
  }
  std::string_view view() const { return {bytes_.get(), size_}; }
  void vanish() {
    std::fill_n(bytes_.get(), size_, 'X');
    bytes_.reset();
  }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> bytes_;
};

void expect_the_post(const Request& request) {
  EXPECT_EQ(request.method(), Method::post);
  EXPECT_EQ(request.method_text(), "POST");
  EXPECT_EQ(request.target(), "/a/b?q=1");
  EXPECT_EQ(request.path(), "/a/b");
  EXPECT_EQ(request.query(), "q=1");
  EXPECT_EQ(request.authority(), "example.com:81");
  ASSERT_EQ(request.fields().size(), 4u);
  EXPECT_EQ(request.fields()[2].name, "accept");
  EXPECT_EQ(request.fields()[2].value, "two");
  EXPECT_EQ(request.body(), "hello");
}

TEST(Request, FindsFieldsWhateverTheirCase) {
  RequestReader reader;
  ASSERT_EQ(reader.read(kPost).state, ReadState::complete);
  EXPECT_EQ(reader.request().field("ACCEPT"), "one");
  EXPECT_EQ(reader.request().field("content-length"), "5");
  EXPECT_EQ(reader.request().field("content-lengt"), std::nullopt);
}

TEST(Request, PointsIntoTheBytesItWasReadFrom) {
  const Bytes bytes(kPost);
  RequestReader reader;
  ASSERT_EQ(reader.read(bytes.view()).state, ReadState::complete);
  expect_the_post(reader.request());
  EXPECT_FALSE(reader.request().owned());
  EXPECT_EQ(reader.request().target().data(), bytes.view().data() + 5);
  EXPECT_EQ(reader.request().path().data(), bytes.view().data() + 5);
  EXPECT_EQ(reader.request().body().data(), bytes.view().data() + kPost.size() - 5);
}

TEST(Request, OutlivesThoseBytesOnceItOwns) {
  Bytes bytes(kPost);
  RequestReader reader;
  ASSERT_EQ(reader.read(bytes.view()).state, ReadState::complete);
  Request& request = reader.request();
  request.add_param("name", request.path().substr(1, 1));
  request.own();
  bytes.vanish();
  EXPECT_TRUE(request.owned());
  expect_the_post(request);
  EXPECT_EQ(request.param("name"), "a");
}

TEST(Request, OutlivesThemWithADecodedPathToo) {
  Bytes bytes("GET /a/%62/../%63?x HTTP/1.1\r\nHost: h\r\n\r\n");
  RequestReader reader;
  ASSERT_EQ(reader.read(bytes.view()).state, ReadState::complete);
  Request& request = reader.request();
  request.add_param("last", request.path().substr(3));
  request.own();
  bytes.vanish();
  EXPECT_EQ(request.path(), "/a/c");
  EXPECT_EQ(request.query(), "x");
  EXPECT_EQ(request.param("last"), "c");
}

TEST(Request, OwnsWhatCameInParts) {
  Bytes head(kPost.substr(0, kPost.size() - 3));
  Bytes rest(kPost.substr(kPost.size() - 3));
  RequestReader reader;
  ASSERT_EQ(reader.read(head.view()).state, ReadState::need_body);
  head.vanish();
  ASSERT_EQ(reader.read(rest.view()).state, ReadState::complete);
  rest.vanish();
  expect_the_post(reader.request());
}

TEST(Request, OwnsABodyThatCameWholeAfterItsHead) {
  Bytes head(kPost.substr(0, kPost.size() - 5));
  Bytes body(kPost.substr(kPost.size() - 5));
  RequestReader reader;
  ASSERT_EQ(reader.read(head.view()).state, ReadState::need_body);
  head.vanish();
  ASSERT_EQ(reader.read(body.view()).state, ReadState::complete);
  reader.request().own();
  body.vanish();
  expect_the_post(reader.request());
}

TEST(Request, OwnsAChunkedBodyBesideAHeadThatWasAView) {
  Bytes bytes("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
  RequestReader reader;
  ASSERT_EQ(reader.read(bytes.view()).state, ReadState::complete);
  reader.request().own();
  bytes.vanish();
  EXPECT_EQ(reader.request().field("host"), "h");
  EXPECT_EQ(reader.request().body(), "hello");
}

TEST(Request, HoldsSixteenParams) {
  Request request;
  const std::string names = "abcdefghijklmnop";
  for (std::size_t i = 0; i < Request::kParamsMax; ++i) request.add_param(std::string_view(names).substr(i, 1), "v");
  EXPECT_EQ(request.param("p"), "v");
  EXPECT_EQ(request.param("q"), std::nullopt);
  EXPECT_DEATH(request.add_param("q", "v"), "more parameters");
  request.clear_params();
  EXPECT_EQ(request.param("a"), std::nullopt);
}

TEST(Request, IsEmptyAfterAReset) {
  RequestReader reader;
  ASSERT_EQ(reader.read(kPost).state, ReadState::complete);
  reader.request().add_param("a", "b");
  reader.request().own();
  reader.request().reset();
  const Request& request = reader.request();
  EXPECT_EQ(request.method(), Method::other);
  EXPECT_EQ(request.target(), "");
  EXPECT_EQ(request.authority(), "");
  EXPECT_EQ(request.body(), "");
  EXPECT_TRUE(request.fields().empty());
  EXPECT_EQ(request.param("a"), std::nullopt);
  EXPECT_FALSE(request.owned());
}

}  // namespace
}  // namespace fluxor::web
