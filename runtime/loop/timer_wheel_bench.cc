#include "runtime/loop/timer_wheel.h"

#include <benchmark/benchmark.h>

#include <chrono>

namespace fluxor::runtime {
namespace {

class NullTimer final : public Timer {
  void on_timer() override {}
};

// Question: what do arm and cancel cost beside `armed` other timers, as a connection's time-out does?
void BM_ArmAndCancel(benchmark::State& state) {
  const Instant start{};
  TimerWheel wheel(start);
  std::vector<NullTimer> others(static_cast<std::size_t>(state.range(0)));
  Instant deadline = start + std::chrono::seconds(60);
  for (NullTimer& timer : others) wheel.arm(timer, deadline += std::chrono::microseconds(100));
  NullTimer timer;
  for (auto _ : state) {
    wheel.arm(timer, deadline += std::chrono::microseconds(1));
    wheel.cancel(timer);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ArmAndCancel)->Arg(0)->Arg(5000);

}  // namespace
}  // namespace fluxor::runtime
