#include <benchmark/benchmark.h>
#include <malloc.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/random.h"
#include "runtime/loop/event_loop_group.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/testing/run_on.h"
#include "runtime/verticle/context.h"
#include "runtime/verticle/root.h"
#include "runtime/verticle/verticle.h"
#include "runtime/verticle/verticle_system.h"

// Verticles on real loops, as Runtime makes them: statistics on, and no log line lost for the sake of speed.
namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

class NoLog final : public LogSink {
  void write(Severity, std::string_view, std::span<const LogField>) noexcept override {}
};

// A tree on `loops` loops, whose root runs what a benchmark hands it.
class Tree {
 public:
  explicit Tree(std::size_t loops) {
    group_ = EventLoopGroup::create({.loops = loops}, clock_, nullptr).value();
    group_->start().value();
    system_ = std::make_unique<VerticleSystem>(
        VerticleSystem::Parts{.loops = group_->all(), .clock = clock_, .random = random_, .log = log_},
        VerticleSystemOptions{});
    std::promise<void> started;
    root_ = std::make_unique<Root>(
        *system_, group_->at(0), [this] { return std::make_unique<Main>(root_context_); }, 1min,
        Root::Callbacks{.started = [&started] { started.set_value(); },
                        .exited = [this](const ExitReason&) { ended_.set_value(); }});
    root_->begin();
    started.get_future().get();
  }
  ~Tree() {
    root_->stop();
    ended_.get_future().get();
    group_->stop();
  }

  EventLoop& loop() { return group_->at(0); }
  Context& root() { return *root_context_; }

  // On the root's loop.
  template <typename T>
  T run(Task<T> task) {
    return run_on(loop(), std::move(task));
  }

 private:
  class Main final : public Verticle {
   public:
    explicit Main(Context*& context) noexcept : context_(context) {}
    Task<> start(Context& context) override {
      context_ = &context;
      co_return;
    }

   private:
    Context*& context_;
  };

  SystemClock clock_;
  SystemRandom random_;
  NoLog log_;
  std::unique_ptr<EventLoopGroup> group_;
  std::unique_ptr<VerticleSystem> system_;
  std::promise<void> ended_;
  Context* root_context_ = nullptr;
  std::unique_ptr<Root> root_;
};

class Idle final : public Verticle {
 public:
  Task<> start(Context&) override { co_return; }
};

Task<double> deploy(Context* root, std::size_t count, std::vector<DeploymentId>* ids) {
  const auto begin = std::chrono::steady_clock::now();
  ids->push_back((co_await root->deploy<Idle>({.instances = count})).value());
  co_return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

Task<double> undeploy(Context* root, std::vector<DeploymentId>* ids) {
  const auto begin = std::chrono::steady_clock::now();
  for (const DeploymentId id : *ids) (co_await root->undeploy(id)).value();
  ids->clear();
  co_return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Question: how long does it take to deploy, and to undeploy, so many verticles at a time?  Seconds as counters.
void BM_DeployAndUndeploy(benchmark::State& state) {
  Tree tree(static_cast<std::size_t>(state.range(1)));
  std::vector<DeploymentId> ids;
  double deploying = 0;
  double undeploying = 0;
  for (auto _ : state) {
    deploying += tree.run(deploy(&tree.root(), static_cast<std::size_t>(state.range(0)), &ids));
    undeploying += tree.run(undeploy(&tree.root(), &ids));
  }
  state.counters["deploy_s"] = benchmark::Counter(deploying / static_cast<double>(state.iterations()));
  state.counters["undeploy_s"] = benchmark::Counter(undeploying / static_cast<double>(state.iterations()));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_DeployAndUndeploy)
    ->ArgNames({"verticles", "loops"})
    ->Args({1, 1})
    ->Args({1000, 1})
    ->Args({100'000, 1})
    ->Args({100'000, 2})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

// Question: the same, each by a call of its own, one after another.
Task<> deploy_one_by_one(Context* root, std::size_t count, std::vector<DeploymentId>* ids) {
  for (std::size_t i = 0; i < count; ++i) ids->push_back((co_await root->deploy<Idle>({})).value());
}
void BM_DeployOneByOne(benchmark::State& state) {
  Tree tree(1);
  std::vector<DeploymentId> ids;
  for (auto _ : state) {
    tree.run(deploy_one_by_one(&tree.root(), static_cast<std::size_t>(state.range(0)), &ids));
    tree.run(undeploy(&tree.root(), &ids));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_DeployOneByOne)->Arg(100'000)->Unit(benchmark::kMillisecond)->UseRealTime();

// Crashes when told to, and says when it is back.
class Phoenix final : public Verticle {
 public:
  struct Shared {
    std::chrono::steady_clock::time_point crashed;
    std::atomic<std::int64_t> nanoseconds{0};
    std::atomic<int> lives{0};
    Context* context = nullptr;
  };
  explicit Phoenix(Shared* shared) noexcept : shared_(shared) {}
  Task<> start(Context& context) override {
    shared_->context = &context;
    if (shared_->lives > 0) {
      shared_->nanoseconds += (std::chrono::steady_clock::now() - shared_->crashed).count();
    }
    ++shared_->lives;
    shared_->lives.notify_all();
    co_return;
  }

 private:
  Shared* const shared_;
};

Task<> crash(Phoenix::Shared* shared) {
  shared->crashed = std::chrono::steady_clock::now();
  throw std::runtime_error("boom");
  co_return;
}

// Question: how long after the throw does the next incarnation run its start()?
void BM_CrashAndRestart(benchmark::State& state) {
  Tree tree(static_cast<std::size_t>(state.range(0)));
  Phoenix::Shared shared;
  const auto supervise = [](Context* root, Phoenix::Shared* phoenix) -> Task<> {
    SupervisorSpec spec;
    spec.intensity = {.restarts_max = 1'000'000, .period = 1s};
    spec.child<Phoenix>({}, phoenix);
    (co_await root->deploy(std::move(spec))).value();
  };
  tree.run(supervise(&tree.root(), &shared));
  for (auto _ : state) {
    const int before = shared.lives;
    Context* const context = shared.context;
    while (!context->loop().post([context, &shared] { context->spawn(crash, &shared); })) {
    }
    shared.lives.wait(before);
  }
  state.counters["back_us"] =
      benchmark::Counter(static_cast<double>(shared.nanoseconds) / 1000 / static_cast<double>(state.iterations()));
}
BENCHMARK(BM_CrashAndRestart)->ArgName("loops")->Arg(1)->Arg(2)->UseRealTime();

// Of all arenas, as malloc counts it: its own headers among it.
std::size_t heap_in_use() {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

// Crashes as soon as it runs, so many times.
class Mayfly final : public Verticle {
 public:
  struct Shared {
    std::atomic<std::int64_t> left{0};
  };
  explicit Mayfly(Shared* shared) noexcept : shared_(shared) {}
  Task<> start(Context& context) override {
    if (shared_->left.fetch_sub(1) > 0) {
      context.spawn(&Mayfly::crash);
    } else {
      shared_->left.notify_all();
    }
    co_return;
  }

 private:
  static Task<> crash() {
    throw std::runtime_error("boom");
    co_return;
  }
  Shared* const shared_;
};

// Question: what does one life cost, from the start to the throw and to the next start?
void BM_CrashesInARow(benchmark::State& state) {
  constexpr std::int64_t kCrashes = 1000;
  Tree tree(1);
  const auto supervise = [](Context* root, Mayfly::Shared* shared) -> Task<DeploymentId> {
    SupervisorSpec spec;
    spec.intensity = {.restarts_max = 1'000'000'000, .period = Duration(1)};
    spec.child<Mayfly>({}, shared);
    co_return (co_await root->deploy(std::move(spec))).value();
  };
  const auto end = [](Context* root, DeploymentId id) -> Task<> { (co_await root->undeploy(id)).value(); };
  Mayfly::Shared shared;
  for (auto _ : state) {
    shared.left = kCrashes;
    const DeploymentId id = tree.run(supervise(&tree.root(), &shared));
    for (std::int64_t left = shared.left; left >= 0; left = shared.left) shared.left.wait(left);
    tree.run(end(&tree.root(), id));
  }
  state.SetItemsProcessed(state.iterations() * kCrashes);
}
BENCHMARK(BM_CrashesInARow)->UseRealTime();

class WithTimerAndChild final : public Verticle {
 public:
  Task<> start(Context& context) override {
    context.every(1h, [] {});
    (co_await context.deploy<Idle>({})).value();
  }
};

// Question: how many bytes of the heap does an idle verticle hold, and one with a timer and a task, or a child
// verticle?
template <typename V>
void BM_HeapBytes(benchmark::State& state) {
  Tree tree(1);
  constexpr std::size_t kCount = 10'000;
  const auto one_deployment_each = [](Context* root) -> Task<> {
    for (std::size_t i = 0; i < kCount; ++i) (co_await root->deploy<V>({})).value();
  };
  for (auto _ : state) {
    const auto before = heap_in_use();
    tree.run(one_deployment_each(&tree.root()));
    state.counters["bytes"] =
        benchmark::Counter(static_cast<double>(heap_in_use() - before) / static_cast<double>(kCount));
  }
}
class WithTimerAndTask final : public Verticle {
 public:
  Task<> start(Context& context) override {
    context.every(1h, [] {});
    context.spawn([]() -> Task<> { co_await sleep_for(1h); });
    co_return;
  }
};

BENCHMARK(BM_HeapBytes<Idle>)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_HeapBytes<WithTimerAndTask>)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_HeapBytes<WithTimerAndChild>)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fluxor::runtime
