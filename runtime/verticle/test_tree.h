#pragma once

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/task/frame_pool.h"
#include "runtime/task/sleep.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/seeded_random.h"
#include "runtime/testing/started.h"
#include "runtime/testing/test_loop.h"
#include "runtime/testing/test_verticles.h"
#include "runtime/verticle/context.h"
#include "runtime/verticle/verticle.h"

namespace fluxor::runtime {

using Words = std::vector<std::string>;

// A verticle that says what happens to it, and does what a test tells it.
class Talker final : public Verticle {
 public:
  struct Script {
    Words* words = nullptr;
    std::string name;
    Duration start_takes{0};
    std::string start_fails{};  // with this text
    std::string stop_fails{};
    Duration stop_takes{0};
    std::function<void(Context&)> on_start{};
  };

  explicit Talker(Script script) : script_(std::move(script)) {}
  ~Talker() override { say("~"); }

  Task<> start(Context& context) override {
    say("start ");
    if (script_.start_takes > Duration::zero()) co_await sleep_for(script_.start_takes);
    if (!script_.start_fails.empty()) throw std::runtime_error(script_.start_fails);
    if (script_.on_start) script_.on_start(context);
    say("up ");
  }
  Task<> stop() override {
    say("stop ");
    if (script_.stop_takes > Duration::zero()) co_await sleep_for(script_.stop_takes);
    if (!script_.stop_fails.empty()) throw std::runtime_error(script_.stop_fails);
  }

 private:
  void say(const std::string& word) { script_.words->push_back(word + script_.name); }
  const Script script_;
};

inline Task<> crash_after(Duration delay, std::string text) {
  co_await sleep_for(delay);
  throw std::runtime_error(text);
}

// What came out of an awaited task, in a word.
template <typename T>
std::string end_of(Started<T>& started) {
  if (!started.ready()) return "runs";
  try {
    const auto result = started.get();
    return result ? "ok" : result.error().message();
  } catch (const std::exception& error) {
    return error.what();
  }
}

// One loop, one tree.
class TestTree {
 public:
  explicit TestTree(const VerticleSystemOptions& options = {}) : verticles({&loop.loop()}, clock, random, options) {
    loop.run_until_idle();
  }
  // Ends the tree; false if it has not by then.
  bool end() {
    verticles.stop();
    loop.advance(std::chrono::seconds(100));
    return verticles.ended();
  }
  Context& root() { return verticles.root(); }
  Talker::Script says(std::string name) { return {.words = &words, .name = std::move(name)}; }
  // What was said since the last call.
  Words said() { return std::exchange(words, {}); }

  ManualClock clock;
  TestLoop loop{clock};
  SeededRandom random{1};
  Words words;
  TestVerticles verticles;
};

}  // namespace fluxor::runtime
