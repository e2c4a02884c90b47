#include "runtime/testing/sim_group.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/loop/timer_wheel.h"
#include "runtime/net/stream.h"
#include "runtime/task/post_when_room.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

// Two loops send numbers to a third; what it saw, in its order.
std::vector<int> race(SimGroup& sim) {
  std::vector<int> seen;
  for (const std::size_t from : {0, 1}) {
    for (int i = 0; i < 3; ++i) {
      static_cast<void>(sim.at(from).post([&sim, &seen, from, i] {
        static_cast<void>(sim.at(2).post([&seen, from, i] { seen.push_back(static_cast<int>(from) * 10 + i); }));
      }));
    }
  }
  sim.run_until_idle();
  return seen;
}

TEST(SimGroup, RunsTheSameSeedTheSameWay) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SimGroup first(seed, {.loops = 3, .faults = {.post_refused = 0.1, .post_held = 0.3, .event_crashes = 0.1}});
    SimGroup second(seed, {.loops = 3, .faults = {.post_refused = 0.1, .post_held = 0.3, .event_crashes = 0.1}});
    EXPECT_EQ(race(first), race(second));
    EXPECT_EQ(first.schedule(), second.schedule());
    EXPECT_EQ(first.crashes(), second.crashes());
  }
}

TEST(SimGroup, ShowsEveryOrderThatRealLoopsCouldShow) {
  std::set<std::vector<int>> orders;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    SimGroup sim(seed, {.loops = 3});
    const std::vector<int> seen = race(sim);
    EXPECT_EQ(seen.size(), 6U);
    orders.insert(seen);
  }
  EXPECT_EQ(orders.size(), 20U) << "all ways of merging three with three, and none that breaks a sender's order";
}

TEST(SimGroup, TakesPartsThatAreNoLoops) {
  std::set<std::vector<int>> orders;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SimGroup sim(seed, {.loops = 1});
    std::vector<int> seen;
    for (const int actor : {1, 2}) {
      sim.add_actor([&sim, &seen, actor, left = 2]() mutable {
        EXPECT_TRUE(sim.at(0).post([&seen, actor] { seen.push_back(actor); }));
        return --left != 0;
      });
    }
    sim.run_until_idle();
    EXPECT_EQ(seen.size(), 4U);
    orders.insert(seen);
  }
  EXPECT_EQ(orders.size(), 6U);
}

TEST(SimGroup, LetsAnActorActOnceAtItsTimeAndAddOthers) {
  SimGroup sim(1, {.loops = 1});
  std::vector<Duration> acted;
  const Instant begin = sim.clock().now();
  const auto note = [&] { acted.push_back(sim.clock().now() - begin); };
  sim.add_actor_at(begin + 3ms, [&] {
    note();
    for (int i = 0; i < 10; ++i) sim.add_actor_at(begin + 5ms, note);
  });
  sim.run_until_idle();
  EXPECT_TRUE(acted.empty());
  sim.run_for(3ms - 1ns);
  EXPECT_TRUE(acted.empty());
  EXPECT_TRUE(sim.run_until([&] { return acted.size() == 11; }, 1s));
  std::vector<Duration> expected(11, 5ms);
  expected.front() = 3ms;
  EXPECT_EQ(acted, expected);
}

Task<int> sleep_and_add(int number) {
  co_await sleep_for(1h);
  co_return number + 1;
}

TEST(SimGroup, LetsTimeJumpToWhatIsDueNext) {
  SimGroup sim(1, {});
  const Instant begin = sim.clock().now();
  auto first = sim.start(0, sleep_and_add(1));
  auto second = sim.start(1, sleep_and_add(2));
  sim.run_until_idle();
  EXPECT_EQ(sim.clock().now(), begin);
  EXPECT_FALSE(sim.run_until([&] { return first.ready(); }, 59min));
  EXPECT_TRUE(sim.run_until([&] { return first.ready() && second.ready(); }, 2h));
  EXPECT_EQ(sim.clock().now() - begin, 1h);
  EXPECT_EQ(first.get() + second.get(), 5);
  sim.run_for(10min);
  EXPECT_EQ(sim.clock().now() - begin, 1h + 10min);
}

TEST(SimGroup, RefusesPostsAsOftenAsTold) {
  SimGroup sim(7, {.loops = 1, .ring_capacity = 4096, .faults = {.post_refused = 0.25}});
  int refused = 0;
  for (int i = 0; i < 1000; ++i) refused += sim.at(0).post([] {}) ? 0 : 1;
  EXPECT_NEAR(refused, 250, 60);
  sim.stop_faults();
  EXPECT_TRUE(sim.at(0).post([] {}));
  sim.run_until_idle();
}

TEST(SimGroup, HoldsPostsBetweenClaimAndPublishAndLosesNone) {
  bool overtook = false;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SimGroup sim(seed, {.loops = 1, .faults = {.post_held = 0.5}});
    std::vector<int> seen;
    for (int i = 0; i < 8; ++i) ASSERT_TRUE(sim.at(0).post([&seen, i] { seen.push_back(i); }));
    EXPECT_LE(seen.size(), 8U);
    int units = 0;
    while (sim.at(0).run_unit()) ++units;
    overtook = overtook || units < 8;
    sim.run_until_idle();
    EXPECT_EQ(seen, (std::vector{0, 1, 2, 3, 4, 5, 6, 7}));
  }
  EXPECT_TRUE(overtook) << "some were held";
}

TEST(SimGroup, CrashesEventsAndKeepsTheirFailuresApart) {
  SimGroup sim(3, {.loops = 1, .ring_capacity = 1024, .faults = {.event_crashes = 0.5}});
  int ran = 0;
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(sim.at(0).post([&ran] { ++ran; }));
  sim.run_until_idle();
  EXPECT_EQ(static_cast<std::uint64_t>(ran) + sim.crashes(), 1000U);
  EXPECT_NEAR(ran, 500, 80);
  EXPECT_TRUE(sim.failures().empty());
  sim.stop_faults();
  ASSERT_TRUE(sim.at(0).post([] { throw std::runtime_error("of its own"); }));
  sim.run_until_idle();
  EXPECT_EQ(sim.failures(), std::vector<std::string>{"of its own"});
}

TEST(SimGroup, StallsLoopsWhileOthersGoOn) {
  bool late = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SimGroup sim(seed, {.loops = 2, .ring_capacity = 64, .faults = {.loop_stalls = 0.2, .stall_max = 3ms}});
    std::array<int, 2> ran{};
    for (int i = 0; i < 50; ++i) {
      for (const std::size_t loop : {0, 1}) {
        ASSERT_TRUE(sim.at(loop).post([&ran, loop] { ++ran[loop]; }));
      }
    }
    const Instant begin = sim.clock().now();
    sim.run_until_idle();
    EXPECT_EQ(ran, (std::array{50, 50}));
    late = late || sim.clock().now() - begin >= 3ms;
  }
  EXPECT_TRUE(late);
}

TEST(SimGroup, LetsUnitsTakeTime) {
  SimGroup sim(1, {.loops = 1, .ring_capacity = 128, .faults = {.unit_time_max = 1ms}});
  const Instant begin = sim.clock().now();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(sim.at(0).post([] {}));
  sim.run_until_idle();
  EXPECT_GT(sim.clock().now() - begin, 30ms);
  EXPECT_LT(sim.clock().now() - begin, 70ms);
}

// Collects what comes, and answers each piece with as many dots.
class Talker final : public StreamHandler {
 public:
  explicit Talker(bool answers) : answers_(answers) {}
  std::unique_ptr<Stream> stream;
  std::string heard;
  std::size_t pieces = 0;
  bool closed = false;
  error_code reason;

 private:
  std::size_t on_data(std::span<char> bytes) override {
    heard.append(bytes.data(), bytes.size());
    ++pieces;
    if (answers_) stream->write(std::string(bytes.size(), '.'));
    return bytes.size();
  }
  void on_end() override {}
  void on_drained() override {}
  void on_closed(error_code why) override {
    closed = true;
    reason = why;
  }
  const bool answers_;
};

class Conversation {
 public:
  explicit Conversation(SimGroup& sim) {
    auto [here, there] = sim.network().make_pair();
    asks.stream = sim.at(0).poller().adopt(std::move(here), {});
    answers.stream = sim.at(1).poller().adopt(std::move(there), {});
    EXPECT_TRUE(asks.stream->start(asks));
    EXPECT_TRUE(answers.stream->start(answers));
  }
  Talker asks{false};
  Talker answers{true};
};

TEST(SimGroup, CarriesBytesBetweenLoopsLateAndInPieces) {
  std::set<std::size_t> pieces;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SimGroup sim(seed, {.loops = 2, .faults = {.bytes_split = 0.5, .network_delay_max = 20ms}});
    Conversation talk(sim);
    talk.asks.stream->write("hello, who is there");
    sim.run_until([&] { return talk.asks.heard.size() == 19; }, 1s);
    EXPECT_EQ(talk.answers.heard, "hello, who is there");
    EXPECT_EQ(talk.asks.heard, std::string(19, '.'));
    pieces.insert(talk.answers.pieces);
    talk.asks.stream.reset();
    talk.answers.stream.reset();
  }
  EXPECT_GT(pieces.size(), 1U);
}

TEST(SimGroup, CutsAndLosesStreams) {
  int cut = 0;
  int lost = 0;
  int answered = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SimGroup sim(seed, {.loops = 2, .faults = {.stream_cut = 0.2, .stream_lost = 0.2}});
    Conversation talk(sim);
    talk.asks.stream->write("hello");
    sim.run_for(10s);
    if (talk.asks.heard == ".....") {
      ++answered;
    } else if (talk.asks.closed) {
      EXPECT_EQ(talk.asks.reason, boost::system::errc::connection_reset);
      ++cut;
    } else {
      ++lost;
    }
    talk.asks.stream.reset();
    talk.answers.stream.reset();
  }
  EXPECT_GT(cut, 20);
  EXPECT_GT(lost, 20);
  EXPECT_GT(answered, 20);
}

Task<> put(EventLoop& to, std::vector<int>& seen, int number) {
  const auto posted = co_await post_when_room(to, [&seen, number] { seen.push_back(number); });
  EXPECT_TRUE(posted);
}

TEST(SimGroup, WakesWhoWaitsForRoomUnderEveryInterleaving) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SimGroup sim(seed, {.loops = 3, .ring_capacity = 2, .faults = {.post_refused = 0.2, .post_held = 0.2}});
    std::vector<int> seen;
    std::vector<Started<>> puts;
    for (int i = 0; i < 6; ++i) puts.push_back(sim.start(1 + static_cast<std::size_t>(i) % 2, put(sim.at(0), seen, i)));
    sim.run_until_idle();
    for (Started<>& one : puts) {
      ASSERT_TRUE(one.ready());
      one.get();
    }
    EXPECT_EQ(std::set<int>(seen.begin(), seen.end()).size(), 6U);
    EXPECT_EQ(seen.size(), 6U);
  }
}

}  // namespace
}  // namespace fluxor::runtime
