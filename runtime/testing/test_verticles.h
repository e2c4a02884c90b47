#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/random.h"
#include "runtime/loop/event_loop.h"
#include "runtime/verticle/context.h"
#include "runtime/verticle/exit_reason.h"
#include "runtime/verticle/root.h"
#include "runtime/verticle/verticle.h"
#include "runtime/verticle/verticle_system.h"

namespace fluxor::runtime {

// A tree of verticles on loops that a test drives: its root has nothing of its own, and the test deploys below it.
//
//     ManualClock clock;
//     TestLoop loop(clock);
//     SeededRandom random(1);
//     TestVerticles verticles({&loop.loop()}, clock, random);
//     loop.run_until_idle();
//     auto deployed = loop.start(verticles.root().deploy<Feed>({.name = "feed"}));
//     …
//     verticles.stop();
//     loop.run_until_idle();  EXPECT_TRUE(verticles.ended());
//
// Thread:  the test's, which drives the loops.
// Owns:    the tree, which has to end before this is destroyed; not the loops.
class TestVerticles {
 public:
  // The first loop is the root's.
  TestVerticles(std::vector<EventLoop*> loops, const Clock& clock, Random& random,
                const VerticleSystemOptions& options = {}, Duration shutdown = std::chrono::minutes(1))
      : system_({.loops = loops, .clock = clock, .random = random, .log = log_}, options),
        root_(system_, *loops.front(), [this] { return std::make_unique<Main>(root_context_); }, shutdown,
              {.started = nullptr, .exited = [this](const ExitReason& reason) { exit_ = reason; }}) {
    root_.begin();
  }
  TestVerticles(const TestVerticles&) = delete;
  TestVerticles& operator=(const TestVerticles&) = delete;

  VerticleSystem& system() noexcept { return system_; }
  // Once its loop has run.
  Context& root() noexcept { return *root_context_; }
  const Root& tree() const noexcept { return root_; }

  // The tree ends, as its loops run.
  void stop() { root_.stop(); }
  bool ended() const noexcept { return exit_.has_value(); }
  const std::optional<ExitReason>& exit() const noexcept { return exit_; }

  // "error child failed verticle=a reason=crashed: boom", each.
  const std::vector<std::string>& log() const noexcept { return log_.lines; }

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
  class Lines final : public LogSink {
   public:
    void write(Severity severity, std::string_view message, std::span<const LogField> fields) noexcept override {
      std::string line = std::string(severity_name(severity)) + " " + std::string(message);
      for (const LogField& field : fields) line += " " + std::string(field.key) + "=" + std::string(field.value);
      lines.push_back(std::move(line));
    }
    std::vector<std::string> lines;
  };

  Lines log_;
  Context* root_context_ = nullptr;
  std::optional<ExitReason> exit_;
  VerticleSystem system_;
  Root root_;
};

}  // namespace fluxor::runtime
