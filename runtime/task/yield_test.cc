#include "runtime/task/yield.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "runtime/task/scope.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/test_loop.h"

namespace fluxor::runtime {
namespace {

using Words = std::vector<std::string>;

Task<> step(std::string name, int times, Words& words) {
  try {
    for (int i = 0; i < times; ++i) {
      words.push_back(name);
      co_await yield();
    }
  } catch (const Cancelled&) {
    words.push_back(name + " cancelled");
    throw;
  }
}

class YieldTest : public testing::Test {
 protected:
  template <typename Body>
  static Task<> in_scope(Body body) {
    co_await with_scope([&](Scope& scope) -> Task<> {
      body(scope);
      co_return;
    });
  }

  ManualClock clock;
  TestLoop loop{clock};
  Words words;
};

TEST_F(YieldTest, GoesOnAfterAllThatIsReady) {
  auto run = loop.start(in_scope([this](Scope& scope) {
    scope.spawn(step, std::string("a"), 2, std::ref(words));
    scope.spawn(step, std::string("b"), 2, std::ref(words));
  }));
  EXPECT_EQ(words, (Words{"a", "b", "a", "b"}));
  EXPECT_TRUE(run.ready());
}

TEST_F(YieldTest, EndsThereInATaskThatWasToldToStopBefore) {
  const auto stops = [](Words& log) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.cancel();
      co_await step("body", 2, log);
    });
  };
  auto run = loop.start(stops(words));
  EXPECT_EQ(words, (Words{"body", "body cancelled"}));
}

TEST_F(YieldTest, EndsThereInATaskThatIsToldToStopWhileItWaits) {
  auto run = loop.start(in_scope([this](Scope& scope) {
    auto child = scope.spawn(step, std::string("a"), 3, std::ref(words));
    scope.spawn(
        [](Child<> other) -> Task<> {
          other.cancel();
          co_return;
        },
        std::move(child));
  }));
  EXPECT_EQ(words, (Words{"a", "a cancelled"}));
}

}  // namespace
}  // namespace fluxor::runtime
