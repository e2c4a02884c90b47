#include "runtime/ring/ring_buffer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/ring/event.h"

namespace fluxor::runtime {
namespace {

template <typename Ring, typename T>
void put(Ring& ring, T value) {
  auto claim = ring.try_next().value();
  claim.emplace(std::move(value));
  claim.publish();
}

// The positions of as many claims as `ring` gives out; they are abandoned.
template <typename Ring>
std::size_t room_of(Ring& ring) {
  std::size_t count = 0;
  std::vector<std::remove_cvref_t<decltype(ring.try_next().value())>> claims;
  while (auto claim = ring.try_next()) {
    claims.push_back(std::move(*claim));
    ++count;
  }
  return count;
}

template <typename Ring>
std::vector<int> take(Ring& ring, std::size_t limit = 1000) {
  std::vector<int> taken;
  ring.consume([&taken](int& value) { taken.push_back(value); }, limit);
  return taken;
}

// What holds for a ring of many producers and of one.
template <typename Producers>
class EveryRing : public testing::Test {
 public:
  template <typename T>
  using Of = RingBuffer<T, Producers>;
};
struct NamesOfProducers {
  template <typename Producers>
  static std::string GetName(int) {
    return std::is_same_v<Producers, MultiProducer> ? "MultiProducer" : "SingleProducer";
  }
};
using BothForms = testing::Types<MultiProducer, SingleProducer>;
TYPED_TEST_SUITE(EveryRing, BothForms, NamesOfProducers);

TYPED_TEST(EveryRing, HidesALaterEventUntilEveryEarlierOneIsPublished) {
  RingBuffer<int, TypeParam> ring(4);
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

TYPED_TEST(EveryRing, RefusesAClaimThatWouldOverwriteAnUnconsumedEvent) {
  RingBuffer<int, TypeParam> ring(2);
  put(ring, 1);
  put(ring, 2);
  EXPECT_EQ(ring.try_next().error(), Errc::overloaded);
  EXPECT_EQ(take(ring, 1), std::vector{1});
  put(ring, 3);
  EXPECT_EQ(ring.try_next().error(), Errc::overloaded);
  EXPECT_EQ(take(ring), (std::vector{2, 3}));
}

TYPED_TEST(EveryRing, KeepsOrderOverManyLaps) {
  for (const std::size_t capacity : {2U, 4U, 64U}) {
    RingBuffer<int, TypeParam> ring(capacity);
    for (int i = 0; i < 1000; ++i) {
      put(ring, i);
      if (i % 2 == 1) EXPECT_EQ(take(ring), (std::vector{i - 1, i}));
    }
  }
}

TYPED_TEST(EveryRing, GivesEveryPositionOfALapASlotOfItsOwn) {
  RingBuffer<int, TypeParam> ring(64);
  std::vector<int> sent;
  for (int i = 0; i < 64; ++i) {
    put(ring, i);
    sent.push_back(i);
  }
  EXPECT_EQ(take(ring), sent);
}

TYPED_TEST(EveryRing, ShowsToASpinnerWhatItShowsToASleeper) {
  RingBuffer<int, TypeParam> ring(2);
  auto claim = ring.try_next().value();
  claim.emplace(1);
  EXPECT_FALSE(ring.has_published());
  claim.publish_to_spinner();
  EXPECT_TRUE(ring.has_published());
  EXPECT_EQ(take(ring), std::vector{1});
}

TYPED_TEST(EveryRing, PublishesATombstoneForAnAbandonedClaim) {
  RingBuffer<int, TypeParam> ring(4);
  {
    auto abandoned = ring.try_next().value();
  }
  put(ring, 2);
  EXPECT_EQ(take(ring), std::vector{2});
  EXPECT_EQ(ring.size(), 0U);
}

TYPED_TEST(EveryRing, DestroysTheEventOfAnAbandonedClaimUnrun) {
  RingBuffer<std::shared_ptr<int>, TypeParam> ring(2);
  auto owned = std::make_shared<int>(1);
  {
    auto claim = ring.try_next().value();
    claim.emplace(owned);
  }
  EXPECT_EQ(owned.use_count(), 1);
  EXPECT_EQ(ring.consume([](std::shared_ptr<int>&) { ADD_FAILURE() << "run"; }, 10), 1U);
}

struct ThrowsWhenBuilt {
  explicit ThrowsWhenBuilt(bool now) {
    if (now) throw std::runtime_error("boom");
  }
};

TYPED_TEST(EveryRing, GoesOnBehindAProducerThatThrewBetweenClaimAndPublish) {
  RingBuffer<ThrowsWhenBuilt, TypeParam> ring(2);
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

TYPED_TEST(EveryRing, ClaimsABatchWholeOrNotAtAll) {
  RingBuffer<int, TypeParam> ring(8);
  for (int i = 0; i < 5; ++i) put(ring, i);
  EXPECT_EQ(ring.try_next(4).error(), Errc::overloaded);
  EXPECT_EQ(ring.size(), 5U) << "a refused batch claims nothing";
  auto batch = ring.try_next(3).value();
  EXPECT_EQ(batch.sequence(), 5U);
  EXPECT_EQ(batch.size(), 3U);
  EXPECT_EQ(ring.try_next().error(), Errc::overloaded);
}

TYPED_TEST(EveryRing, ClaimsABatchAsLargeAsTheRing) {
  RingBuffer<int, TypeParam> ring(4);
  for (int lap = 0; lap < 3; ++lap) {
    auto batch = ring.try_next(4).value();
    for (int i = 0; i < 4; ++i) batch.emplace(i);
    batch.publish();
    EXPECT_EQ(ring.try_next(4).error(), Errc::overloaded);
    EXPECT_EQ(take(ring, 1), std::vector{0});
    EXPECT_EQ(ring.try_next(4).error(), Errc::overloaded);
    EXPECT_EQ(take(ring), (std::vector{1, 2, 3}));
  }
}

TYPED_TEST(EveryRing, ShowsABatchAtOnceWhenItIsPublished) {
  RingBuffer<int, TypeParam> ring(8);
  auto batch = ring.try_next(3).value();
  put(ring, 4);
  for (int i = 1; i <= 3; ++i) {
    batch.emplace(i);
    EXPECT_FALSE(ring.has_published());
  }
  batch.publish_to_spinner();
  EXPECT_EQ(ring.highest_published(), 3U);
  EXPECT_EQ(take(ring), (std::vector{1, 2, 3, 4}));
}

TYPED_TEST(EveryRing, LeavesTombstonesForWhatABatchDidNotBuild) {
  RingBuffer<int, TypeParam> ring(8);
  auto batch = ring.try_next(4).value();
  batch.emplace(1);
  batch.emplace(2);
  batch.publish();
  put(ring, 3);
  std::vector<int> taken;
  EXPECT_EQ(ring.consume([&taken](int& value) { taken.push_back(value); }, 10), 5U);
  EXPECT_EQ(taken, (std::vector{1, 2, 3}));
}

TYPED_TEST(EveryRing, LeavesOnlyTombstonesOfABatchThatThrewWhileItWasBuilt) {
  struct Part {
    Part(std::shared_ptr<int> its, bool now) : owned(std::move(its)), check(now) {}
    std::shared_ptr<int> owned;
    ThrowsWhenBuilt check;
  };
  RingBuffer<Part, TypeParam> ring(4);
  const auto owned = std::make_shared<int>(1);
  for (int lap = 0; lap < 5; ++lap) {
    EXPECT_THROW(
        {
          auto batch = ring.try_next(3).value();
          batch.emplace(owned, false);
          batch.emplace(owned, true);
          batch.publish();
        },
        std::runtime_error);
    EXPECT_EQ(owned.use_count(), 1) << "what was built is destroyed";
    EXPECT_EQ(ring.consume([](Part&) { ADD_FAILURE() << "run"; }, 10), 3U);
  }
}

TYPED_TEST(EveryRing, BuildsTheSameSlotAgainAfterAnExceptionThatWasCaught) {
  RingBuffer<ThrowsWhenBuilt, TypeParam> ring(4);
  auto batch = ring.try_next(2).value();
  EXPECT_THROW(batch.emplace(true), std::runtime_error);
  batch.emplace(false);
  batch.emplace(false);
  batch.publish();
  std::size_t seen = 0;
  ring.consume([&seen](ThrowsWhenBuilt&) { ++seen; }, 10);
  EXPECT_EQ(seen, 2U);
}

TYPED_TEST(EveryRing, MovesAClaimWithWhatItHolds) {
  RingBuffer<int, TypeParam> ring(4);
  auto claim = ring.try_next().value();
  claim.emplace(1);
  auto moved = std::move(claim);
  auto batch = ring.try_next(2).value();
  batch.emplace(2);
  auto moved_batch = std::move(batch);
  moved.publish();
  moved_batch.emplace(3);
  moved_batch.publish();
  EXPECT_EQ(take(ring), (std::vector{1, 2, 3}));
}

TYPED_TEST(EveryRing, TakesTenThousandQueuedEventsInBatchesAndFreesSlotsOneByOne) {
  constexpr std::size_t kEvents = 10'000;
  RingBuffer<std::size_t, TypeParam> ring(16'384);
  for (std::size_t i = 0; i < kEvents; ++i) put(ring, i);
  std::size_t handled = 0;
  std::size_t batches = 0;
  while (ring.has_published()) {
    ++batches;
    const std::size_t freed = ring.consume(
        [&](std::size_t& number) {
          ASSERT_EQ(number, handled);
          ASSERT_EQ(ring.size(), kEvents - handled) << "those before are free, this one is not yet";
          ++handled;
        },
        256);
    EXPECT_EQ(freed, batches < 40 ? 256 : kEvents - 39 * 256);
  }
  EXPECT_EQ(handled, kEvents);
  EXPECT_EQ(batches, 40U);
}

TYPED_TEST(EveryRing, FreesSlotsOneByOneWhileABatchIsConsumed) {
  RingBuffer<int, TypeParam> ring(4);
  for (int i = 0; i < 4; ++i) put(ring, i);
  int handled = 0;
  ring.consume(
      [&](int&) {
        // The slot of the event in hand is taken still, those before it are free (and filled with tombstones here).
        EXPECT_EQ(room_of(ring), handled == 0 ? 0U : 1U);
        ++handled;
      },
      4);
  EXPECT_EQ(handled, 4);
}

TYPED_TEST(EveryRing, HandlesTheOtherNineWhenEventThreeOfTenThrows) {
  RingBuffer<int, TypeParam> ring(16);
  for (int i = 1; i <= 10; ++i) put(ring, i);
  std::vector<int> handled;
  const auto handle = [&handled](int& value) {
    if (value == 3) throw std::runtime_error("three");
    handled.push_back(value);
  };
  EXPECT_THROW(ring.consume(handle, 100), std::runtime_error);
  EXPECT_EQ(ring.size(), 7U) << "the one that threw is done with";
  EXPECT_EQ(ring.consume(handle, 100), 7U);
  EXPECT_EQ(handled, (std::vector{1, 2, 4, 5, 6, 7, 8, 9, 10}));
}

TYPED_TEST(EveryRing, LetsABatchGoOnBehindAnExceptionThatWasCaught) {
  RingBuffer<int, TypeParam> ring(16);
  for (int i = 1; i <= 10; ++i) put(ring, i);
  std::vector<int> handled;
  int failures = 0;
  auto batch = ring.take(100);
  while (const int* value = batch.next()) {
    try {
      if (*value == 3) throw std::runtime_error("three");
      handled.push_back(*value);
    } catch (const std::runtime_error&) {
      ++failures;
    }
  }
  EXPECT_EQ(failures, 1);
  EXPECT_EQ(batch.freed(), 10U);
  EXPECT_EQ(handled, (std::vector{1, 2, 4, 5, 6, 7, 8, 9, 10}));
}

TYPED_TEST(EveryRing, KeepsForTheNextBatchWhatOneDidNotGoThrough) {
  RingBuffer<int, TypeParam> ring(8);
  for (int i = 1; i <= 5; ++i) put(ring, i);
  {
    auto batch = ring.take(4);
    EXPECT_EQ(*batch.next(), 1);
    EXPECT_EQ(batch.freed(), 0U);
    EXPECT_EQ(*batch.next(), 2);
    EXPECT_EQ(batch.freed(), 1U);
  }
  EXPECT_EQ(ring.size(), 3U) << "what was handed out is done with when the batch ends";
  auto batch = ring.take(2);
  EXPECT_EQ(*batch.next(), 3);
  EXPECT_EQ(*batch.next(), 4);
  EXPECT_EQ(batch.next(), nullptr) << "its limit";
  EXPECT_EQ(ring.size(), 1U);
}

TYPED_TEST(EveryRing, CountsTombstonesIntoTheLimitOfABatch) {
  RingBuffer<int, TypeParam> ring(8);
  for (int i = 0; i < 3; ++i) {
    auto abandoned = ring.try_next().value();
  }
  put(ring, 1);
  EXPECT_TRUE(take(ring, 2).empty());
  EXPECT_EQ(take(ring, 2), std::vector{1});
}

TYPED_TEST(EveryRing, RefusesAHandlerThatPostsIntoItsOwnFullRing) {
  RingBuffer<Event, TypeParam> ring(4);
  int refused = 0;
  int run = 0;
  for (int i = 0; i < 4; ++i) {
    put(ring, [&] {
      ++run;
      // One by one: the first finds it full, each later one the slot of the one before it.
      auto claim = ring.try_next();
      if (!claim) {
        EXPECT_EQ(claim.error(), Errc::overloaded);
        ++refused;
        return;
      }
      claim->emplace([&run] { ++run; });
      claim->publish();
    });
  }
  EXPECT_EQ(ring.consume([](Event& event) { event(); }, 4), 4U);
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(ring.consume([](Event& event) { event(); }, 10), 3U);
  EXPECT_EQ(run, 7);
}

struct TellsWhenDestroyed {
  explicit TellsWhenDestroyed(const std::function<void()>& whom) : told(&whom) {}
  TellsWhenDestroyed(const TellsWhenDestroyed&) = delete;
  TellsWhenDestroyed& operator=(const TellsWhenDestroyed&) = delete;
  ~TellsWhenDestroyed() { (*told)(); }
  const std::function<void()>* told;
};

TYPED_TEST(EveryRing, FreesASlotOnlyWhenItsEventIsDestroyed) {
  std::function<void()> look = [] {};
  RingBuffer<TellsWhenDestroyed, TypeParam> ring(2);
  for (int i = 0; i < 2; ++i) {
    auto claim = ring.try_next().value();
    claim.emplace(look);
    claim.publish();
  }
  bool refused = false;
  look = [&] { refused = !ring.try_next(); };
  ring.consume([](TellsWhenDestroyed&) {}, 1);
  EXPECT_TRUE(refused);
  look = [] {};
}

TYPED_TEST(EveryRing, HasPublishedExactlyWhatCanBeConsumed) {
  RingBuffer<int, TypeParam> ring(4);
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

TYPED_TEST(EveryRing, CountsTheSameOnceClosed) {
  RingBuffer<int, TypeParam> ring(4);
  put(ring, 1);
  ring.close();
  EXPECT_EQ(ring.size(), 1U);
  take(ring);
  EXPECT_EQ(ring.size(), 0U);
}

TYPED_TEST(EveryRing, RefusesClaimsOnceClosedAndHandsOutWhatWasClaimedBefore) {
  RingBuffer<int, TypeParam> ring(4);
  put(ring, 1);
  auto open = ring.try_next().value();
  EXPECT_FALSE(ring.drained());
  ring.close();
  ring.close();
  EXPECT_EQ(ring.try_next().error(), Errc::closed);
  EXPECT_EQ(ring.try_next(2).error(), Errc::closed);
  EXPECT_EQ(take(ring), std::vector{1});
  EXPECT_FALSE(ring.drained());
  open.emplace(2);
  open.publish();
  EXPECT_EQ(take(ring), std::vector{2});
  EXPECT_TRUE(ring.drained());
}

TYPED_TEST(EveryRing, IsNotDrainedUntilItIsClosed) {
  RingBuffer<int, TypeParam> ring(4);
  EXPECT_FALSE(ring.drained());
  put(ring, 1);
  take(ring);
  EXPECT_FALSE(ring.drained());
  ring.close();
  EXPECT_TRUE(ring.drained());
}

TYPED_TEST(EveryRing, DestroysWhatNobodyConsumed) {
  auto owned = std::make_shared<int>(1);
  {
    RingBuffer<std::shared_ptr<int>, TypeParam> ring(4);
    put(ring, owned);
    put(ring, owned);
    EXPECT_EQ(owned.use_count(), 3);
  }
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(RingBuffer, HoldsAnEventInOneCacheLine) {
  RingBuffer<Event> ring(2);
  auto first = ring.try_next().value();
  auto second = ring.try_next().value();
  const auto* one = reinterpret_cast<const std::byte*>(&first.emplace([] {}));
  const auto* other = reinterpret_cast<const std::byte*>(&second.emplace([] {}));
  EXPECT_EQ(std::abs(other - one), 64);
  EXPECT_LE(reinterpret_cast<std::uintptr_t>(one) % 64 + sizeof(Event), 64U);
}

TEST(RingBufferDeathTest, StopsWhenAnUnbuiltEventIsPublished) {
  RingBuffer<int> ring(2);
  EXPECT_DEATH(ring.try_next().value().publish(), "publish needs a claim whose event was built");
  EXPECT_DEATH(ring.try_next(2).value().publish(), "publish needs a claim whose event was built");
}

TEST(RingBufferDeathTest, StopsWhenAnEventIsBuiltTwice) {
  RingBuffer<int> ring(4);
  auto claim = ring.try_next().value();
  claim.emplace(1);
  EXPECT_DEATH(claim.emplace(2), "an event is built once per claimed slot");
  auto batch = ring.try_next(2).value();
  batch.emplace(1);
  batch.emplace(2);
  EXPECT_DEATH(batch.emplace(3), "an event is built once per claimed slot");
  auto published = ring.try_next().value();
  published.emplace(1);
  published.publish();
  EXPECT_DEATH(published.emplace(2), "an event is built once per claimed slot");
  EXPECT_DEATH(published.publish(), "publish needs a claim");
}

TEST(RingBufferDeathTest, StopsWhenABatchIsUsedAfterItWasPublished) {
  RingBuffer<int> ring(4);
  auto batch = ring.try_next(3).value();
  batch.emplace(1);
  batch.publish();
  EXPECT_DEATH(batch.emplace(2), "an event is built once per claimed slot");
  EXPECT_DEATH(batch.publish(), "publish needs a claim");
}

TEST(RingBufferDeathTest, StopsOnAClaimThatCanNeverBeGiven) {
  RingBuffer<int> ring(4);
  EXPECT_DEATH(static_cast<void>(ring.try_next(5)), "a claim is for 1 to capacity slots");
  EXPECT_DEATH(static_cast<void>(ring.try_next(0)), "a claim is for 1 to capacity slots");
}

TEST(RingBufferDeathTest, StopsWhenAHandlerConsumesItsOwnRing) {
  RingBuffer<int> ring(4);
  put(ring, 1);
  EXPECT_DEATH(ring.consume([&ring](int&) { take(ring); }, 1), "consumed by one batch at a time");
}

TEST(RingBufferDeathTest, StopsOnACapacityThatIsNoPowerOfTwo) {
  EXPECT_DEATH(RingBuffer<int>(3), "power of two");
  EXPECT_DEATH(RingBuffer<int>(0), "power of two");
}

// Each producer sends its numbers in order, some of them in batches of which one slot stays empty, abandons every 64th
// claim, and tries again when the ring is full.
template <typename Producers>
void check_producers(std::size_t capacity, unsigned producers, std::uint32_t events) {
  struct Sent {
    unsigned producer;
    std::uint32_t number;
  };
  RingBuffer<Sent, Producers> ring(capacity);
  std::vector<std::thread> threads;
  for (unsigned p = 0; p < producers; ++p) {
    threads.emplace_back([&ring, p, events, capacity] {
      for (std::uint32_t i = 0; i < events;) {
        if (i % 16 == 0 && i + 3 <= events && capacity >= 4) {
          if (auto batch = ring.try_next(4)) {
            for (int k = 0; k < 3; ++k) batch->emplace(Sent{p, i++});
            batch->publish();
          } else {
            std::this_thread::yield();
          }
          continue;
        }
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

TEST(RingBufferThreads, LosesNothingAndKeepsOrderPerProducer) { check_producers<MultiProducer>(1024, 8, 1'000'000); }

TEST(RingBufferThreads, LosesNothingWhenEveryFewStepsWrap) {
  check_producers<MultiProducer>(2, 4, 20'000);
  check_producers<MultiProducer>(4, 4, 20'000);
}

TEST(RingBufferThreads, LosesNothingOfASingleProducer) {
  check_producers<SingleProducer>(1024, 1, 1'000'000);
  check_producers<SingleProducer>(2, 1, 20'000);
  check_producers<SingleProducer>(4, 1, 20'000);
}

// The consumer looks all the time; as only batches of four are sent, it finds four or none.
TEST(RingBufferThreads, ShowsABatchWholeOrNotAtAll) {
  constexpr int kBatches = 200'000;
  RingBuffer<int> ring(64);
  std::thread producer([&ring] {
    for (int sent = 0; sent < kBatches;) {
      auto batch = ring.try_next(4);
      if (!batch) {
        std::this_thread::yield();
        continue;
      }
      for (int i = 0; i < 3; ++i) batch->emplace(sent);
      batch->publish_to_spinner();
      ++sent;
    }
  });
  int taken = 0;
  int parts = 0;
  for (unsigned fruitless = 0; taken < kBatches * 4;) {
    const auto count = static_cast<int>(ring.consume([](int&) {}, 4));
    taken += count;
    parts += count % 4 != 0;
    if (count == 0 && ++fruitless % 1024 == 0) std::this_thread::yield();
  }
  producer.join();
  EXPECT_EQ(parts, 0);
}

// If the slot of the first event were not free while the second is handled, this would never end.
TEST(RingBufferThreads, HoldsNoProducerWhileAHandlerIsHeldUpButByItsOwnEvent) {
  RingBuffer<int> ring(4);
  for (int i = 0; i < 4; ++i) put(ring, i);
  std::atomic<bool> held{false};
  std::atomic<bool> claimed{false};
  std::thread producer([&] {
    while (!held.load()) std::this_thread::yield();
    while (true) {
      if (auto claim = ring.try_next()) {
        claim->emplace(4);
        claim->publish();
        break;
      }
      std::this_thread::yield();
    }
    claimed.store(true);
  });
  std::vector<int> handled;
  while (handled.size() < 5) {
    ring.consume(
        [&](int& value) {
          handled.push_back(value);
          if (value != 1) return;
          held.store(true);
          while (!claimed.load()) std::this_thread::yield();
        },
        10);
  }
  producer.join();
  EXPECT_EQ(handled, (std::vector{0, 1, 2, 3, 4}));
}

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
// published: never do both miss.  event_loop.h rests on it.  They meet again and again, at every distance of a few
// nanoseconds; the flag is at hand on one side and the slot on the other, so that
// looking is faster than telling.
template <typename ClaimOf>
int count_missed(const ClaimOf& claim_of) {
  constexpr int kMeetings = 8000;
  RingBuffer<int> ring(2);
  alignas(kApartBytes) std::atomic<bool> asleep{false};
  alignas(kApartBytes) std::atomic<int> ready{-1};
  alignas(kApartBytes) std::atomic<int> go{-1};
  alignas(kApartBytes) std::atomic<int> published{-1};
  std::atomic<int> over{-1};
  bool saw_sleeper = false;
  std::thread publisher([&] {
    for (int i = 0; i < kMeetings; ++i) {
      while (over.load() != i - 1) std::this_thread::yield();
      auto claim = claim_of(ring);
      EXPECT_FALSE(asleep.load());
      ready.store(i);
      while (go.load(std::memory_order_relaxed) != i) {  // without a yield: the two have to meet
      }
      claim.publish();
      saw_sleeper = asleep.load(std::memory_order_seq_cst);
      published.store(i);
    }
  });
  int missed = 0;
  for (int i = 0; i < kMeetings; ++i) {
    while (ready.load() != i) std::this_thread::yield();
    EXPECT_FALSE(ring.has_published());
    go.store(i);
    for (volatile int wait = i % 128; wait > 0;) wait = wait - 1;
    asleep.store(true, std::memory_order_seq_cst);
    const bool saw_event = ring.has_published();
    while (published.load() != i) std::this_thread::yield();
    missed += !saw_event && !saw_sleeper;
    EXPECT_GE(ring.consume([](int&) {}, 2), 1U);
    asleep.store(false);
    over.store(i);
  }
  publisher.join();
  return missed;
}

TEST(RingBufferThreads, LetsAPublisherOrASleeperSeeTheOther) {
  EXPECT_EQ(count_missed([](RingBuffer<int>& ring) {
              auto claim = ring.try_next().value();
              claim.emplace(1);
              return claim;
            }),
            0);
}

TEST(RingBufferThreads, LetsAPublisherOfABatchOrASleeperSeeTheOther) {
  EXPECT_EQ(count_missed([](RingBuffer<int>& ring) {
              auto claim = ring.try_next(2).value();
              claim.emplace(1);
              claim.emplace(2);
              return claim;
            }),
            0);
}

template <typename Producers>
void check_closing(int producers_count) {
  for (int round = 0; round < 200; ++round) {
    RingBuffer<int, Producers> ring(8);
    std::atomic<std::uint64_t> accepted{0};
    std::vector<std::thread> producers;
    for (int p = 0; p < producers_count; ++p) {
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
    std::thread closer;
    while (!ring.drained()) {
      ring.consume([&](int&) { ++consumed; }, 4);
      if (consumed > 50 && !closer.joinable()) closer = std::thread([&ring] { ring.close(); });
      std::this_thread::yield();
    }
    closer.join();
    for (auto& producer : producers) producer.join();
    EXPECT_EQ(consumed, accepted.load());
  }
}

TEST(RingBufferThreads, CountsEveryClaimAsConsumedOrRefusedWhenClosedInFlight) {
  check_closing<MultiProducer>(3);
  check_closing<SingleProducer>(1);
}

}  // namespace
}  // namespace fluxor::runtime
