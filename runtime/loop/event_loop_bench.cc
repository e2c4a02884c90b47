#include "runtime/loop/event_loop.h"

#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "runtime/loop/call.h"
#include "runtime/loop/event_loop_group.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<EventLoopGroup> make_group(std::size_t loops, WaitKind wait, const Clock& clock) {
  auto group = EventLoopGroup::create({.loops = loops, .ring_capacity = 4096, .wait = wait}, clock, nullptr).value();
  group->start().value();
  return group;
}

// Question: how many events per second pass from a thread to a loop, posted, run and counted?
void BM_PostFromThreadToLoop(benchmark::State& state) {
  const SystemClock clock;
  auto group = make_group(1, WaitKind::adaptive, clock);
  EventLoop& loop = group->at(0);
  std::uint64_t handled = 0;  // the loop's
  std::uint64_t posted = 0;
  for (auto _ : state) {
    while (!loop.post([&handled] { ++handled; })) std::this_thread::yield();
    ++posted;
  }
  group->stop();
  if (handled != posted) state.SkipWithError("events were lost");
  state.SetItemsProcessed(static_cast<std::int64_t>(posted));
}
BENCHMARK(BM_PostFromThreadToLoop)->UseRealTime();

// Posts `left` counts to the other loop, as many as fit at a time, and itself again to its own for the rest.
struct Flood {
  EventLoop* from;
  EventLoop* to;
  std::uint64_t* handled;
  std::uint64_t left;
  void operator()() {
    for (int i = 0; i < 256 && left > 0; ++i, --left) {
      if (!to->post([handled = handled] { ++*handled; })) break;
    }
    if (left > 0) static_cast<void>(from->post(Flood(*this)));
  }
};

// Question: how many events per second pass from one loop to another, posted, run and counted?
void BM_PostFromLoopToLoop(benchmark::State& state) {
  constexpr std::uint64_t kEvents = 1 << 20;
  const SystemClock clock;
  auto group = make_group(2, WaitKind::adaptive, clock);
  std::uint64_t handled = 0;  // the second loop's
  std::uint64_t before = 0;
  for (auto _ : state) {
    before += kEvents;
    static_cast<void>(group->at(0).post(Flood{&group->at(0), &group->at(1), &handled, kEvents}));
    while (group->at(1).stats().ring_events < before) std::this_thread::sleep_for(100us);
  }
  group->stop();
  if (handled != before) state.SkipWithError("events were lost");
  state.SetItemsProcessed(static_cast<std::int64_t>(before));
}
BENCHMARK(BM_PostFromLoopToLoop)->UseRealTime()->Unit(benchmark::kMillisecond);

// Bounces between two loops.
struct Ball {
  EventLoop* here;
  EventLoop* there;
  std::uint64_t left;
  std::atomic<bool>* done;
  void operator()() const {
    if (left == 0) {
      done->store(true, std::memory_order_release);
      return;
    }
    static_cast<void>(there->post(Ball{there, here, left - 1, done}));
  }
};

// Question: how long does an event take there and back between two loops that spin?
void BM_PingPongOfSpinningLoops(benchmark::State& state) {
  constexpr std::uint64_t kRounds = 100'000;
  const SystemClock clock;
  auto group = make_group(2, WaitKind::busy_spin, clock);
  for (auto _ : state) {
    std::atomic<bool> done{false};
    static_cast<void>(group->at(0).post(Ball{&group->at(0), &group->at(1), 2 * kRounds, &done}));
    while (!done.load(std::memory_order_acquire)) std::this_thread::sleep_for(1ms);  // the cores are theirs
  }
  group->stop();
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRounds));
}
BENCHMARK(BM_PingPongOfSpinningLoops)->UseRealTime()->Unit(benchmark::kMillisecond);

// How a benchmark waits: with more threads than CPUs the kernel may want to run the loop where the benchmark spins.
enum class Waiting { spins, gives_way };

// Posts once to a loop that is in the state the benchmark wants, and returns how long until it ran.
Duration post_and_wait(EventLoop& loop, const Clock& clock, Waiting waiting = Waiting::spins) {
  std::atomic<Instant> ran{Instant()};
  const Instant begin = clock.now();
  static_cast<void>(loop.post([&ran, &clock] { ran.store(clock.now(), std::memory_order_release); }));
  Instant end;
  while ((end = ran.load(std::memory_order_acquire)) == Instant()) {
    if (waiting == Waiting::gives_way) std::this_thread::yield();
  }
  return end - begin;
}

void report(benchmark::State& state, std::vector<Duration>& samples) {
  std::sort(samples.begin(), samples.end());
  const auto at = [&](double q) {
    return static_cast<double>(samples[static_cast<std::size_t>(q * static_cast<double>(samples.size() - 1))].count());
  };
  state.counters["p50_us"] = at(0.5) / 1e3;
  state.counters["p99_us"] = at(0.99) / 1e3;
}

// Question: how long does a parked loop take to run what is posted, from the post to its beginning?
void BM_WakeUpOfAParkedLoop(benchmark::State& state) {
  const SystemClock clock;
  auto group = make_group(1, WaitKind::adaptive, clock);
  EventLoop& loop = group->at(0);
  std::vector<Duration> samples;
  for (auto _ : state) {
    while (!loop.parked()) std::this_thread::yield();
    std::this_thread::sleep_for(50us);  // it has said that it sleeps; now it does
    samples.push_back(post_and_wait(loop, clock));
    state.SetIterationTime(std::chrono::duration<double>(samples.back()).count());
  }
  report(state, samples);
}
BENCHMARK(BM_WakeUpOfAParkedLoop)->UseManualTime()->Iterations(3000)->Unit(benchmark::kMicrosecond);

// Question: and one that spins?
void BM_WakeUpOfASpinningLoop(benchmark::State& state) {
  const SystemClock clock;
  auto group = make_group(1, WaitKind::busy_spin, clock);
  EventLoop& loop = group->at(0);
  std::vector<Duration> samples;
  for (auto _ : state) {
    for (const Instant begin = clock.now(); clock.now() - begin < 20us;) {
    }
    samples.push_back(post_and_wait(loop, clock));
    state.SetIterationTime(std::chrono::duration<double>(samples.back()).count());
  }
  report(state, samples);
}
BENCHMARK(BM_WakeUpOfASpinningLoop)->UseManualTime()->Iterations(3000)->Unit(benchmark::kMicrosecond);

Duration cpu_time() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

// Question: what do 16 idle loops cost, in percent of a core, and how long does one take to wake up then?
void BM_SixteenIdleLoops(benchmark::State& state) {
  const SystemClock clock;
  auto group = make_group(16, WaitKind::adaptive, clock);
  std::this_thread::sleep_for(50ms);
  std::vector<Duration> samples;
  Duration used{0};
  Duration passed{0};
  for (auto _ : state) {
    const Duration cpu_before = cpu_time();
    const Instant begin = clock.now();
    std::this_thread::sleep_for(20ms);
    passed += clock.now() - begin;
    used += cpu_time() - cpu_before;
    samples.push_back(post_and_wait(group->next(), clock, Waiting::gives_way));
    state.SetIterationTime(std::chrono::duration<double>(samples.back()).count());
  }
  report(state, samples);
  state.counters["cpu_percent"] = 100 * static_cast<double>(used.count()) / static_cast<double>(passed.count());
}
BENCHMARK(BM_SixteenIdleLoops)->UseManualTime()->Iterations(500)->Unit(benchmark::kMicrosecond);

class Source final : public WorkSource {
 public:
  std::uint64_t left = 0;

 private:
  More work() override { return --left == 0 ? More::no : More::yes; }
};

// Question: what does a unit of work cost beside itself, with so many sources that all have some?
void BM_ServeSourcesOfWork(benchmark::State& state) {
  constexpr std::uint64_t kUnits = 1 << 16;
  const SystemClock clock;
  auto group = EventLoopGroup::create({.loops = 1}, clock, nullptr).value();
  EventLoop& loop = group->at(0);
  std::vector<Source> sources(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    for (Source& source : sources) {
      source.left = kUnits / sources.size();
      loop.make_ready(source);
    }
    loop.run_until_idle();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kUnits));
}
BENCHMARK(BM_ServeSourcesOfWork)->Arg(1)->Arg(16)->Arg(256);

// Keeps a loop busy with units of about `unit` for as long as `on`.
struct Hog {
  EventLoop* loop;
  const Clock* clock;
  const std::atomic<bool>* on;
  Duration unit;
  void operator()() const {
    for (const Instant begin = clock->now(); clock->now() - begin < unit;) {
    }
    if (on->load(std::memory_order_relaxed)) static_cast<void>(loop->post(Hog(*this)));
  }
};

class TimedSource final : public WorkSource {
 public:
  TimedSource(const Clock& clock, const std::atomic<bool>& on) : clock_(clock), on_(on) {}
  Instant since;
  std::vector<Duration> waits;  // of the trickle; a flood has none
  Duration unit{0};

 private:
  More work() override {
    if (unit == Duration::zero()) {
      waits.push_back(clock_.now() - since);
      return More::no;
    }
    for (const Instant begin = clock_.now(); clock_.now() - begin < unit;) {
    }
    return on_.load(std::memory_order_relaxed) ? More::yes : More::no;
  }
  const Clock& clock_;
  const std::atomic<bool>& on_;
};

// Question: with floods in the ring and at four other sources, units of 10 us each, how long does a trickle wait?
void BM_TrickleBesideFloods(benchmark::State& state) {
  const SystemClock clock;
  auto group = make_group(1, WaitKind::adaptive, clock);
  EventLoop& loop = group->at(0);
  std::atomic<bool> on{true};
  std::vector<std::unique_ptr<TimedSource>> floods;
  for (int i = 0; i < 4; ++i) {
    floods.push_back(std::make_unique<TimedSource>(clock, on));
    floods.back()->unit = 10us;
  }
  TimedSource trickle(clock, on);
  static_cast<void>(call(loop, [&] {
    for (int i = 0; i < 100; ++i) static_cast<void>(loop.post(Hog{&loop, &clock, &on, 10us}));
    for (const auto& flood : floods) loop.make_ready(*flood);
  }));
  for (auto _ : state) {
    std::this_thread::sleep_for(1ms);
    while (!call(loop, [&] {
      trickle.since = clock.now();
      loop.make_ready(trickle);
    })) {
    }
  }
  on.store(false);
  group->stop();
  report(state, trickle.waits);
}
BENCHMARK(BM_TrickleBesideFloods)->UseRealTime()->Iterations(1000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fluxor::runtime
