#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <map>
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
    std::map<std::string, Context*>* contexts = nullptr;  // of those that live, by name
    std::string name;
    Duration start_takes{0};
    std::string start_fails{};  // with this text
    std::string stop_fails{};
    Duration stop_takes{0};
    std::function<void(Context&)> on_start{};
    std::function<Task<>(Context&)> starts{};  // the same, for what has to wait
    std::function<Task<>()> stops{};
  };

  explicit Talker(Script script) : script_(std::move(script)) {}
  ~Talker() override {
    say("~");
    const auto found = script_.contexts->find(script_.name);
    if (found != script_.contexts->end() && found->second == context_) script_.contexts->erase(found);
  }

  Task<> start(Context& context) override {
    say("start ");
    context_ = &context;
    (*script_.contexts)[script_.name] = &context;
    if (script_.start_takes > Duration::zero()) co_await sleep_for(script_.start_takes);
    if (!script_.start_fails.empty()) throw std::runtime_error(script_.start_fails);
    if (script_.on_start) script_.on_start(context);
    if (script_.starts) co_await script_.starts(context);
    say("up ");
  }
  Task<> stop() override {
    say("stop ");
    if (script_.stop_takes > Duration::zero()) co_await sleep_for(script_.stop_takes);
    if (script_.stops) co_await script_.stops();
    if (!script_.stop_fails.empty()) throw std::runtime_error(script_.stop_fails);
  }

 private:
  void say(const std::string& word) { script_.words->push_back(word + script_.name); }
  const Script script_;
  Context* context_ = nullptr;
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
  Talker::Script says(std::string name) { return {.words = &words, .contexts = &contexts, .name = std::move(name)}; }
  // Of a talker that lives.
  Context& at(const std::string& name) { return *contexts.at(name); }
  void crash(const std::string& name, const std::string& text = "boom") {
    at(name).crash(std::make_exception_ptr(std::runtime_error(text)));
    loop.run_until_idle();
  }
  // What was said since the last call.
  Words said() { return std::exchange(words, {}); }

  ManualClock clock;
  TestLoop loop{clock};
  SeededRandom random{1};
  Words words;
  std::map<std::string, Context*> contexts;
  TestVerticles verticles;
};

}  // namespace fluxor::runtime
