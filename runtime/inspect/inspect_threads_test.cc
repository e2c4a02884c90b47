#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>

#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/random.h"
#include "runtime/inspect/inspect.h"
#include "runtime/loop/event_loop_group.h"
#include "runtime/task/sleep.h"
#include "runtime/verticle/context.h"
#include "runtime/verticle/root.h"
#include "runtime/verticle/verticle_system.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

class Silent final : public LogSink {
  void write(Severity, std::string_view, std::span<const LogField>) noexcept override {}
};

class Crashing final : public Verticle {
  Task<> start(Context& context) override {
    context.every(1ms, [] {});
    context.spawn([]() -> Task<> {
      co_await sleep_for(200us);
      throw std::runtime_error("as it does");
    });
    co_return;
  }
};

// Deploys and undeploys until it is stopped, on whatever loops there are, and looks at the tree itself.
class Restless final : public Verticle {
 public:
  Restless(const Root* const* root, std::atomic<int>* rounds) : root_(root), rounds_(rounds) {}
  Task<> start(Context& context) override {
    context.spawn(&Restless::change, this, &context);
    co_return;
  }

 private:
  Task<> change(Context* context) {
    for (;; ++*rounds_) {
      try {
        const auto supervisor = co_await context->deploy(
            SupervisorSpec{.intensity = {.restarts_max = 1000}}.child<Crashing>({}).child<Crashing>({}));
        const auto four = co_await context->deploy<Crashing>({.instances = 4});
        co_await sleep_for(500us);
        static_cast<void>(co_await inspect(**root_, {.timeout = 1ms}));
        if (four) static_cast<void>(co_await context->undeploy(*four));
        if (supervisor) static_cast<void>(co_await context->undeploy(*supervisor));
      } catch (const std::runtime_error&) {
        // One of them crashed before all had started.
      }
    }
  }
  const Root* const* const root_;
  std::atomic<int>* const rounds_;
};

TEST(InspectThreads, LooksFromOutsideWhileTheTreeChanges) {
  const SystemClock clock;
  SystemRandom random;
  Silent log;
  auto group = EventLoopGroup::create({.loops = 3}, clock, nullptr).value();
  ASSERT_TRUE(group->start());
  VerticleSystem system(
      {.loops = {&group->at(0), &group->at(1), &group->at(2)}, .clock = clock, .random = random, .log = log},
      {.backoff = {.second = 1ms, .longest = 1ms}});
  std::promise<void> started, ended;
  std::atomic<int> rounds = 0;
  const Root* self = nullptr;
  Root root(system, group->at(0), [&] { return std::make_unique<Restless>(&self, &rounds); }, 60s,
            {.started = [&] { started.set_value(); }, .exited = [&](const ExitReason&) { ended.set_value(); }});
  self = &root;
  ASSERT_TRUE(root.begin());
  started.get_future().get();
  int complete = 0;
  for (int looks = 0; complete < 50 || rounds < 50; ++looks) {
    const Inspection inspection =
        inspect_from_thread(root, {.timeout = looks % 2 == 0 ? Duration(10s) : Duration(100us)});
    if (!inspection.complete) continue;
    ++complete;
    ASSERT_TRUE(inspection.root.verticle);
    EXPECT_EQ(inspection.root.verticle->state, VerticleState::running);
    EXPECT_GE(inspection.root.verticle->tasks_count, 1U);
  }
  EXPECT_TRUE(root.stop());
  ended.get_future().get();
  EXPECT_TRUE(inspect_from_thread(root, {.timeout = 10s}).complete);
  group->stop();
  EXPECT_FALSE(inspect_from_thread(root, {.timeout = 10s}).complete);
}

}  // namespace
}  // namespace fluxor::runtime
