#include "runtime/verticle/context.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>

#include "runtime/verticle/tree_fixture.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

class MonitorTest : public TreeTest {
 protected:
  MonitorTest() {
    deploy({.name = "a", .restart = Restart::temporary}, tree.says("a"));
    deploy({.name = "watcher"}, tree.says("w"));
    tree.said();
  }
  VerticleId a() { return *directory().find("a"); }
  // What the watcher's handler calls.
  auto note() {
    return [this](const Down& down) { tree.words.push_back("down " + down.reason.text()); };
  }
};

TEST_F(MonitorTest, FiresOnceWhenTheOneItWatchesHasCrashed) {
  tree.at("w").monitor(a(), note());
  tree.crash("a");
  EXPECT_EQ(tree.said(), (Words{"~a", "down crashed: boom"}));
  loop.advance(1min);
  EXPECT_TRUE(tree.said().empty());
}

TEST_F(MonitorTest, FiresAtOnceForOneThatIsNoMore) {
  const VerticleId id = a();
  tree.crash("a");
  tree.said();
  tree.at("w").monitor(id, note());
  EXPECT_TRUE(tree.said().empty());  // not from inside the call
  loop.run_until_idle();
  EXPECT_EQ(tree.said(), Words{"down unknown"});
  loop.advance(1min);
  EXPECT_TRUE(tree.said().empty());
}

TEST_F(MonitorTest, FiresForEachThatWasAskedFor) {
  tree.at("w").monitor(a(), note());
  tree.at("w").monitor(a(), note());
  tree.at("a").exit();
  loop.run_until_idle();
  EXPECT_EQ(tree.said(), (Words{"stop a", "~a", "down ended", "down ended"}));
}

class Resource final : public VerticleResource {
 public:
  Resource(Context& context, Words& words) : VerticleResource(context), words_(words) {}
  ~Resource() override { words_.push_back("released"); }

 private:
  void on_verticle_end() noexcept override { delete this; }
  Words& words_;
};

TEST_F(MonitorTest, FiresAfterResourcesAreReleased) {
  tree.at("w").monitor(a(), note());
  new Resource(tree.at("a"), tree.words);
  tree.crash("a");
  EXPECT_EQ(tree.said(), (Words{"released", "~a", "down crashed: boom"}));
}

TEST_F(MonitorTest, FiresNotAfterDemonitor) {
  const auto key = tree.at("w").monitor(a(), note());
  tree.at("w").demonitor(key);
  tree.crash("a");
  EXPECT_EQ(tree.said(), Words{"~a"});
}

TEST_F(MonitorTest, FiresNotAfterDemonitorAlsoIfItHasHappened) {
  const VerticleId id = a();
  tree.crash("a");
  tree.said();
  const auto key = tree.at("w").monitor(id, note());
  tree.at("w").demonitor(key);  // the notice waits
  loop.run_until_idle();
  EXPECT_TRUE(tree.said().empty());
}

TEST_F(MonitorTest, FiresNotAfterDemonitorAlsoIfItIsAboutToCall) {
  const VerticleId id = a();
  tree.crash("a");
  tree.said();
  const auto key = tree.at("w").monitor(id, note());
  // The notice is a signal and runs first; then the task that it spawns waits its turn.
  struct Demonitor final : ReadyNode {
    Demonitor(Context& context, std::uint64_t key) : context(context), key(key) {}
    void on_ready() override { context.demonitor(key); }
    Context& context;
    const std::uint64_t key;
  } demonitor(tree.at("w"), key);
  loop.loop().make_ready(demonitor);
  loop.run_until_idle();
  EXPECT_TRUE(tree.said().empty());
}

TEST_F(MonitorTest, EndsWithWhoWatches) {
  deploy({.name = "v", .restart = Restart::temporary}, tree.says("v"));
  tree.at("v").monitor(a(), note());
  tree.crash("v");
  tree.said();
  tree.crash("a");
  EXPECT_EQ(tree.said(), Words{"~a"});
}

TEST_F(MonitorTest, CrashesWhoWatchesWhenItsHandlerThrows) {
  tree.at("w").monitor(a(), [](const Down&) { throw std::runtime_error("handler"); });
  tree.crash("a");
  EXPECT_EQ(tree.said(), (Words{"~a", "~w", "start w", "up w"}));
}

Task<> note_later(Down down, Words* words) {
  co_await sleep_for(1s);
  words->push_back("later " + down.reason.text());
}

TEST_F(MonitorTest, CallsACoroutineWithItsArguments) {
  tree.at("w").monitor(a(), note_later, &tree.words);
  tree.crash("a");
  EXPECT_EQ(tree.said(), Words{"~a"});
  loop.advance(1s);
  EXPECT_EQ(tree.said(), Words{"later crashed: boom"});
}

}  // namespace
}  // namespace fluxor::runtime
