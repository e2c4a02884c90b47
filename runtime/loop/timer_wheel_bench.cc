#include "runtime/loop/timer_wheel.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

namespace fluxor::runtime {
namespace {

class NullTimer final : public Timer {
  void on_timer() override {}
};

// Timers that stand in the wheel beside the one measured: connections, each with a deadline within a minute, in the
// order in which they came or in none.
enum class Order { in_order, random };
std::vector<NullTimer> arm_others(TimerWheel& wheel, Instant from, std::int64_t count, Order order) {
  std::mt19937_64 random(1);
  std::vector<NullTimer> others(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t place =
        order == Order::in_order ? i : static_cast<std::int64_t>(random() % 1'000'000) * count / 1'000'000;
    wheel.arm(others[static_cast<std::size_t>(i)],
              from + std::chrono::nanoseconds(std::chrono::minutes(1)) * place / count);
  }
  return others;
}

// Question: what do arm and cancel cost beside `armed` others, as a request's time-out does?
void BM_ArmAndCancel(benchmark::State& state) {
  const Instant start{};
  TimerWheel wheel(start);
  const std::vector<NullTimer> others = arm_others(wheel, start, state.range(0), Order::random);
  NullTimer timer;
  Instant deadline = start + std::chrono::seconds(30);
  for (auto _ : state) {
    wheel.arm(timer, deadline += std::chrono::nanoseconds(100));
    wheel.cancel(timer);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ArmAndCancel)->Arg(0)->Arg(5000)->Arg(100'000);

// Question: what do arm and fire cost, one timer a millisecond, beside `armed` others that are due much later?
void BM_ArmAndFire(benchmark::State& state) {
  const Instant start{};
  TimerWheel wheel(start);
  const std::vector<NullTimer> others =
      arm_others(wheel, start + std::chrono::hours(100'000), state.range(0), Order::random);
  NullTimer timer;
  Instant now = start;
  for (auto _ : state) {
    now += std::chrono::milliseconds(1);
    wheel.arm(timer, now);
    wheel.advance(now);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(wheel.fired()));
}
BENCHMARK(BM_ArmAndFire)->Arg(0)->Arg(5000)->Arg(100'000);

// Question: what does a timer cost in its whole life, moves down included, when `armed` of them are armed anew, for a
// random time up to a minute, whenever they fire?  A turn each millisecond, so an item is a timer fired.
void BM_FireAndArmAnew(benchmark::State& state) {
  class Again final : public Timer {
   public:
    Again(TimerWheel& wheel, std::mt19937& random, const Instant& now) : wheel_(wheel), random_(random), now_(now) {
      arm();
    }

   private:
    void arm() { wheel_.arm(*this, now_ + std::chrono::microseconds(random_() % 60'000'000)); }
    void on_timer() override { arm(); }
    TimerWheel& wheel_;
    std::mt19937& random_;
    const Instant& now_;
  };
  Instant now{};
  TimerWheel wheel(now);
  std::mt19937 random(1);
  std::vector<std::unique_ptr<Again>> timers;
  for (std::int64_t i = 0; i < state.range(0); ++i) timers.push_back(std::make_unique<Again>(wheel, random, now));
  for (auto _ : state) wheel.advance(now += std::chrono::milliseconds(1));
  state.SetItemsProcessed(static_cast<std::int64_t>(wheel.fired()));
}
BENCHMARK(BM_FireAndArmAnew)->Arg(5000)->Arg(100'000);

// Question: what does a turn cost that arms the earliest anew and asks when the next is due, as with connections of
// which the longest idle one speaks?  0: armed in order, the next is known.  1: armed in none, but what follows comes
// last, so to sort them pays.  2: armed in none, and what follows is out of order again.
void BM_ArmTheEarliestAnewAndAskForTheNext(benchmark::State& state) {
  const Instant start{};
  TimerWheel wheel(start);
  const Instant far = start + std::chrono::hours(100'000);
  const Order order = state.range(1) == 0 ? Order::in_order : Order::random;
  std::vector<NullTimer> timers = arm_others(wheel, far, state.range(0), order);
  std::vector<NullTimer*> by_deadline;
  for (NullTimer& timer : timers) by_deadline.push_back(&timer);
  std::sort(by_deadline.begin(), by_deadline.end(),
            [](const NullTimer* a, const NullTimer* b) { return a->deadline() < b->deadline(); });
  std::size_t next = 0;
  Instant deadline = far + std::chrono::minutes(1);
  NullTimer late;
  for (auto _ : state) {
    wheel.arm(*by_deadline[next++ % by_deadline.size()], deadline += std::chrono::microseconds(1));
    if (state.range(1) == 2) wheel.arm(late, deadline - std::chrono::nanoseconds(500));
    benchmark::DoNotOptimize(wheel.next_expiry());
  }
}
BENCHMARK(BM_ArmTheEarliestAnewAndAskForTheNext)->ArgsProduct({{100, 5000}, {0, 1, 2}});

}  // namespace
}  // namespace fluxor::runtime
