#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/loop/event_loop.h"
#include "runtime/task/post_when_room.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/testing/explore.h"
#include "runtime/testing/sim_group.h"

// The rules of loops, under a thousand interleavings each.
namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kSeeds = 1000;

struct Sent {
  int sender;
  int number;
};

// What came of a flow of numbered posts from several senders to one loop.
class Ledger {
 public:
  explicit Ledger(int senders) : next_(static_cast<std::size_t>(senders), 0) {}

  void handled(Sent sent) {
    int& next = next_[static_cast<std::size_t>(sent.sender)];
    EXPECT_GE(sent.number, next) << "twice, or out of order";
    next = sent.number + 1;
    ++handled_count;
  }
  int accepted = 0;
  int refused = 0;
  int handled_count = 0;

 private:
  std::vector<int> next_;
};

TEST(EventLoopSim, HandlesEachAcceptedPostOnceInTheOrderOfItsSender) {
  constexpr int kPosts = 12;
  const SimOptions options{
      .loops = 4, .ring_capacity = 4, .faults = {.post_refused = 0.1, .post_held = 0.2, .loop_stalls = 0.02}};
  explore(kSeeds, options, [](SimGroup& sim) {
    Ledger ledger(3);
    for (int sender = 0; sender < 3; ++sender) {
      // Each event of a sender's loop sends one on.
      sim.add_actor([&sim, &ledger, sender, number = 0]() mutable {
        const auto begun = sim.at(1 + static_cast<std::size_t>(sender)).post([&sim, &ledger, sender, number] {
          const auto sent = sim.at(0).post([&ledger, sender, number] { ledger.handled({sender, number}); });
          ++(sent ? ledger.accepted : ledger.refused);
        });
        if (!begun) ++ledger.refused;
        return ++number < kPosts;
      });
    }
    sim.run_until_idle();
    EXPECT_EQ(ledger.accepted + ledger.refused, 3 * kPosts);
    EXPECT_EQ(ledger.handled_count, ledger.accepted);
    EXPECT_EQ(sim.at(0).stats().queue_length, 0U);
  });
}

Task<> send_all(EventLoop& to, Ledger& ledger, int sender, int posts) {
  for (int number = 0; number < posts; ++number) {
    const auto posted = co_await post_when_room(to, [&ledger, sender, number] { ledger.handled({sender, number}); });
    ++(posted ? ledger.accepted : ledger.refused);
  }
}

TEST(EventLoopSim, LosesNothingOfThoseWhoWaitForRoom) {
  constexpr int kPosts = 5;
  const SimOptions options{
      .loops = 3, .ring_capacity = 2, .faults = {.post_refused = 0.1, .post_held = 0.2, .loop_stalls = 0.02}};
  explore(kSeeds, options, [](SimGroup& sim) {
    Ledger ledger(4);
    std::vector<Started<>> senders;
    for (int s = 0; s < 4; ++s) {
      senders.push_back(sim.start(static_cast<std::size_t>(s) % 3, send_all(sim.at(0), ledger, s, kPosts)));
    }
    sim.run_until_idle();
    for (Started<>& sender : senders) {
      ASSERT_TRUE(sender.ready());
      sender.get();
    }
    EXPECT_EQ(ledger.accepted, 4 * kPosts);
    EXPECT_EQ(ledger.handled_count, 4 * kPosts);
  });
}

TEST(EventLoopSim, AnswersEveryPostWhenTheLoopStopsMeanwhile) {
  constexpr int kPosts = 5;
  const SimOptions options{.loops = 3, .ring_capacity = 2, .faults = {.post_held = 0.2}};
  explore(kSeeds, options, [](SimGroup& sim) {
    Ledger ledger(4);
    std::vector<Started<>> senders;
    for (int s = 0; s < 4; ++s) {
      senders.push_back(sim.start(1 + static_cast<std::size_t>(s) % 2, send_all(sim.at(0), ledger, s, kPosts)));
    }
    sim.add_actor([&sim, wait = sim.random().below(60)]() mutable {
      if (wait-- != 0) return true;
      sim.at(0).stop();
      return false;
    });
    sim.run_until_idle();
    for (Started<>& sender : senders) {
      ASSERT_TRUE(sender.ready()) << "who waits for room is told";
      sender.get();
    }
    EXPECT_EQ(ledger.accepted + ledger.refused, 4 * kPosts);
    EXPECT_EQ(ledger.handled_count, ledger.accepted) << "what was accepted before has run";
    EXPECT_EQ(sim.at(0).post([] {}).error(), Errc::closed);
  });
}

// Notes how much it was told to do, and does all of it.
class Mailbox final : public ControlNode {
 public:
  int told = 0;
  int done = 0;

 private:
  void on_control() override { done = told; }
};

TEST(EventLoopSim, GetsEverySignalThroughAFullRing) {
  const SimOptions options{.loops = 3, .ring_capacity = 2, .faults = {.post_held = 0.5, .loop_stalls = 0.02}};
  explore(kSeeds, options, [](SimGroup& sim) {
    Mailbox mailbox;
    for (int i = 0; i < 10; ++i) {
      sim.add_actor([&sim, &mailbox] {
        while (sim.at(0).post([] {})) {
        }
        ++mailbox.told;
        EXPECT_TRUE(sim.at(0).signal(mailbox));
        return false;
      });
    }
    sim.run_until_idle();
    EXPECT_EQ(mailbox.done, 10) << "what had been signalled is seen";
  });
}

TEST(EventLoopSim, HandlesTheOthersHoweverManyEventsCrash) {
  const SimOptions options{.loops = 2, .ring_capacity = 16, .faults = {.post_held = 0.2, .event_crashes = 0.3}};
  explore(kSeeds, options, [](SimGroup& sim) {
    std::uint64_t ran = 0;
    std::uint64_t accepted = 0;
    for (int i = 0; i < 20; ++i) {
      sim.add_actor([&sim, &ran, &accepted] {
        if (sim.at(0).post([&ran] { ++ran; })) ++accepted;
        return false;
      });
    }
    sim.run_until_idle();
    EXPECT_EQ(ran + sim.crashes(), accepted);
    EXPECT_EQ(sim.at(0).stats().failures, sim.crashes());
  });
}

Task<> sleep_and_note(SimGroup& sim, Duration duration, std::vector<std::pair<Instant, Instant>>& woke) {
  const Instant deadline = later(EventLoop::current()->now(), duration);
  co_await sleep_until(deadline);
  woke.emplace_back(deadline, sim.clock().now());
}

TEST(EventLoopSim, FiresTimersNeverEarlyInTheOrderOfTheirDeadlinesAndOnTimeUnlessHeld) {
  for (const double stalls : {0.0, 0.05}) {
    const SimOptions options{.loops = 2, .faults = {.loop_stalls = stalls, .stall_max = 3ms}};
    explore(kSeeds / 2, options, [stalls](SimGroup& sim) {
      std::array<std::vector<std::pair<Instant, Instant>>, 2> woke;
      std::vector<Started<>> sleepers;
      for (int i = 0; i < 20; ++i) {
        const std::size_t loop = sim.random().below(2);
        const Duration duration = sim.random().between(0ns, 10ms);
        sleepers.push_back(sim.start(loop, sleep_and_note(sim, duration, woke[loop])));
      }
      EXPECT_TRUE(sim.run_until([&] { return woke[0].size() + woke[1].size() == 20; }, 1s));
      for (const auto& on_loop : woke) {
        EXPECT_TRUE(std::is_sorted(on_loop.begin(), on_loop.end()));
        for (const auto& [deadline, at] : on_loop) {
          EXPECT_GE(at, deadline);
          if (stalls == 0.0) EXPECT_EQ(at, deadline);
        }
      }
      for (Started<>& sleeper : sleepers) sleeper.get();
    });
  }
}

// A source whose work comes by posts.
class Inbox final : public WorkSource {
 public:
  std::size_t waiting = 0;
  std::size_t done = 0;

 private:
  More work() override {
    --waiting;
    ++done;
    return waiting == 0 ? More::no : More::yes;
  }
};

TEST(EventLoopSim, DoesAllWorkOfAllSourcesHoweverItComes) {
  const SimOptions options{.loops = 2, .ring_capacity = 4, .faults = {.post_held = 0.2, .loop_stalls = 0.02}};
  explore(kSeeds, options, [](SimGroup& sim) {
    std::array<Inbox, 3> inboxes;
    std::size_t accepted = 0;
    for (std::size_t i = 0; i < 30; ++i) {
      sim.add_actor([&sim, &inboxes, &accepted, i] {
        const auto posted = sim.at(0).post([&sim, &inbox = inboxes[i % 3]] {
          ++inbox.waiting;
          sim.at(0).make_ready(inbox);
        });
        if (posted) ++accepted;
        return false;
      });
    }
    sim.run_until_idle();
    EXPECT_EQ(inboxes[0].done + inboxes[1].done + inboxes[2].done, accepted);
  });
}

}  // namespace
}  // namespace fluxor::runtime
