#include "web/http/target.h"

#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

namespace fluxor::web {
namespace {

void parse(benchmark::State& state, std::string_view raw) {
  std::string buffer;
  for (auto _ : state) {
    benchmark::DoNotOptimize(raw);
    auto target = parse_target(raw, Method::get, buffer);
    benchmark::DoNotOptimize(target);
  }
  state.SetItemsProcessed(state.iterations());
}

// Question: what does an ordinary target cost, the price every request pays?
BENCHMARK_CAPTURE(parse, ordinary, "/api/status");
BENCHMARK_CAPTURE(parse, ordinary_long, "/api/v1/tenants/4711/orders/0815/items/42?page=3&sort=date");
// Question: what does one that has to be written anew cost?
BENCHMARK_CAPTURE(parse, escaped, "/api/caf%C3%A9/x%2Fy/../status");

}  // namespace
}  // namespace fluxor::web
