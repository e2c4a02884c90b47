#include "runtime/ring/ring_buffer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "runtime/ring/event.h"

namespace fluxor::runtime {
namespace {

template <typename T>
void put(RingBuffer<T>& ring, T value) {
  auto claim = ring.try_next().value();
  claim.emplace(std::move(value));
  claim.publish();
}

std::vector<int> take(RingBuffer<int>& ring, std::size_t limit = 1000) {
  std::vector<int> taken;
  ring.consume([&taken](int& value) { taken.push_back(value); }, limit);
  return taken;
}

TEST(RingBuffer, HidesALaterEventUntilEveryEarlierOneIsPublished) {
  RingBuffer<int> ring(4);
  auto first = ring.try_next().value();
  auto second = ring.try_next().value();
  first.emplace(1);
  second.emplace(2);
  second.publish();
  EXPECT_EQ(ring.highest_published(), kNoSequence);
  EXPECT_TRUE(take(ring).empty());
  first.publish();
  EXPECT_EQ(ring.highest_published(), 1U);
  EXPECT_EQ(take(ring), (std::vector{1, 2}));
}

TEST(RingBuffer, RefusesAClaimThatWouldOverwriteAnUnconsumedEvent) {
  RingBuffer<int> ring(2);
  put(ring, 1);
  put(ring, 2);
  EXPECT_EQ(ring.try_next().error(), Errc::overloaded);
  EXPECT_EQ(take(ring, 1), std::vector{1});
  put(ring, 3);
  EXPECT_EQ(ring.try_next().error(), Errc::overloaded);
  EXPECT_EQ(take(ring), (std::vector{2, 3}));
}

TEST(RingBuffer, KeepsOrderOverManyLaps) {
  RingBuffer<int> ring(2);
  for (int i = 0; i < 1000; ++i) {
    put(ring, i);
    if (i % 2 == 1) EXPECT_EQ(take(ring), (std::vector{i - 1, i}));
  }
}

TEST(RingBuffer, PublishesATombstoneForAnAbandonedClaim) {
  RingBuffer<int> ring(4);
  {
    auto abandoned = ring.try_next().value();
  }
  put(ring, 2);
  EXPECT_EQ(take(ring), std::vector{2});
  EXPECT_EQ(ring.size(), 0U);
}

TEST(RingBuffer, DestroysTheEventOfAnAbandonedClaimUnrun) {
  RingBuffer<std::shared_ptr<int>> ring(2);
  auto owned = std::make_shared<int>(1);
  {
    auto claim = ring.try_next().value();
    claim.emplace(owned);
  }
  EXPECT_EQ(owned.use_count(), 1);
}

struct ThrowsWhenBuilt {
  explicit ThrowsWhenBuilt(bool now) {
    if (now) throw std::runtime_error("boom");
  }
};

TEST(RingBuffer, GoesOnBehindAProducerThatThrewBetweenClaimAndPublish) {
  RingBuffer<ThrowsWhenBuilt> ring(2);
  for (int lap = 0; lap < 10; ++lap) {
    EXPECT_THROW(
        {
          auto claim = ring.try_next().value();
          claim.emplace(true);
          claim.publish();
        },
        std::runtime_error);
    auto claim = ring.try_next().value();
    claim.emplace(false);
    claim.publish();
    std::size_t seen = 0;
    EXPECT_EQ(ring.consume([&seen](ThrowsWhenBuilt&) { ++seen; }, 10), 2U);
    EXPECT_EQ(seen, 1U);
  }
}

TEST(RingBuffer, FreesSlotsOneByOneWhileABatchIsConsumed) {
  RingBuffer<int> ring(4);
  for (int i = 0; i < 4; ++i) put(ring, i);
  int handled = 0;
  ring.consume(
      [&](int&) {
        // The slot of the event in hand is taken still, those before it are free.
        int free = 0;
        std::vector<RingBuffer<int>::Claim> claims;
        while (auto claim = ring.try_next()) {
          claims.push_back(std::move(*claim));
          ++free;
        }
        EXPECT_EQ(free, handled == 0 ? 0 : 1);
        ++handled;
      },
      4);
  EXPECT_EQ(handled, 4);
}

TEST(RingBuffer, FreesTheSlotOfAnEventThatThrew) {
  RingBuffer<int> ring(2);
  put(ring, 1);
  put(ring, 2);
  EXPECT_THROW(ring.consume([](int&) { throw std::runtime_error("boom"); }, 10), std::runtime_error);
  EXPECT_EQ(take(ring), std::vector{2});
}

struct ClaimsWhenDestroyed {
  ClaimsWhenDestroyed(RingBuffer<ClaimsWhenDestroyed>* its_ring, bool* told) : ring(its_ring), refused(told) {}
  RingBuffer<ClaimsWhenDestroyed>* ring;
  bool* refused;
  ~ClaimsWhenDestroyed() { *refused = !ring->try_next(); }
};

TEST(RingBuffer, FreesASlotOnlyWhenItsEventIsDestroyed) {
  bool refused = false;
  RingBuffer<ClaimsWhenDestroyed> ring(2);
  for (int i = 0; i < 2; ++i) {
    auto claim = ring.try_next().value();
    claim.emplace(&ring, &refused);
    claim.publish();
  }
  refused = false;
  ring.consume([](ClaimsWhenDestroyed&) {}, 1);
  EXPECT_TRUE(refused);
}

TEST(RingBuffer, HasPublishedExactlyWhatCanBeConsumed) {
  RingBuffer<int> ring(4);
  EXPECT_FALSE(ring.has_published());
  auto first = ring.try_next().value();
  EXPECT_FALSE(ring.has_published());
  put(ring, 2);
  EXPECT_FALSE(ring.has_published());
  first.emplace(1);
  first.publish();
  EXPECT_TRUE(ring.has_published());
  take(ring);
  EXPECT_FALSE(ring.has_published());
  {
    const auto abandoned = ring.try_next().value();
  }
  EXPECT_TRUE(ring.has_published()) << "a tombstone is stepped over";
}

TEST(RingBuffer, CountsTheSameOnceClosed) {
  RingBuffer<int> ring(4);
  put(ring, 1);
  ring.close();
  EXPECT_EQ(ring.size(), 1U);
  take(ring);
  EXPECT_EQ(ring.size(), 0U);
}

TEST(RingBuffer, RefusesClaimsOnceClosedAndHandsOutWhatWasClaimedBefore) {
  RingBuffer<int> ring(4);
  put(ring, 1);
  auto open = ring.try_next().value();
  ring.close();
  EXPECT_EQ(ring.try_next().error(), Errc::closed);
  EXPECT_EQ(take(ring), std::vector{1});
  EXPECT_FALSE(ring.drained());
  open.emplace(2);
  open.publish();
  EXPECT_EQ(take(ring), std::vector{2});
  EXPECT_TRUE(ring.drained());
}

TEST(RingBuffer, DestroysWhatNobodyConsumed) {
  auto owned = std::make_shared<int>(1);
  {
    RingBuffer<std::shared_ptr<int>> ring(4);
    put(ring, owned);
    put(ring, owned);
    EXPECT_EQ(owned.use_count(), 3);
  }
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(RingBufferDeathTest, StopsWhenAnUnbuiltEventIsPublished) {
  RingBuffer<int> ring(2);
  EXPECT_DEATH(ring.try_next().value().publish(), "publish needs a claim whose event was built");
}

TEST(RingBufferDeathTest, StopsWhenAnEventIsBuiltTwice) {
  RingBuffer<int> ring(2);
  auto claim = ring.try_next().value();
  claim.emplace(1);
  EXPECT_DEATH(claim.emplace(2), "an event is built once per claim");
}

TEST(RingBufferDeathTest, StopsOnACapacityThatIsNoPowerOfTwo) {
  EXPECT_DEATH(RingBuffer<int>(3), "power of two");
  EXPECT_DEATH(RingBuffer<int>(0), "power of two");
}

// Each producer sends its numbers in order, abandons every 64th claim, and tries again when the ring is full.
void check_producers(std::size_t capacity, unsigned producers, std::uint32_t events) {
  struct Sent {
    unsigned producer;
    std::uint32_t number;
  };
  RingBuffer<Sent> ring(capacity);
  std::vector<std::thread> threads;
  for (unsigned p = 0; p < producers; ++p) {
    threads.emplace_back([&ring, p, events] {
      for (std::uint32_t i = 0; i < events;) {
        auto claim = ring.try_next();
        if (!claim) {
          std::this_thread::yield();
          continue;
        }
        if (claim->sequence() % 64 == 63) continue;  // abandoned: a tombstone
        claim->emplace(Sent{p, i++});
        claim->publish();
      }
    });
  }
  std::vector<std::uint32_t> next(producers, 0);
  std::uint64_t received = 0;
  bool in_order = true;
  while (received < std::uint64_t{producers} * events) {
    const std::size_t freed = ring.consume(
        [&](Sent& sent) {
          in_order = in_order && sent.number == next[sent.producer];  // so: none lost, none twice
          next[sent.producer] = sent.number + 1;
          ++received;
        },
        256);
    if (freed == 0) std::this_thread::yield();
  }
  for (auto& thread : threads) thread.join();
  EXPECT_TRUE(in_order);
  EXPECT_EQ(next, std::vector<std::uint32_t>(producers, events));
  ring.consume([](Sent&) { ADD_FAILURE() << "an event that nobody sent"; }, capacity);
  EXPECT_EQ(ring.size(), 0U);
}

TEST(RingBufferThreads, LosesNothingAndKeepsOrderPerProducer) { check_producers(1024, 8, 1'000'000); }

TEST(RingBufferThreads, LosesNothingWhenEveryFewStepsWrap) { check_producers(2, 4, 20'000); }

TEST(RingBufferThreads, RefusesNobodyWhileThereIsRoom) {
  for (int round = 0; round < 100; ++round) {
    RingBuffer<int> ring(8192);
    std::atomic<int> refused{0};
    std::atomic<int> waiting{2};
    std::vector<std::thread> producers;
    for (int p = 0; p < 2; ++p) {
      producers.emplace_back([&] {
        waiting.fetch_sub(1);
        while (waiting.load() != 0) std::this_thread::yield();
        for (int i = 0; i < 4096; ++i) {
          auto claim = ring.try_next();
          if (!claim) {
            ++refused;
            continue;
          }
          claim->emplace(i);
          claim->publish();
        }
      });
    }
    for (auto& producer : producers) producer.join();
    ASSERT_EQ(refused.load(), 0);
  }
}

// One publishes and looks whether the other sleeps; the other says that it sleeps and looks whether something was
// published: never do both miss.  event_loop.h rests on it.  Many pairs in a row, so that both often meet at one.
TEST(RingBufferThreads, LetsAPublisherOrASleeperSeeTheOther) {
  struct Meeting {
    RingBuffer<int> ring{2};
    alignas(64) std::atomic<bool> asleep{false};
    alignas(64) bool saw_sleeper = false;
    bool saw_event = false;
  };
  constexpr int kBatches = 200;
  std::vector<std::unique_ptr<Meeting>> meetings;
  for (int i = 0; i < 500; ++i) meetings.push_back(std::make_unique<Meeting>());
  int missed = 0;
  for (int batch = 0; batch < kBatches; ++batch) {
    std::vector<RingBuffer<int>::Claim> claims;
    for (const auto& meeting : meetings) {
      claims.push_back(meeting->ring.try_next().value());
      claims.back().emplace(batch);
      meeting->asleep.store(false);
    }
    std::atomic<bool> begun{false};
    std::thread publisher([&] {
      // At hand, so that looking is faster than publishing: the slots are at hand on the other side.
      for (const auto& meeting : meetings) EXPECT_FALSE(meeting->asleep.load());
      begun.store(true);
      for (std::size_t i = 0; i < meetings.size(); ++i) {
        claims[i].publish();
        meetings[i]->saw_sleeper = meetings[i]->asleep.load(std::memory_order_seq_cst);
      }
    });
    while (!begun.load()) std::this_thread::yield();
    for (volatile int wait = batch; wait > 0;) wait = wait - 1;
    for (const auto& meeting : meetings) {
      meeting->asleep.store(true, std::memory_order_seq_cst);
      meeting->saw_event = meeting->ring.has_published();
    }
    publisher.join();
    for (const auto& meeting : meetings) {
      if (!meeting->saw_event && !meeting->saw_sleeper) ++missed;
      EXPECT_EQ(meeting->ring.consume([](int&) {}, 1), 1U);
    }
  }
  EXPECT_EQ(missed, 0);
}

TEST(RingBufferThreads, CountsEveryClaimAsConsumedOrRefusedWhenClosedInFlight) {
  for (int round = 0; round < 200; ++round) {
    RingBuffer<int> ring(8);
    std::atomic<std::uint64_t> accepted{0};
    std::vector<std::thread> producers;
    for (int p = 0; p < 3; ++p) {
      producers.emplace_back([&ring, &accepted] {
        for (;;) {
          auto claim = ring.try_next();
          if (claim) {
            claim->emplace(1);
            claim->publish();
            accepted.fetch_add(1, std::memory_order_relaxed);
          } else if (claim.error() == Errc::closed) {
            return;
          } else {
            std::this_thread::yield();
          }
        }
      });
    }
    std::uint64_t consumed = 0;
    while (!ring.drained()) {
      ring.consume([&](int&) { ++consumed; }, 4);
      if (consumed > 50) ring.close();
      std::this_thread::yield();
    }
    for (auto& producer : producers) producer.join();
    EXPECT_EQ(consumed, accepted.load());
  }
}

}  // namespace
}  // namespace fluxor::runtime
