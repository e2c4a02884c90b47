#include "runtime/ring/multi_producer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "runtime/base/errc.h"

namespace fluxor::runtime {
namespace {

constexpr std::size_t kCapacity = 8;

TEST(MultiProducer, ClaimsPositionsInARow) {
  MultiProducer producers;
  const std::atomic<Sequence> consumed{0};
  EXPECT_EQ(producers.claim(1, kCapacity, consumed).value(), 0U);
  EXPECT_EQ(producers.claim(3, kCapacity, consumed).value(), 1U);
  EXPECT_EQ(producers.claim(1, kCapacity, consumed).value(), 4U);
  EXPECT_EQ(producers.claimed(), 5U);
}

TEST(MultiProducer, RefusesExactlyWhatWouldPassTheConsumer) {
  MultiProducer producers;
  std::atomic<Sequence> consumed{0};
  ASSERT_TRUE(producers.claim(5, kCapacity, consumed));
  EXPECT_EQ(producers.claim(4, kCapacity, consumed).error(), Errc::overloaded);
  EXPECT_EQ(producers.claimed(), 5U);
  ASSERT_TRUE(producers.claim(3, kCapacity, consumed));
  EXPECT_EQ(producers.claim(1, kCapacity, consumed).error(), Errc::overloaded);
  consumed = 1;
  EXPECT_EQ(producers.claim(2, kCapacity, consumed).error(), Errc::overloaded);
  EXPECT_EQ(producers.claim(1, kCapacity, consumed).value(), 8U);
}

TEST(MultiProducer, EndsWhereItWasClosed) {
  MultiProducer producers;
  const std::atomic<Sequence> consumed{0};
  ASSERT_TRUE(producers.claim(2, kCapacity, consumed));
  EXPECT_FALSE(producers.ended_at(2));
  producers.close();
  EXPECT_EQ(producers.claim(1, kCapacity, consumed).error(), Errc::closed);
  EXPECT_FALSE(producers.ended_at(1));
  EXPECT_TRUE(producers.ended_at(2));
  EXPECT_EQ(producers.claimed(), 2U);
}

TEST(MultiProducer, CallsAClosedRingClosedAlsoWhenItIsFull) {
  MultiProducer producers;
  const std::atomic<Sequence> consumed{0};
  ASSERT_TRUE(producers.claim(kCapacity, kCapacity, consumed));
  producers.close();
  EXPECT_EQ(producers.claim(1, kCapacity, consumed).error(), Errc::closed);
}

TEST(MultiProducerThreads, GivesEachPositionToOneOfThemAndNoneBeyondTheEnd) {
  for (int round = 0; round < 50; ++round) {
    MultiProducer producers;
    const std::atomic<Sequence> consumed{0};
    constexpr std::size_t kRoom = 1 << 20;
    std::vector<std::vector<Sequence>> got(3);
    std::vector<std::thread> threads;
    for (auto& mine : got) {
      threads.emplace_back([&producers, &consumed, &mine] {
        while (const auto position = producers.claim(2, kRoom, consumed)) mine.push_back(*position);
      });
    }
    while (producers.claimed() < 1000) std::this_thread::yield();
    producers.close();
    const Sequence end = producers.claimed();
    for (auto& thread : threads) thread.join();
    EXPECT_TRUE(producers.ended_at(end)) << "nothing is claimed once it is closed";
    std::vector<bool> taken(end / 2);
    for (const auto& mine : got) {
      for (const Sequence position : mine) {
        ASSERT_LT(position, end);
        ASSERT_FALSE(taken[position / 2]) << position;
        taken[position / 2] = true;
      }
    }
  }
}

}  // namespace
}  // namespace fluxor::runtime
