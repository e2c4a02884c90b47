#include "runtime/loop/event_loop_group.h"

#include <gtest/gtest.h>

#include <sched.h>

#include <atomic>
#include <future>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace fluxor::runtime {
namespace {

std::unique_ptr<EventLoopGroup> make_group(std::size_t loops, const Clock& clock) {
  return EventLoopGroup::create({.loops = loops, .ring_capacity = 64}, clock, nullptr).value();
}

TEST(EventLoopGroup, RefusesToHaveNoLoop) {
  const SystemClock clock;
  EXPECT_EQ(EventLoopGroup::create({.loops = 0}, clock, nullptr).error(), Errc::invalid);
}

TEST(EventLoopGroup, PicksEachLoopInTurn) {
  const SystemClock clock;
  auto group = make_group(3, clock);
  for (std::size_t i = 0; i < 9; ++i) EXPECT_EQ(group->next().id(), i % 3);
}

TEST(EventLoopGroup, PicksTheLoopWithTheFewestWaitingAndAmongEqualsEachInTurn) {
  const SystemClock clock;
  auto group = make_group(3, clock);
  std::set<std::size_t> picked;
  for (int i = 0; i < 3; ++i) picked.insert(group->least_loaded().id());
  EXPECT_EQ(picked.size(), 3U);
  for (const std::size_t busy : {0, 2, 2}) ASSERT_TRUE(group->at(busy).post([] {}));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(group->least_loaded().id(), 1U);
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(group->at(1).post([] {}));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(group->least_loaded().id(), 0U);
}

TEST(EventLoopGroup, PinsEachLoopToACpuOfItsOwn) {
  cpu_set_t allowed;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  const auto cpus = static_cast<std::size_t>(CPU_COUNT(&allowed));
  const SystemClock clock;
  auto group = EventLoopGroup::create({.loops = cpus, .pinning = Pinning::one_cpu_each}, clock, nullptr).value();
  ASSERT_TRUE(group->start());
  cpu_set_t used;
  CPU_ZERO(&used);
  for (std::size_t i = 0; i < cpus; ++i) {
    cpu_set_t of_loop;
    std::promise<void> read;
    ASSERT_TRUE(group->at(i).post([&] {
      EXPECT_EQ(::sched_getaffinity(0, sizeof(of_loop), &of_loop), 0);
      read.set_value();
    }));
    read.get_future().wait();
    EXPECT_EQ(CPU_COUNT(&of_loop), 1);
    CPU_OR(&used, &used, &of_loop);
  }
  EXPECT_TRUE(CPU_EQUAL(&used, &allowed));
}

TEST(EventLoopGroup, RefusesToPinMoreLoopsThanThereAreCpus) {
  const SystemClock clock;
  EXPECT_EQ(
      EventLoopGroup::create({.loops = CPU_SETSIZE + 1, .pinning = Pinning::one_cpu_each}, clock, nullptr).error(),
      Errc::invalid);
}

TEST(EventLoopGroup, PicksTheSameLoopForTheSameKeyAndSpreadsKeysEvenly) {
  const SystemClock clock;
  auto group = make_group(4, clock);
  std::vector<int> keys_on(4, 0);
  for (int i = 0; i < 4000; ++i) {
    const std::string key = "order-" + std::to_string(i);
    EventLoop& loop = group->by_key(key);
    EXPECT_EQ(&group->by_key(key), &loop);
    ++keys_on[loop.id()];
  }
  for (const int keys : keys_on) EXPECT_NEAR(keys, 1000, 150);
}

TEST(EventLoopGroup, KeepsTheLoopOfAKeyFromVersionToVersion) {
  const SystemClock clock;
  auto group = make_group(4, clock);
  // Figures of today: a change would move state of users from loop to loop.
  EXPECT_EQ(group->by_key("").id(), 3U);
  EXPECT_EQ(group->by_key("a").id(), 2U);
  EXPECT_EQ(group->by_key("order-17").id(), 1U);
}

TEST(EventLoopGroup, RunsEachLoopOnAThreadOfItsOwnAndWhatWasPostedBeforeItStops) {
  const SystemClock clock;
  auto group = make_group(3, clock);
  group->start().value();
  std::vector<std::thread::id> ids(3);
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(group->at(i).post([&ids, i] { ids[i] = std::this_thread::get_id(); }));
  }
  group->stop();
  group->stop();
  EXPECT_EQ(std::set<std::thread::id>(ids.begin(), ids.end()).size(), 3U);
  EXPECT_FALSE(std::set<std::thread::id>(ids.begin(), ids.end()).contains(std::thread::id()));
  EXPECT_EQ(group->at(0).post([] {}).error(), Errc::closed);
}

TEST(EventLoopGroup, StopsWhenDestroyedWhileItRuns) {
  const SystemClock clock;
  int ran = 0;
  {
    auto group = make_group(1, clock);
    group->start().value();
    ASSERT_TRUE(group->at(0).post([&ran] { ++ran; }));
  }
  EXPECT_EQ(ran, 1);
}

TEST(EventLoopGroupDeathTest, StopsWhenItIsStartedTwice) {
  const SystemClock clock;
  auto group = make_group(1, clock);
  EXPECT_DEATH(
      {
        group->start().value();
        group->start().value();
      },
      "a group is started once");
}

TEST(EventLoopGroup, StopsWhenDestroyedUnstarted) {
  const SystemClock clock;
  auto group = make_group(2, clock);
}

}  // namespace
}  // namespace fluxor::runtime
