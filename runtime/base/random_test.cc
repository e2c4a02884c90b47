#include "runtime/base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <limits>
#include <set>
#include <thread>
#include <vector>

#include "runtime/testing/seeded_random.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kSeed = 20240607;  // of all statistics: they hold or fail for good

// Whether `hits` of `draws` fits a probability: within five standard deviations.
testing::AssertionResult fits(std::size_t hits, std::size_t draws, double probability) {
  const double expected = static_cast<double>(draws) * probability;
  const double deviation = std::sqrt(expected * (1 - probability));
  if (std::abs(static_cast<double>(hits) - expected) <= 5 * deviation) return testing::AssertionSuccess();
  return testing::AssertionFailure() << hits << " of " << draws << ", expected " << expected << " +- " << deviation
                                     << ", seed " << kSeed;
}

TEST(Random, DrawsEachBitAsOftenAsNot) {
  SeededRandom random(kSeed);
  constexpr std::size_t kDraws = 100'000;
  std::array<std::size_t, 64> ones{};
  std::array<std::size_t, 64> changes{};
  std::uint64_t before = random.next();
  for (std::size_t i = 0; i < kDraws; ++i) {
    const std::uint64_t now = random.next();
    for (std::size_t bit = 0; bit < 64; ++bit) {
      ones[bit] += now >> bit & 1;
      changes[bit] += (now ^ before) >> bit & 1;
    }
    before = now;
  }
  for (std::size_t bit = 0; bit < 64; ++bit) {
    EXPECT_TRUE(fits(ones[bit], kDraws, 0.5)) << bit;
    EXPECT_TRUE(fits(changes[bit], kDraws, 0.5)) << bit;
  }
}

TEST(Random, DrawsEveryNumberBelowABoundEquallyOften) {
  for (const std::uint64_t bound : {1U, 2U, 3U, 7U, 10U, 64U, 1000U}) {
    SeededRandom random(kSeed);
    constexpr std::size_t kDraws = 200'000;
    std::vector<std::size_t> hits(bound);
    for (std::size_t i = 0; i < kDraws; ++i) {
      const std::uint64_t drawn = random.below(bound);
      ASSERT_LT(drawn, bound);
      ++hits[drawn];
    }
    for (const std::size_t count : hits) EXPECT_TRUE(fits(count, kDraws, 1.0 / static_cast<double>(bound))) << bound;
  }
}

// With three quarters of all draws as bound, a plain modulo draws the lowest third too often, and a plain
// multiplication the multiples of three.
TEST(Random, IsUnbiasedBelowABoundThatDoesNotDivideAllDraws) {
  SeededRandom random(kSeed);
  constexpr std::uint64_t kThird = std::uint64_t{1} << 62;
  constexpr std::size_t kDraws = 100'000;
  std::array<std::size_t, 3> thirds{};
  std::array<std::size_t, 3> remainders{};
  for (std::size_t i = 0; i < kDraws; ++i) {
    const std::uint64_t drawn = random.below(3 * kThird);
    ASSERT_LT(drawn, 3 * kThird);
    ++thirds[drawn / kThird];
    ++remainders[drawn % 3];
  }
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(fits(thirds[i], kDraws, 1.0 / 3)) << i;
    EXPECT_TRUE(fits(remainders[i], kDraws, 1.0 / 3)) << i;
  }
}

TEST(RandomDeathTest, StopsWhenThereIsNothingToDrawFrom) {
  SeededRandom random(kSeed);
  EXPECT_DEATH(static_cast<void>(random.below(0)), "a number is drawn from at least one");
  EXPECT_DEATH(static_cast<void>(random.between(2ns, 1ns)), "a duration is drawn from an interval");
}

TEST(Random, DrawsDurationsOfAnIntervalWithBothEnds) {
  SeededRandom random(kSeed);
  std::set<Duration> drawn;
  for (int i = 0; i < 1000; ++i) drawn.insert(random.between(-2ns, 3ns));
  EXPECT_EQ(drawn, (std::set<Duration>{-2ns, -1ns, 0ns, 1ns, 2ns, 3ns}));
  EXPECT_EQ(random.between(5s, 5s), 5s);
}

TEST(Random, DrawsDurationsEvenlyOverALongInterval) {
  SeededRandom random(kSeed);
  constexpr std::size_t kDraws = 100'000;
  std::size_t early = 0;
  for (std::size_t i = 0; i < kDraws; ++i) early += random.between(100ms, 30s) < 100ms + 29'900ms / 4;
  EXPECT_TRUE(fits(early, kDraws, 0.25));
}

TEST(Random, DrawsFromAllDurationsThereAre) {
  SeededRandom random(kSeed);
  constexpr std::size_t kDraws = 10'000;
  std::size_t negative = 0;
  for (std::size_t i = 0; i < kDraws; ++i) negative += random.between(Duration::min(), Duration::max()) < 0ns;
  EXPECT_TRUE(fits(negative, kDraws, 0.5));
}

TEST(Random, TakesAChanceAsOftenAsItsProbabilitySays) {
  SeededRandom random(kSeed);
  constexpr std::size_t kDraws = 100'000;
  for (const double probability : {0.001, 0.25, 0.5, 0.9}) {
    std::size_t taken = 0;
    for (std::size_t i = 0; i < kDraws; ++i) taken += random.chance(probability) ? 1 : 0;
    EXPECT_TRUE(fits(taken, kDraws, probability)) << probability;
  }
}

// Draws the lowest or the highest number there is.
class Extreme final : public Random {
 public:
  explicit Extreme(std::uint64_t drawn) : drawn_(drawn) {}
  std::uint64_t next() noexcept override { return drawn_; }

 private:
  const std::uint64_t drawn_;
};

TEST(Random, NeverTakesAChanceOfZeroAndAlwaysACertainty) {
  Extreme lowest(0);
  Extreme highest(std::numeric_limits<std::uint64_t>::max());
  EXPECT_FALSE(lowest.chance(0));
  EXPECT_TRUE(highest.chance(1));
  EXPECT_TRUE(lowest.chance(0.001));
  EXPECT_FALSE(highest.chance(0.999));
}

TEST(SystemRandom, DrawsEachBitAndNeverTheSame) {
  SystemRandom random;
  std::set<std::uint64_t> drawn;
  std::uint64_t ever_one = 0;
  std::uint64_t always_one = ~std::uint64_t{0};
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t now = random.next();
    EXPECT_TRUE(drawn.insert(now).second);
    ever_one |= now;
    always_one &= now;
  }
  EXPECT_EQ(std::popcount(ever_one), 64);
  EXPECT_EQ(always_one, 0U);
}

TEST(SystemRandomThreads, DrawsOtherNumbersOnEachThread) {
  SystemRandom random;
  std::array<std::vector<std::uint64_t>, 4> drawn;
  std::vector<std::thread> threads;
  for (auto& mine : drawn) {
    threads.emplace_back([&random, &mine] {
      for (int i = 0; i < 1000; ++i) mine.push_back(random.next());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::uint64_t> all;
  for (const auto& each : drawn) all.insert(each.begin(), each.end());
  EXPECT_EQ(all.size(), 4000U);
}

}  // namespace
}  // namespace fluxor::runtime
