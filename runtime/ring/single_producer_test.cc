#include "runtime/ring/single_producer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "runtime/ring/asymmetric_barrier.h"

namespace fluxor::runtime {
namespace {

constexpr std::size_t kCapacity = 8;

TEST(SingleProducer, ClaimsPositionsInARow) {
  SingleProducer producer;
  const std::atomic<Sequence> consumed{0};
  EXPECT_EQ(producer.claim(1, kCapacity, consumed).value(), 0U);
  EXPECT_EQ(producer.claim(3, kCapacity, consumed).value(), 1U);
  EXPECT_EQ(producer.claim(1, kCapacity, consumed).value(), 4U);
  EXPECT_EQ(producer.claimed(), 5U);
}

TEST(SingleProducer, RefusesExactlyWhatWouldPassTheConsumer) {
  SingleProducer producer;
  std::atomic<Sequence> consumed{0};
  ASSERT_TRUE(producer.claim(5, kCapacity, consumed));
  EXPECT_EQ(producer.claim(4, kCapacity, consumed).error(), Errc::overloaded);
  ASSERT_TRUE(producer.claim(3, kCapacity, consumed));
  EXPECT_EQ(producer.claim(1, kCapacity, consumed).error(), Errc::overloaded);
  consumed = 1;
  EXPECT_EQ(producer.claim(2, kCapacity, consumed).error(), Errc::overloaded);
  EXPECT_EQ(producer.claim(1, kCapacity, consumed).value(), 8U);
}

TEST(SingleProducer, EndsWhereItWasClosed) {
  for (const auto barrier : {SingleProducer::Barrier::asymmetric, SingleProducer::Barrier::symmetric}) {
    if (barrier == SingleProducer::Barrier::asymmetric && !has_heavy_barrier()) continue;
    SingleProducer producer(barrier);
    const std::atomic<Sequence> consumed{0};
    ASSERT_TRUE(producer.claim(2, kCapacity, consumed));
    EXPECT_FALSE(producer.ended_at(2));
    producer.close();
    EXPECT_EQ(producer.claim(1, kCapacity, consumed).error(), Errc::closed);
    EXPECT_FALSE(producer.ended_at(1));
    EXPECT_TRUE(producer.ended_at(2));
    EXPECT_EQ(producer.claimed(), 2U);
  }
}

TEST(SingleProducer, CallsAClosedRingClosedAlsoWhenItIsFull) {
  SingleProducer producer;
  const std::atomic<Sequence> consumed{0};
  ASSERT_TRUE(producer.claim(kCapacity, kCapacity, consumed));
  producer.close();
  EXPECT_EQ(producer.claim(1, kCapacity, consumed).error(), Errc::closed);
}

// Does what it is told between two steps of a claim, once.
struct Interrupted {
  enum class Step { before_claim, after_claim };
  static inline Step step = Step::before_claim;
  static inline std::function<void()> what;
  static void at(Step now) {
    if (now == step && what) std::exchange(what, nullptr)();
  }
  static void before_claim() { at(Step::before_claim); }
  static void after_claim() { at(Step::after_claim); }
};

TEST(SingleProducer, AgreesWithWhoeverClosesBetweenTwoStepsOfAClaim) {
  using Producer = BasicSingleProducer<Interrupted>;
  for (const auto barrier : {Producer::Barrier::asymmetric, Producer::Barrier::symmetric}) {
    if (barrier == Producer::Barrier::asymmetric && !has_heavy_barrier()) continue;
    const std::atomic<Sequence> consumed{0};
    const auto claim_while_closing = [&](Producer& producer, Interrupted::Step step) {
      Interrupted::step = step;
      Interrupted::what = [&producer] { producer.close(); };
      return producer.claim(2, kCapacity, consumed);
    };

    Producer closed_first(barrier);
    ASSERT_TRUE(closed_first.claim(1, kCapacity, consumed));
    EXPECT_EQ(claim_while_closing(closed_first, Interrupted::Step::before_claim).error(), Errc::closed);
    EXPECT_TRUE(closed_first.ended_at(1));
    EXPECT_EQ(closed_first.claimed(), 1U) << "a refused claim is taken back";

    Producer claimed_first(barrier);
    ASSERT_TRUE(claimed_first.claim(1, kCapacity, consumed));
    EXPECT_EQ(claim_while_closing(claimed_first, Interrupted::Step::after_claim).value(), 1U);
    EXPECT_TRUE(claimed_first.ended_at(3));
    EXPECT_EQ(claimed_first.claimed(), 3U);
  }
}

// One claims while the other closes.  Whoever decides, both are told the same, and what the closer was told stays.
void check_race(SingleProducer::Barrier barrier) {
  constexpr int kRounds = 4'000;
  struct Round {
    explicit Round(SingleProducer::Barrier its) : producer(its) {}
    SingleProducer producer;
    std::atomic<Sequence> consumed{0};
  };
  std::unique_ptr<Round> now;
  alignas(64) std::atomic<int> begun{-1};
  alignas(64) std::atomic<int> ready{-1};
  alignas(64) std::atomic<int> claimed{-1};
  bool accepted = false;
  std::thread producer([&] {
    for (int i = 0; i < kRounds; ++i) {
      while (begun.load() != i) std::this_thread::yield();
      Round& round = *now;
      ready.store(i);
      while (begun.load(std::memory_order_relaxed) != i + kRounds) {
      }
      accepted = round.producer.claim(1, kCapacity, round.consumed).has_value();
      claimed.store(i);
      while (begun.load() == i + kRounds) std::this_thread::yield();
    }
  });
  int counted = 0;
  int disagreed = 0;
  for (int i = 0; i < kRounds; ++i) {
    now = std::make_unique<Round>(barrier);
    begun.store(i);
    while (ready.load() != i) std::this_thread::yield();
    begun.store(i + kRounds);
    for (volatile int wait = i % 128; wait > 0;) wait = wait - 1;
    now->producer.close();
    const bool none = now->producer.ended_at(0);
    const bool one = now->producer.ended_at(1);
    while (claimed.load() != i) std::this_thread::yield();
    counted += accepted;
    disagreed += none == one || one != accepted || now->producer.ended_at(0) != none;
    EXPECT_EQ(now->producer.claimed(), accepted ? 1U : 0U) << "a refused claim leaves nothing behind";
    begun.store(-1);
  }
  producer.join();
  EXPECT_EQ(disagreed, 0);
  EXPECT_GT(counted, 0);
  EXPECT_LT(counted, kRounds);
}

TEST(SingleProducerThreads, DecidesAClaimThatRacesWithCloseTheSameWayForBothSides) {
  if (has_heavy_barrier()) check_race(SingleProducer::Barrier::asymmetric);
  check_race(SingleProducer::Barrier::symmetric);
}

}  // namespace
}  // namespace fluxor::runtime
