#include "runtime/verticle/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>

#include "runtime/base/clock.h"
#include "runtime/testing/seeded_random.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

class Lowest final : public Random {
 public:
  std::uint64_t next() noexcept override { return 1 << 30; }  // 0 would be drawn again
};

constexpr Instant kBegin = Instant(1000s);
constexpr BackoffOptions kOptions{};

TEST(Backoff, WaitsNotAtAllThen100msDoublingTo30s) {
  // Of each delay the longest and the shortest that are drawn.
  const Duration full[] = {0ms, 100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 6400ms, 12800ms, 25600ms, 30000ms, 30000ms};
  SeededRandom random(1);
  Duration longest[12] = {}, shortest[12];
  std::fill(std::begin(shortest), std::end(shortest), Duration::max());
  for (int run = 0; run < 2000; ++run) {
    Backoff backoff;
    for (int i = 0; i < 12; ++i) {
      const Duration delay = backoff.next(kOptions, kBegin, random);
      longest[i] = std::max(longest[i], delay);
      shortest[i] = std::min(shortest[i], delay);
      EXPECT_LE(delay, full[i]);
      EXPECT_GE(delay, full[i] / 2);
    }
  }
  for (int i = 1; i < 12; ++i) {
    EXPECT_GT(longest[i], full[i] * 99 / 100) << i;
    EXPECT_LT(shortest[i], full[i] * 51 / 100) << i;
  }
}

TEST(Backoff, DrawsTheLowerEndOfTheUpperHalfAtLeast) {
  Lowest random;
  Backoff backoff;
  EXPECT_EQ(backoff.next(kOptions, kBegin, random), 0ms);
  EXPECT_EQ(backoff.next(kOptions, kBegin, random), 50ms);
  EXPECT_EQ(backoff.next(kOptions, kBegin, random), 100ms);
}

TEST(Backoff, BeginsAnewAfterAQuietMinute) {
  Lowest random;
  Backoff backoff;
  for (int i = 0; i < 4; ++i) backoff.next(kOptions, kBegin, random);
  EXPECT_EQ(backoff.next(kOptions, kBegin + 1min - 1ns, random), 400ms);
  EXPECT_EQ(backoff.next(kOptions, kBegin + 2min - 1ns, random), 0ms);
  EXPECT_EQ(backoff.next(kOptions, kBegin + 2min, random), 50ms);
}

TEST(Backoff, DoublesAsItIsTold) {
  Lowest random;
  constexpr BackoffOptions kOptions{.first = 1s, .second = 4s, .longest = 10s, .quiet = 1s};
  Backoff backoff;
  EXPECT_EQ(backoff.next(kOptions, kBegin, random), 1s);
  EXPECT_EQ(backoff.next(kOptions, kBegin, random), 2s);
  EXPECT_EQ(backoff.next(kOptions, kBegin, random), 4s);
  EXPECT_EQ(backoff.next(kOptions, kBegin, random), 5s);
  EXPECT_EQ(backoff.next(kOptions, kBegin + 1s, random), 1s);
}

TEST(Backoff, NeedsNoLongest) {
  SeededRandom random(1);
  Backoff backoff;
  static_cast<void>(backoff.next({}, kBegin, random));
  for (int i = 0; i < 100; ++i) {
    EXPECT_GE(backoff.next({.longest = Duration::max()}, kBegin, random), 50ms);
  }
}

}  // namespace
}  // namespace fluxor::runtime
