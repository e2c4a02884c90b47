#include "web/http/response.h"

#include <benchmark/benchmark.h>

#include <utility>

#include "web/http/output_buffer.h"

namespace fluxor::web {
namespace {

constexpr ResponseContext kContext{.date_line = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"};
constexpr std::string_view kHello = R"({"message":"Hello from Fluxor","version":"1.0"})";

// Question: what does it cost to write a small JSON answer that is built already?
void BM_SerializeSmallJson(benchmark::State& state) {
  const Response response = Response::json(200, StaticBody{kHello});
  OutputBuffer out;
  for (auto _ : state) {
    out.clear();
    response.serialize_to(out, kContext);
    benchmark::DoNotOptimize(out.view());
  }
}
BENCHMARK(BM_SerializeSmallJson);

// Question: and to build, move twice (handler to middleware to connection), and write it?
void BM_BuildMoveSerialize(benchmark::State& state) {
  OutputBuffer out;
  for (auto _ : state) {
    out.clear();
    Response response = Response::json(200, StaticBody{kHello}).set("cache-control", "no-store");
    Response moved(std::move(response));
    Response again(std::move(moved));
    again.serialize_to(out, kContext);
    benchmark::DoNotOptimize(out.view());
  }
}
BENCHMARK(BM_BuildMoveSerialize);

// Question: what does a refusal in the one error shape cost, built anew?
void BM_BuildError(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(Response::error(404, "NOT_FOUND", "not_found", "There is nothing at this path"));
  }
}
BENCHMARK(BM_BuildError);

}  // namespace
}  // namespace fluxor::web
