#include "web/http/request_reader.h"

#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

namespace fluxor::web {
namespace {

// 169 bytes, what curl or wrk send.
constexpr std::string_view kSmall =
    "GET /api/status?verbose=1 HTTP/1.1\r\n"
    "Host: localhost:8080\r\n"
    "User-Agent: curl/7.88.1-with-suffix\r\n"
    "Accept: */*\r\n"
    "Connection: keep-alive\r\n"
    "X-Request-Id: 0123456789abcdef012\r\n"
    "\r\n";
static_assert(kSmall.size() == 169);

// 664 bytes, what a browser sends.
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
static_assert(kBrowser.size() == 664);

void read_again_and_again(benchmark::State& state, std::string_view request) {
  const std::string bytes(request);
  RequestReader reader;
  for (auto _ : state) {
    reader.reset();
    ReadStep step = reader.read(bytes);
    if (step.state != ReadState::complete) state.SkipWithError("not a whole request");
    benchmark::DoNotOptimize(step);
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}

// Question: what does it cost to read a small request that stands in the receive buffer?
void BM_ReadSmallRequest(benchmark::State& state) { read_again_and_again(state, kSmall); }
BENCHMARK(BM_ReadSmallRequest);

// Question: and one from a browser, with 14 fields?
void BM_ReadBrowserRequest(benchmark::State& state) { read_again_and_again(state, kBrowser); }
BENCHMARK(BM_ReadBrowserRequest);

// Question: what does it cost to keep a browser's request for a handler that suspends?
void BM_ReadAndOwnBrowserRequest(benchmark::State& state) {
  const std::string bytes(kBrowser);
  RequestReader reader;
  for (auto _ : state) {
    reader.reset();
    benchmark::DoNotOptimize(reader.read(bytes));
    reader.request().own();
  }
}
BENCHMARK(BM_ReadAndOwnBrowserRequest);

// Question: what does a chunked body cost per KiB, in chunks of that size?
void BM_ReadChunkedBody(benchmark::State& state) {
  std::string bytes = "POST /api/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 64; ++i) bytes += "400;x=1\r\n" + std::string(1024, 'x') + "\r\n";
  bytes += "0\r\n\r\n";
  RequestReader reader;
  for (auto _ : state) {
    reader.reset();
    benchmark::DoNotOptimize(reader.read(bytes));
  }
  state.SetBytesProcessed(state.iterations() * 64 * 1024);
}
BENCHMARK(BM_ReadChunkedBody);

}  // namespace
}  // namespace fluxor::web
