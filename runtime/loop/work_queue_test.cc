#include "runtime/loop/work_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMany = std::numeric_limits<std::size_t>::max();

// A source with so many units of work, each of which takes `cost` on the test's clock.
class Source final : public WorkSource {
 public:
  Source(Duration& time, Duration cost, std::size_t units) : cost(cost), units(units), time_(time) {}

  Duration cost;
  std::size_t units;
  std::size_t done = 0;
  std::function<void()> during = [] {};

 private:
  More work() override {
    if (units == 0) return More::no;
    --units;
    ++done;
    time_ += cost;
    const More more = units == 0 ? More::no : More::yes;
    const std::function<void()> call = during;
    call();  // perhaps destroys us
    return more;
  }
  Duration& time_;
};

class WorkQueueTest : public testing::Test {
 protected:
  // One span, measured on the test's clock.
  std::size_t span(std::size_t units_max = kMany) {
    const Duration before = time;
    struct Measure {
      WorkQueue& queue;
      Duration& time;
      Duration before;
      ~Measure() { queue.measured(time - before); }
    } const measure{queue, time, before};
    return queue.run(units_max, [this](const WorkSource& source) { order.push_back(&source); });
  }
  void run_for(Duration duration) {
    const Duration end = time + duration;
    while (time < end && !queue.empty()) span();
  }

  Duration time{0};
  WorkQueue queue{100us};
  std::vector<const WorkSource*> order;
};

TEST_F(WorkQueueTest, RunsASourceUntilItIsDry) {
  Source source(time, 1us, 100);
  queue.push(source);
  queue.push(source);  // queued already
  EXPECT_EQ(queue.size(), 1U);
  while (!queue.empty()) span();
  EXPECT_EQ(source.done, 100U);
  EXPECT_FALSE(source.queued());
  EXPECT_EQ(queue.ran(), 100U);
}

TEST_F(WorkQueueTest, GivesSourcesEqualSharesOfTimeNotOfUnits) {
  Source slow(time, 70us, kMany);
  Source quick(time, 7us, kMany);
  Source cheap(time, 700ns, kMany);
  for (Source* source : {&slow, &quick, &cheap}) queue.push(*source);
  run_for(1s);
  for (Source* source : {&slow, &quick, &cheap}) {
    EXPECT_NEAR(static_cast<double>((source->cost * source->done).count()), 1e9 / 3, 2e6);
  }
}

TEST_F(WorkQueueTest, HoldsUpATrickleByOneQuantumAndOneUnitPerSourceThatFloods) {
  Source flood(time, 30us, kMany);
  Source other_flood(time, 500ns, kMany);
  Source trickle(time, 5us, 0);
  queue.push(flood);
  queue.push(other_flood);
  run_for(10ms);
  for (int i = 0; i < 100; ++i) {
    trickle.units = 1;
    queue.push(trickle);
    const Duration begin = time;
    while (trickle.queued()) span();
    EXPECT_LE(time - begin, (100us + 30us) + (100us + 32 * 500ns) + 5us);
    run_for(1ms);
  }
}

TEST_F(WorkQueueTest, TakesBackInLaterRoundsWhatOneLongUnitTook) {
  Source big(time, 1ms, kMany);
  Source small(time, 10us, kMany);
  queue.push(big);
  queue.push(small);
  run_for(100ms);
  const double ratio =
      static_cast<double>((big.cost * big.done).count()) / static_cast<double>((small.cost * small.done).count());
  EXPECT_NEAR(ratio, 1.0, 0.05);
}

TEST_F(WorkQueueTest, ShutsNobodyOutForLongAfterAVeryLongUnit) {
  Source held(time, 3s, 1);
  Source other(time, 10us, kMany);
  queue.push(held);
  queue.push(other);
  while (held.done == 0) span();
  held.cost = 10us;
  held.units = kMany;
  queue.push(held);
  const std::size_t before = other.done;
  while (held.done == 1) span();
  EXPECT_LE(10us * (other.done - before), 65 * 100us + 10us);
}

TEST_F(WorkQueueTest, KeepsNoCreditForASourceThatWasIdle) {
  Source now_and_then(time, 1us, 1);
  Source flood(time, 1us, kMany);
  queue.push(flood);
  for (int i = 0; i < 100; ++i) {
    now_and_then.units = 1;
    queue.push(now_and_then);
    run_for(1ms);
  }
  now_and_then.units = kMany;
  queue.push(now_and_then);
  order.clear();
  run_for(10ms);
  // Never more than a round in a row.
  std::size_t in_a_row = 0;
  for (const WorkSource* source : order) {
    in_a_row = source == &now_and_then ? in_a_row + 1 : 0;
    ASSERT_LE(in_a_row, 100U);
  }
}

TEST_F(WorkQueueTest, OwesNothingWhenNobodyElseWaits) {
  Source alone(time, 3s, 2);
  queue.push(alone);
  span();
  EXPECT_EQ(span(), 1U) << "in debt, but to nobody";
}

TEST_F(WorkQueueTest, EndsARoundAlsoWhereTimeStandsStill) {
  Source first(time, 0ns, kMany);
  Source second(time, 0ns, kMany);
  queue.push(first);
  queue.push(second);
  for (int i = 0; i < 100; ++i) span();
  EXPECT_GT(second.done, 0U);
  EXPECT_LE(first.done > second.done ? first.done - second.done : second.done - first.done, 1100U);
}

TEST_F(WorkQueueTest, MeasuresUnitByUnitWhatItDoesNotKnow) {
  Source source(time, 700ns, kMany);
  queue.push(source);
  EXPECT_EQ(span(), 1U);
  EXPECT_GT(span(), 1U) << "known to be cheap";
}

TEST_F(WorkQueueTest, MeasuresUnitByUnitWhatIsNotCheap) {
  Source source(time, 5us, kMany);
  queue.push(source);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(span(), 1U);
}

TEST_F(WorkQueueTest, BoundsASpanHoweverCheapItsUnits) {
  Source source(time, 1ns, kMany);
  queue.push(source);
  span();
  EXPECT_EQ(span(), 32U);
  EXPECT_EQ(span(5), 5U);
}

TEST_F(WorkQueueTest, FindsOutWhichOfManyCheapSourcesBecameSlow) {
  std::vector<std::unique_ptr<Source>> sources;
  for (int i = 0; i < 8; ++i) {
    sources.push_back(std::make_unique<Source>(time, 100ns, kMany));
    queue.push(*sources.back());
  }
  run_for(10ms);
  std::vector<std::size_t> before;
  for (const auto& source : sources) before.push_back(source->done);
  sources[3]->cost = 200us;
  run_for(100ms);
  EXPECT_NEAR(static_cast<double>(sources[3]->done - before[3]) * 200e3, 1e8 / 8, 1e6);
  for (const std::size_t i : {0, 1, 2, 4, 5, 6, 7}) {
    EXPECT_NEAR(static_cast<double>(sources[i]->done - before[i]) * 100, 1e8 / 8, 1e6) << i;
  }
}

TEST_F(WorkQueueTest, AsksAgainAfterAnException) {
  Source source(time, 1us, 3);
  source.during = [&] {
    if (source.done == 1) throw std::runtime_error("unit");
  };
  queue.push(source);
  EXPECT_THROW(span(), std::runtime_error);
  EXPECT_TRUE(source.queued());
  while (!queue.empty()) span();
  EXPECT_EQ(source.done, 3U);
}

TEST_F(WorkQueueTest, FindsNothingAfterAnExceptionInTheLastUnit) {
  Source source(time, 1us, 1);
  source.during = [] { throw std::runtime_error("unit"); };
  queue.push(source);
  EXPECT_THROW(span(), std::runtime_error);
  span();
  EXPECT_TRUE(queue.empty());
}

TEST_F(WorkQueueTest, LetsASourceBeDestroyedInItsOwnUnit) {
  // In its first or a later one, which is known to be cheap by then, and in its last.
  for (const std::size_t units : {1, 3, 50}) {
    for (const std::size_t last : {1, 50}) {
      auto source = std::make_unique<Source>(time, 100ns, units);
      source->during = [&] {
        if (source->done == std::min(last, units)) source.reset();
      };
      Source other(time, 100ns, 3);
      queue.push(*source);
      queue.push(other);
      while (!queue.empty()) span();
      EXPECT_EQ(source, nullptr);
      EXPECT_EQ(other.done, 3U);
    }
  }
}

TEST_F(WorkQueueTest, LetsASourceBeRemovedAndQueuedAgainInItsOwnUnit) {
  Source source(time, 1us, 3);
  source.during = [&] {
    queue.remove(source);
    queue.remove(source);
    if (source.units != 0) queue.push(source);
  };
  queue.push(source);
  while (!queue.empty()) span();
  EXPECT_EQ(source.done, 3U);
  EXPECT_EQ(queue.size(), 0U);
}

TEST_F(WorkQueueTest, LetsASourceBeDestroyedWhileItWaits) {
  auto victim = std::make_unique<Source>(time, 1us, 3);
  Source first(time, 1us, 1);
  first.during = [&] { victim.reset(); };
  Source last(time, 1us, 1);
  queue.push(first);
  queue.push(*victim);
  queue.push(last);
  while (!queue.empty()) span();
  EXPECT_EQ(last.done, 1U);
}

TEST_F(WorkQueueTest, LetsGoOfItsSourcesWhenItIsDestroyed) {
  Source source(time, 1us, 1);
  {
    WorkQueue other(1us);
    other.push(source);
  }
  EXPECT_FALSE(source.queued());
}

TEST_F(WorkQueueTest, LosesNoUnitHoweverSourcesComeAndGo) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::vector<std::unique_ptr<Source>> sources;
  std::size_t given = 0;
  std::size_t done = 0;
  for (int i = 0; i < 10; ++i) {
    sources.push_back(std::make_unique<Source>(time, Duration(random() % 3000), 0));
    sources.back()->during = [&] { ++done; };
  }
  for (int step = 0; step < 20'000; ++step) {
    Source& source = *sources[random() % sources.size()];
    const std::size_t more = random() % 8;
    given += more;
    source.units += more;
    if (source.units != 0) queue.push(source);
    for (std::size_t spans = random() % 3; spans > 0; --spans) span(1 + random() % 40);
  }
  while (!queue.empty()) span();
  EXPECT_EQ(done, given);
}

}  // namespace
}  // namespace fluxor::runtime
