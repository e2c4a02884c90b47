#include <benchmark/benchmark.h>

#include <chrono>
#include <memory>

#include "runtime/base/clock.h"
#include "runtime/inspect/inspect.h"
#include "runtime/inspect/inspection_json.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/seeded_random.h"
#include "runtime/testing/started.h"
#include "runtime/testing/test_loop.h"
#include "runtime/testing/test_verticles.h"
#include "runtime/verticle/context.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

class Idle final : public Verticle {
  Task<> start(Context& context) override {
    context.every(1h, [] {});
    co_return;
  }
};

// So many idle verticles, a timer each, on two loops of this thread.
struct Tree {
  explicit Tree(std::size_t size) : verticles({&first.loop(), &second.loop()}, clock, random) {
    run();
    auto deployed = first.start(verticles.root().deploy<Idle>({.instances = size}));
    run();
  }
  ~Tree() {
    verticles.stop();
    run();
  }
  void run() {
    while (first.run_until_idle() + second.run_until_idle() > 2) {
    }
  }
  ManualClock clock;
  TestLoop first{clock, {.id = 0}};
  TestLoop second{clock, {.id = 1}};
  SeededRandom random{1};
  TestVerticles verticles;
};

// Question: what does an inspection cost the loops, in all and in the longest unit, with so many verticles and so many
// entries listed?
void BM_Inspect(benchmark::State& state) {
  Tree tree(static_cast<std::size_t>(state.range(0)));
  const InspectOptions options{.entries_max = static_cast<std::size_t>(state.range(1)),
                               .list_max = static_cast<std::size_t>(state.range(1))};
  Duration longest_sum{0};
  std::size_t listed = 0;
  const SystemClock clock;
  for (auto _ : state) {
    auto inspection = Started<Inspection>::on(tree.first.loop(), inspect(tree.verticles.tree(), options));
    Duration longest{0};
    for (bool more = true; more;) {
      more = false;
      for (TestLoop* loop : {&tree.first, &tree.second}) {
        const Instant begun = clock.now();
        // A whole turn: what the control lane holds is run without a pause.
        more |= loop->loop().run_turn() != 0;
        longest = std::max(longest, clock.now() - begun);
      }
    }
    longest_sum += longest;
    listed = inspection.get().root.children.size();
  }
  state.counters["listed"] = static_cast<double>(listed);
  state.counters["longest_turn_mean_us"] =
      std::chrono::duration<double, std::micro>(longest_sum).count() / static_cast<double>(state.iterations());
}
BENCHMARK(BM_Inspect)->Args({1000, 1000})->Args({100'000, 1000})->Args({100'000, 4000})->Unit(benchmark::kMicrosecond);

// Question: and what does the text of it?
void BM_Json(benchmark::State& state) {
  Tree tree(1000);
  auto inspection = Started<Inspection>::on(tree.first.loop(),
                                            inspect(tree.verticles.tree(), {.entries_max = 1000, .list_max = 1000}));
  tree.run();
  const Inspection seen = inspection.get();
  std::size_t bytes = 0;
  for (auto _ : state) bytes = to_json(seen).size();
  state.counters["bytes"] = static_cast<double>(bytes);
}
BENCHMARK(BM_Json)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace fluxor::runtime
