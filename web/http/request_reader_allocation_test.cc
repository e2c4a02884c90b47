#include "web/http/request_reader.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/testing/allocation_limit.h"
#include "runtime/testing/allocations.h"

namespace fluxor::web {
namespace {

using runtime::AllocationLimit;
using runtime::AllocationWatch;

constexpr std::string_view kSmall =
    "GET /api/status?verbose=1 HTTP/1.1\r\n"
    "Host: localhost:8080\r\n"
    "User-Agent: curl/7.88.1-with-suffix\r\n"
    "Accept: */*\r\n"
    "Connection: keep-alive\r\n"
    "X-Request-Id: 0123456789abcdef012\r\n"
    "\r\n";

constexpr std::string_view kBrowser =
    "GET /console/assets/app.js?v=3 HTTP/1.1\r\n"
    "Host: fluxor.example.com\r\n"
    "Connection: keep-alive\r\n"
    "sec-ch-ua: \"Chromium\";v=\"124\", \"Not-A.Brand\";v=\"99\"\r\n"
    "sec-ch-ua-mobile: ?0\r\n"
    "sec-ch-ua-platform: \"Linux\"\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0 Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Sec-Fetch-Mode: no-cors\r\n"
    "Sec-Fetch-Dest: script\r\n"
    "Referer: https://fluxor.example.com/console/\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Accept-Language: en-US,en;q=0.9\r\n"
    "Cookie: sid=0123456789abcdef0123456789ab; theme=dark; lang=en; v=2\r\n"
    "\r\n";

constexpr std::string_view kPost =
    "POST /api/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n{\"message\":\"thirty-one bytes\"}";

constexpr std::string_view kChunked =
    "POST /%61pi/../a/path/that/is/longer/than/a/small/string HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    "1e;x=\"y\"\r\n{\"message\":\"thirty-one bytes\"}\r\n0\r\nt: v\r\n\r\n";

// What reading allocates once the reader has seen such a request.
std::uint64_t allocations_of(std::string_view bytes, std::size_t part_bytes, bool owned) {
  RequestReader reader;
  std::uint64_t counted = 0;
  for (int round = 0; round < 3; ++round) {
    reader.reset();
    const AllocationWatch watch;
    std::size_t consumed = 0;
    ReadState state = ReadState::need_header;
    for (std::size_t end = part_bytes; state < ReadState::complete; end += part_bytes) {
      const ReadStep step = reader.read(bytes.substr(0, end).substr(consumed));
      consumed += step.consumed;
      state = step.state;
    }
    EXPECT_EQ(state, ReadState::complete);
    if (owned) reader.request().own();
    counted = watch.so_far().count;
    if (round == 0 && !reader.request().fields().empty()) {
      EXPECT_GT(counted, 0U);  // or the counter does not count
    }
  }
  return counted;
}

TEST(RequestReaderAllocation, IsNoneForOrdinaryRequests) {
  static_assert(kSmall.size() == 169);
  static_assert(kBrowser.size() == 664);
  for (const std::string_view bytes : {kSmall, kBrowser, kPost}) {
    EXPECT_EQ(allocations_of(bytes, bytes.size(), false), 0U) << bytes;
  }
}

TEST(RequestReaderAllocation, IsNoneForRequestsThatAreKeptOrComeInParts) {
  for (const std::string_view bytes : {kSmall, kBrowser, kPost, kChunked}) {
    EXPECT_EQ(allocations_of(bytes, bytes.size(), true), 0U) << bytes;
    EXPECT_EQ(allocations_of(bytes, 7, true), 0U) << bytes;
    EXPECT_EQ(allocations_of(bytes, 1, false), 0U) << bytes;
  }
}

TEST(RequestReaderAllocation, RefusesWith503WhenMemoryIsOut) {
  for (const std::string_view bytes : {kSmall, kPost.substr(0, kPost.size() - 1), kChunked}) {
    RequestReader reader;
    const ReadStep step = [&] {
      const AllocationLimit no_memory(0);
      return reader.read(bytes);
    }();
    ASSERT_EQ(step.state, ReadState::refused) << bytes;
    EXPECT_EQ(reader.refusal().status, 503);
  }
}

TEST(RequestReaderAllocation, GivesBackWhatALargeBodyTook) {
  const std::string body(100'000, 'x');
  const std::string bytes = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + body;
  RequestReader reader;
  const auto read_in_two_parts = [&] {
    const AllocationWatch watch;
    EXPECT_EQ(reader.read(std::string_view(bytes).substr(0, 50'000)).state, ReadState::need_body);
    EXPECT_EQ(reader.read(std::string_view(bytes).substr(50'000)).state, ReadState::complete);
    reader.reset();
    return watch.so_far().count;
  };
  read_in_two_parts();
  EXPECT_GT(read_in_two_parts(), 0U);  // it had given the memory back
}

}  // namespace
}  // namespace fluxor::web
