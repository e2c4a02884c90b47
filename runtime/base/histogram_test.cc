#include "runtime/base/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

std::size_t bucket_of(Duration duration) {
  return HistogramBuckets::index_of(static_cast<std::uint64_t>(duration.count()));
}

TEST(HistogramBuckets, HoldEveryDurationUpToTheirBoundAndNoneAboveIt) {
  Duration before = -1ns;
  for (std::size_t i = 0; i < HistogramBuckets::kOverflow; ++i) {
    const Duration bound = HistogramBuckets::upper_bound(i);
    ASSERT_GT(bound, before);
    ASSERT_EQ(bucket_of(before + 1ns), i);
    ASSERT_EQ(bucket_of(bound), i);
    ASSERT_EQ(bucket_of(bound + 1ns), i + 1);
    before = bound;
  }
  EXPECT_EQ(HistogramBuckets::upper_bound(HistogramBuckets::kOverflow), Duration::max());
  EXPECT_EQ(bucket_of(Duration::max()), HistogramBuckets::kOverflow);
}

TEST(HistogramBuckets, AreNarrowFromBelow64NanosecondsToAbove64Seconds) {
  EXPECT_EQ(bucket_of(3ns), 0U);
  EXPECT_EQ(bucket_of(4ns), 1U);
  EXPECT_LT(bucket_of(64s), HistogramBuckets::kOverflow);
  Duration before = -1ns;
  for (std::size_t i = 0; i < HistogramBuckets::kOverflow; ++i) {
    const Duration begin = before + 1ns;
    const Duration end = HistogramBuckets::upper_bound(i) + 1ns;
    ASSERT_LE(end - begin, std::max<Duration>(begin / 8, 4ns)) << i;
    before = end - 1ns;
  }
}

TEST(Histogram, TellsCountSumAndBucketOfWhatItObserved) {
  Histogram histogram;
  histogram.observe(5ns);
  histogram.observe(5ns);
  histogram.observe(3ms);
  histogram.observe(100s);
  const HistogramSnapshot snapshot = histogram.snapshot();
  EXPECT_EQ(snapshot.count, 4U);
  EXPECT_EQ(snapshot.sum_nanoseconds, 100'003'000'010U);
  EXPECT_EQ(snapshot.counts[bucket_of(5ns)], 2U);
  EXPECT_EQ(snapshot.counts[bucket_of(3ms)], 1U);
  EXPECT_EQ(snapshot.counts[HistogramBuckets::kOverflow], 1U);
}

TEST(Histogram, CountsANegativeDurationAsZero) {
  Histogram histogram;
  histogram.observe(-5s);
  EXPECT_EQ(histogram.snapshot().counts[0], 1U);
  EXPECT_EQ(histogram.snapshot().sum_nanoseconds, 0U);
}

TEST(HistogramSnapshot, IsZeroWhenThereIsNothing) {
  EXPECT_EQ(Histogram().snapshot().count, 0U);
  EXPECT_EQ(Histogram().snapshot().quantile(0.99), Duration::zero());
}

TEST(HistogramSnapshot, SaysThatAQuantileLiesBeyondTheLastBound) {
  Histogram histogram;
  histogram.observe(1ms);
  histogram.observe(70s);
  EXPECT_EQ(histogram.snapshot().quantile(0.5), HistogramBuckets::upper_bound(bucket_of(1ms)));
  EXPECT_EQ(histogram.snapshot().quantile(1), Duration::max());
}

TEST(HistogramSnapshot, TakesTheRankThatIsAskedForAndNotTheNext) {
  for (int percent = 1; percent <= 100; ++percent) {
    // `percent` short ones of a hundred: that share is short, and one more is not.
    Histogram histogram;
    for (int i = 0; i < 100; ++i) histogram.observe(i < percent ? 1us : 1s);
    const HistogramSnapshot snapshot = histogram.snapshot();
    EXPECT_LT(snapshot.quantile(percent / 100.0), 2us) << percent;
    if (percent < 100) EXPECT_GT(snapshot.quantile((percent + 0.5) / 100.0), 999ms) << percent;
  }
  Histogram histogram;
  histogram.observe(1us);
  histogram.observe(1s);
  EXPECT_EQ(histogram.snapshot().quantile(0), HistogramBuckets::upper_bound(bucket_of(1us)));
  EXPECT_GT(histogram.snapshot().quantile(1), 999ms);
}

// Of semantics: known latencies injected, the histograms read, each quantile within the error of a bucket.
TEST(HistogramSnapshot, TellsQuantilesOfKnownLatenciesWithinTheErrorOfABucket) {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    const auto histogram = std::make_unique<Histogram>();
    std::vector<Duration> latencies;
    const std::size_t count = 1 + random() % 5000;
    for (std::size_t i = 0; i < count; ++i) {
      latencies.emplace_back(static_cast<std::int64_t>(random() >> (28 + random() % 36)));  // up to 69 s, all scales
      histogram->observe(latencies.back());
    }
    std::sort(latencies.begin(), latencies.end());
    const HistogramSnapshot snapshot = histogram->snapshot();
    for (const int permille : {0, 1, 10, 250, 500, 900, 950, 990, 999, 1000}) {
      const std::size_t rank = std::max<std::size_t>(1, (count * static_cast<std::size_t>(permille) + 999) / 1000);
      const Duration exact = latencies[rank - 1];
      const Duration told = snapshot.quantile(permille / 1000.0);
      ASSERT_GE(told, exact) << permille;
      ASSERT_LT(told - exact, std::max<Duration>(exact / 8 + 1ns, 4ns)) << permille;
    }
  }
}

TEST(HistogramSnapshot, MergesLoopsAsIfOneHadObservedAll) {
  std::mt19937_64 random(7);
  Histogram all;
  std::vector<Histogram> loops(3);
  for (int i = 0; i < 10'000; ++i) {
    const Duration duration(static_cast<std::int64_t>(random() >> (24 + random() % 40)));
    loops[random() % loops.size()].observe(duration);
    all.observe(duration);
  }
  HistogramSnapshot merged;
  for (const Histogram& loop : loops) merged.merge(loop.snapshot());
  EXPECT_EQ(merged.counts, all.snapshot().counts);
  EXPECT_EQ(merged.count, 10'000U);
  EXPECT_EQ(merged.sum_nanoseconds, all.snapshot().sum_nanoseconds);
  EXPECT_EQ(merged.quantile(0.95), all.snapshot().quantile(0.95));
}

TEST(HistogramSnapshotDeathTest, StopsWhenAskedForMoreThanAll) {
  EXPECT_DEATH(static_cast<void>(HistogramSnapshot().quantile(95)), "a quantile is a share of all");
  EXPECT_DEATH(static_cast<void>(HistogramSnapshot().quantile(std::nan(""))), "a quantile is a share of all");
}

TEST(HistogramThreads, IsReadWhileItIsWrittenAndNeverGoesBack) {
  Histogram histogram;
  constexpr std::uint64_t kTimes = 20'000;
  std::thread writer([&histogram] {
    for (std::uint64_t i = 0; i < kTimes; ++i) histogram.observe(Duration(static_cast<std::int64_t>(i)));
  });
  HistogramSnapshot last;
  while (last.count != kTimes) {
    const HistogramSnapshot now = histogram.snapshot();
    for (std::size_t i = 0; i < now.counts.size(); ++i) ASSERT_GE(now.counts[i], last.counts[i]);
    ASSERT_GE(now.sum_nanoseconds, last.sum_nanoseconds);
    last = now;
  }
  writer.join();
  EXPECT_EQ(histogram.snapshot().sum_nanoseconds, kTimes * (kTimes - 1) / 2);
}

}  // namespace
}  // namespace fluxor::runtime
