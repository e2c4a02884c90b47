#include "runtime/base/random.h"

#include <benchmark/benchmark.h>

#include <chrono>

namespace fluxor::runtime {
namespace {

// Question: what does a draw cost through the interface, as an identifier of a request needs it?
void BM_Next(benchmark::State& state) {
  SystemRandom random;
  Random* injected = &random;
  benchmark::DoNotOptimize(injected);
  for (auto _ : state) benchmark::DoNotOptimize(injected->next());
}
BENCHMARK(BM_Next);

// Question: what does jitter of a back-off cost?
void BM_Between(benchmark::State& state) {
  SystemRandom random;
  for (auto _ : state) benchmark::DoNotOptimize(random.between(Duration::zero(), std::chrono::seconds(30)));
}
BENCHMARK(BM_Between);

}  // namespace
}  // namespace fluxor::runtime
