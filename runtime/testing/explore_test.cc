#include "runtime/testing/explore.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace fluxor::runtime {
namespace {

void two_events_on_each_of_two_loops(SimGroup& sim) {
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(sim.at(static_cast<std::size_t>(i) % 2).post([] {}));
  sim.run_until_idle();
}

TEST(Explore, CountsRunsAndDistinctInterleavings) {
  const Exploration explored = explore(200, {.loops = 2}, two_events_on_each_of_two_loops);
  EXPECT_EQ(explored.runs, 200U);
  EXPECT_EQ(explored.units, 800U);
  EXPECT_EQ(explored.interleavings, 6U) << "the ways of merging two with two";
}

TEST(Explore, RepeatsOneSeedWhenAsked) {
  ::setenv("FLUXOR_SEED", "17", 1);  // NOLINT(concurrency-mt-unsafe): one thread
  const Exploration explored = explore(200, {.loops = 2}, two_events_on_each_of_two_loops);
  ::unsetenv("FLUXOR_SEED");  // NOLINT(concurrency-mt-unsafe): one thread
  EXPECT_EQ(explored.runs, 1U);
}

TEST(ExploreDeathTest, StopsAtTheFirstSeedThatFailsAndNamesIt) {
  EXPECT_EXIT(
      {
        int runs = 0;
        explore(5, {.loops = 2}, [&runs](SimGroup&) {
          if (++runs == 3) ADD_FAILURE() << "the third";
        });
        std::_Exit(runs == 3 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "FLUXOR_SEED=3");
}

TEST(Explore, SaysThatASeedIsNoNumber) {
  ::setenv("FLUXOR_SEED", "seven", 1);  // NOLINT(concurrency-mt-unsafe): one thread
  EXPECT_NONFATAL_FAILURE(explore(1, {}, [](SimGroup&) {}), "is no number");
  ::unsetenv("FLUXOR_SEED");  // NOLINT(concurrency-mt-unsafe): one thread
}

}  // namespace
}  // namespace fluxor::runtime
