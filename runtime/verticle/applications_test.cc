#include "runtime/verticle/applications.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/verticle/test_tree.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

class ApplicationsTest : public testing::Test {
 protected:
  ~ApplicationsTest() override {
    EXPECT_TRUE(tree_->end());
    tree_.reset();
    EXPECT_EQ(live_frames(), frames_before_);
  }
  ApplicationSpec app(std::string name, std::vector<std::string> depends_on = {}, Duration takes = Duration(0),
                      std::string fails = "") {
    Talker::Script script = tree.says(name);
    script.start_takes = takes;
    script.start_fails = std::move(fails);
    return {.name = std::move(name), .depends_on = std::move(depends_on), .factory = [script] {
              return std::make_unique<Talker>(script);
            }};
  }
  std::string refusal(std::vector<ApplicationSpec> applications) {
    auto started = loop.start(start_applications(tree.root(), std::move(applications)));
    if (!started.ready()) return "it was begun";
    try {
      static_cast<void>(started.get());
    } catch (const ApplicationError& error) {
      return error.what();
    }
    return "it was taken";
  }

 private:
  const std::uint64_t frames_before_ = live_frames();
  std::unique_ptr<TestTree> tree_ = std::make_unique<TestTree>();

 protected:
  TestTree& tree = *tree_;
  TestLoop& loop = tree_->loop;
};

TEST_F(ApplicationsTest, StartSideBySideAfterWhatTheyDependOnAndStopInReverse) {
  auto started = loop.start(start_applications(
      tree.root(), {app("web", {"store", "cache"}), app("store", {}, 10ms), app("cache", {}, 5ms), app("log")}));
  EXPECT_EQ(tree.said(), (Words{"start store", "start cache", "start log", "up log"}));
  loop.advance(10ms - 1ns);
  EXPECT_EQ(tree.said(), Words{"up cache"});
  EXPECT_FALSE(started.ready());
  loop.advance(1ns);
  EXPECT_EQ(tree.said(), (Words{"up store", "start web", "up web"}));
  EXPECT_EQ(started.get().size(), 4U);
  tree.verticles.stop();
  loop.run_until_idle();
  // Those that were deployed first stop last.
  EXPECT_EQ(tree.said(),
            (Words{"stop web", "~web", "stop log", "~log", "stop cache", "~cache", "stop store", "~store"}));
}

TEST_F(ApplicationsTest, StopWhatHasStartedWhenOneFails) {
  auto started = loop.start(start_applications(
      tree.root(), {app("a"), app("b", {"a"}), app("slow", {}, 1h), app("bad", {"b"}, 1ms, "no disk")}));
  loop.advance(1ms);
  ASSERT_TRUE(started.ready());
  try {
    static_cast<void>(started.get());
    FAIL() << "it has started";
  } catch (const std::exception& error) {
    EXPECT_STREQ(error.what(), "no disk");
  }
  EXPECT_EQ(tree.said(), (Words{"start a", "up a", "start slow", "start b", "up b", "start bad", "~bad", "~slow",
                                "stop b", "~b", "stop a", "~a"}));
}

TEST_F(ApplicationsTest, AreRefusedWithTheCycleNamed) {
  EXPECT_EQ(refusal({app("a", {"b"}), app("b", {"c"}), app("c", {"b"}), app("d")}),
            "applications depend on each other in a cycle: b -> c -> b");
  EXPECT_EQ(refusal({app("a", {"a"})}), "applications depend on each other in a cycle: a -> a");
  EXPECT_EQ(refusal({app("a", {"x"})}), "application a depends on x, which is none");
  EXPECT_EQ(refusal({app("a"), app("a")}), "there are two applications called a");
  EXPECT_EQ(refusal({app("")}), "an application has no name");
  EXPECT_TRUE(tree.said().empty());
}

TEST_F(ApplicationsTest, MayBeNone) {
  auto started = loop.start(start_applications(tree.root(), {}));
  EXPECT_TRUE(started.get().empty());
}

TEST_F(ApplicationsTest, StopTheOthersWhateverOneThrowsWhenItStops) {
  auto odd = app("odd", {"a"});
  auto script = tree.says("odd");
  script.stops = []() -> Task<> {
    throw 42;
    co_return;
  };
  odd.factory = [script] { return std::make_unique<Talker>(script); };
  auto bad = app("bad", {"odd"});
  auto fails = tree.says("bad");
  fails.start_fails = "no disk";
  bad.factory = [fails] { return std::make_unique<Talker>(fails); };
  auto started = loop.start(start_applications(tree.root(), {app("a"), odd, bad}));
  try {
    static_cast<void>(started.get());
    FAIL();
  } catch (const std::exception& error) {
    EXPECT_STREQ(error.what(), "no disk");
  } catch (int) {
    ADD_FAILURE() << "what stop() threw instead of what failed first";
  }
  EXPECT_FALSE(tree.root().find("a"));
  EXPECT_EQ(loop.failures().size(), 1u);
}

}  // namespace
}  // namespace fluxor::runtime
