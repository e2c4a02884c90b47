#include "tools/load/response_counter.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace fluxor::load {
namespace {

constexpr std::string_view kHello = "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 5\r\n\r\nhello";
constexpr std::string_view kShed = "HTTP/1.1 503 Service Unavailable\r\ncontent-length:2\r\nRetry-After: 1\r\n\r\n{}";
constexpr std::string_view kMissing = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";

struct ResponseCounterTest : testing::Test {
  KnownHead known;
  ResponseCounter counter{known};
};

TEST_F(ResponseCounterTest, CountsEachStatusInItsClass) {
  const Responses seen = counter.consume(std::string(kHello) + std::string(kShed) + std::string(kMissing));
  EXPECT_EQ(seen.succeeded, 1U);
  EXPECT_EQ(seen.refused, 1U);
  EXPECT_EQ(seen.other, 1U);
  EXPECT_FALSE(seen.malformed);
  EXPECT_FALSE(seen.closing);
}

TEST_F(ResponseCounterTest, CountsTheSameHoweverTheBytesAreCut) {
  std::string stream;
  for (int i = 0; i < 3; ++i)
    stream += std::string(kHello) + std::string(kHello) + std::string(kShed) + std::string(kMissing);
  for (size_t piece = 1; piece <= stream.size(); ++piece) {
    counter.reset();
    Responses sum;
    for (size_t at = 0; at < stream.size(); at += piece) {
      const Responses seen = counter.consume(std::string_view(stream).substr(at, piece));
      ASSERT_FALSE(seen.malformed) << "pieces of " << piece;
      sum.succeeded += seen.succeeded;
      sum.refused += seen.refused;
      sum.other += seen.other;
    }
    EXPECT_EQ(sum.succeeded, 6U) << "pieces of " << piece;
    EXPECT_EQ(sum.refused, 3U) << "pieces of " << piece;
    EXPECT_EQ(sum.other, 3U) << "pieces of " << piece;
  }
}

TEST_F(ResponseCounterTest, CountsAResponseOnlyWhenItsLastByteIsThere) {
  EXPECT_EQ(counter.consume(kHello.substr(0, kHello.size() - 1)).total(), 0U);
  EXPECT_EQ(counter.consume(kHello.substr(kHello.size() - 1)).total(), 1U);
}

TEST_F(ResponseCounterTest, DoesNotTakeABodyForAHead) {
  const std::string body(kHello);
  const Responses seen =
      counter.consume("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body + body);
  EXPECT_EQ(seen.succeeded, 2U);
  EXPECT_FALSE(seen.malformed);
}

TEST_F(ResponseCounterTest, DoesNotConfuseConnectionsThatShareAKnownHead) {
  ResponseCounter second(known);
  EXPECT_EQ(counter.consume(kHello.substr(0, kHello.size() - 2)).total(), 0U);
  EXPECT_EQ(second.consume(kShed).refused, 1U);
  EXPECT_EQ(counter.consume(kHello.substr(kHello.size() - 2)).succeeded, 1U);
}

TEST_F(ResponseCounterTest, NoticesThatOnlyTheLengthChanged) {
  EXPECT_EQ(counter.consume("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1").succeeded, 1U);
  EXPECT_EQ(counter.consume("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n1").succeeded, 0U);
  EXPECT_EQ(counter.consume("2").succeeded, 1U);
}

TEST_F(ResponseCounterTest, PassesOverAnInterimAnswer) {
  const Responses seen = counter.consume("HTTP/1.1 100 Continue\r\n\r\n" + std::string(kHello));
  EXPECT_EQ(seen.total(), 1U);
  EXPECT_EQ(seen.succeeded, 1U);
}

TEST_F(ResponseCounterTest, KnowsThat204HasNoBody) {
  EXPECT_EQ(counter.consume("HTTP/1.1 204 No Content\r\n\r\n" + std::string(kHello)).succeeded, 2U);
}

TEST_F(ResponseCounterTest, TellsWhenTheServerWillClose) {
  EXPECT_TRUE(counter.consume("HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n").closing);
  EXPECT_FALSE(counter.consume("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n").closing);
  EXPECT_TRUE(counter.consume("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").closing);
  EXPECT_FALSE(counter.consume("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n").closing);
}

TEST_F(ResponseCounterTest, RefusesWhatItCannotDelimit) {
  for (const std::string_view bad : {
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
           "HTTP/1.1 200 OK\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n1",
           "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
           "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1 xyz OK\r\nContent-Length: 0\r\n\r\n",
           "HTTP/2 200\r\nContent-Length: 0\r\n\r\n",
           "\r\n\r\n",
           "SSH-2.0-server of another kind\r\n\r\n",
       }) {
    counter.reset();
    const Responses seen = counter.consume(bad);
    EXPECT_TRUE(seen.malformed) << bad;
    EXPECT_EQ(seen.total(), 0U) << bad;
  }
}

TEST_F(ResponseCounterTest, RefusesAHeadWithoutEnd) {
  const std::string some(1000, 'x');
  size_t reads = 0;
  while (!counter.consume(some).malformed) ASSERT_LT(++reads, 100U);
}

TEST_F(ResponseCounterTest, ForgetsHalfAResponseOnReset) {
  counter.consume(kHello.substr(0, 20));
  counter.reset();
  EXPECT_EQ(counter.consume(kHello).succeeded, 1U);
  counter.consume(kHello.substr(0, kHello.size() - 1));
  counter.reset();
  EXPECT_EQ(counter.consume(kShed).refused, 1U);
}

}  // namespace
}  // namespace fluxor::load
