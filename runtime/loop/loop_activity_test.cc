#include "runtime/loop/loop_activity.h"

#include <gtest/gtest.h>

#include <string>

namespace fluxor::runtime {
namespace {

TEST(LoopActivity, ProgressesWithEachUnitAndStage) {
  LoopActivity activity;
  const auto before = activity.progress();
  activity.enter(Stage::ring);
  activity.handle(typeid(int));
  activity.move_on();
  EXPECT_EQ(activity.progress(), before + 3);
}

TEST(LoopActivity, NamesStageAndHandlerOfNow) {
  LoopActivity activity;
  EXPECT_EQ(activity.handler(), nullptr);
  activity.enter(Stage::ring);
  activity.handle(typeid(std::string));
  EXPECT_EQ(activity.stage(), Stage::ring);
  EXPECT_EQ(*activity.handler(), typeid(std::string));
  activity.enter(Stage::timers);
  EXPECT_EQ(activity.handler(), nullptr) << "of the stage before";
}

TEST(LoopActivity, HasANameForEachStage) {
  EXPECT_EQ(stage_name(Stage::control), "control lane");
  EXPECT_EQ(stage_name(static_cast<Stage>(200)), "unknown");
}

TEST(ActivityLabel, CountsWhileItLivesAndGivesWayToTheOneInside) {
  LoopActivity activity;
  {
    const ActivityLabel outer(activity, "outer");
    {
      const ActivityLabel inner(activity, "inner");
      EXPECT_STREQ(activity.label(), "inner");
    }
    EXPECT_STREQ(activity.label(), "outer");
  }
  EXPECT_EQ(activity.label(), nullptr);
}

class Sleeper final : public WakeWatcher {
 public:
  using WakeWatcher::set_asleep;
  int awakened = 0;

 private:
  void on_first_awake() noexcept override { ++awakened; }
};

TEST(WakeWatcher, IsToldOnlyWhileItSleeps) {
  Sleeper sleeper;
  sleeper.loop_awake();
  EXPECT_EQ(sleeper.awakened, 0);
  sleeper.set_asleep(true);
  sleeper.loop_awake();
  EXPECT_EQ(sleeper.awakened, 1);
}

}  // namespace
}  // namespace fluxor::runtime
