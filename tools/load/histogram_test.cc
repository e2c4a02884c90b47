#include "tools/load/histogram.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>

namespace fluxor::load {
namespace {

TEST(Histogram, IsZeroWhileEmpty) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.quantile(0.5), 0);
  EXPECT_EQ(histogram.max(), 0);
}

TEST(Histogram, IsExactBelow256Nanoseconds) {
  Histogram histogram;
  for (int64_t value = 1; value <= 200; ++value) histogram.record(value);
  EXPECT_EQ(histogram.quantile(0.5), 100);
  EXPECT_EQ(histogram.quantile(0.99), 198);
  EXPECT_EQ(histogram.quantile(1), 200);
}

TEST(Histogram, NeverReportsLessAndAtMostOnePercentMore) {
  std::mt19937_64 random(20240607);
  for (int i = 0; i < 5'000; ++i) {
    const auto value = static_cast<int64_t>(random() >> (27 + random() % 37));
    Histogram histogram;
    histogram.record(value);
    histogram.record(Histogram::kHighest);  // else the maximum would cap the answer
    EXPECT_GE(histogram.quantile(0.5), value);
    EXPECT_LE(histogram.quantile(0.5), value + value / 128);
  }
}

TEST(Histogram, NeverReportsMoreThanTheMaximum) {
  Histogram histogram;
  histogram.record(1'000'001);
  EXPECT_EQ(histogram.quantile(0.999), 1'000'001);
}

TEST(Histogram, CountsTheSameValueManyTimes) {
  Histogram histogram;
  histogram.record(10, 99);
  histogram.record(200, 1);
  EXPECT_EQ(histogram.count(), 100U);
  EXPECT_EQ(histogram.quantile(0.99), 10);
  EXPECT_EQ(histogram.quantile(0.999), 200);
}

TEST(Histogram, IgnoresAValueThatOccurredNoTimes) {
  Histogram histogram;
  histogram.record(10, 0);
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.max(), 0);
}

TEST(Histogram, KeepsTheExactMaximumBeyondItsRange) {
  Histogram histogram;
  histogram.record(Histogram::kHighest * 4);
  EXPECT_EQ(histogram.max(), Histogram::kHighest * 4);
  EXPECT_EQ(histogram.quantile(0.5), Histogram::kHighest * 4);
}

TEST(Histogram, CountsATimeBeforeTheStartAsZero) {
  Histogram histogram;
  histogram.record(-5);
  EXPECT_EQ(histogram.quantile(0.5), 0);
}

TEST(Histogram, ForgetsEverythingOnReset) {
  Histogram histogram;
  histogram.record(1'000'000);
  histogram.reset();
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.max(), 0);
  histogram.record(3);
  EXPECT_EQ(histogram.quantile(1), 3);
}

}  // namespace
}  // namespace fluxor::load
