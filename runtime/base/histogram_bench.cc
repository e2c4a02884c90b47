#include "runtime/base/histogram.h"

#include <benchmark/benchmark.h>

#include <random>
#include <vector>

namespace fluxor::runtime {
namespace {

std::vector<Duration> durations_of_all_scales() {
  std::mt19937_64 random(1);
  std::vector<Duration> durations(4096);
  for (Duration& duration : durations) duration = Duration(static_cast<std::int64_t>(random() >> (28 + random() % 36)));
  return durations;
}

// Question: what does it cost a loop to observe one duration, when no two in a row are alike?
void BM_Observe(benchmark::State& state) {
  const std::vector<Duration> durations = durations_of_all_scales();
  Histogram histogram;
  std::size_t next = 0;
  for (auto _ : state) histogram.observe(durations[next++ % durations.size()]);
  benchmark::DoNotOptimize(histogram.snapshot().count);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Observe);

// Question: what does a scrape cost that reads the histograms of `loops` loops, merges them and asks for p99?
void BM_SnapshotMergeAndQuantile(benchmark::State& state) {
  std::vector<Histogram> loops(static_cast<std::size_t>(state.range(0)));
  for (const Duration duration : durations_of_all_scales()) {
    for (Histogram& loop : loops) loop.observe(duration);
  }
  for (auto _ : state) {
    HistogramSnapshot merged;
    for (const Histogram& loop : loops) merged.merge(loop.snapshot());
    benchmark::DoNotOptimize(merged.quantile(0.99));
  }
}
BENCHMARK(BM_SnapshotMergeAndQuantile)->Arg(1)->Arg(8);

}  // namespace
}  // namespace fluxor::runtime
