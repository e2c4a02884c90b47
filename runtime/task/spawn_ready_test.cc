#include "runtime/task/spawn_ready.h"

#include <gtest/gtest.h>

#include <boost/system/system_error.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "runtime/task/frame_pool.h"
#include "runtime/task/scope.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/testing/explore.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/sim_group.h"
#include "runtime/testing/test_loop.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

// Ready after `start`, with a value that is not copied; then it works for a second.
Task<> serve(Ready<std::unique_ptr<int>> ready, Duration start, int value, Words& words) {
  try {
    co_await sleep_for(start);
    ready.set(std::make_unique<int>(value));
    words.emplace_back("ready");
    co_await sleep_for(1s);
    words.emplace_back("served");
  } catch (const Cancelled&) {
    words.emplace_back("cancelled");
    throw;
  }
}

Task<> fail_first(Ready<>, Duration start) {
  co_await sleep_for(start);
  throw std::runtime_error("boom");
}

Task<> fail_later(Ready<> ready) {
  ready.set();
  co_await sleep_for(1ms);
  throw std::runtime_error("later");
}

Task<> end_first(Ready<int>) { co_return; }

template <typename T>
std::string end_of(Started<T>& started) {
  if (!started.ready()) return "runs";
  try {
    static_cast<void>(started.get());
    return "value";
  } catch (const Cancelled&) {
    return "Cancelled";
  } catch (const boost::system::system_error& error) {
    return error.code() == Errc::cancelled ? "cancelled" : error.what();
  } catch (const std::exception& error) {
    return error.what();
  }
}

class SpawnReadyTest : public testing::Test {
 protected:
  ~SpawnReadyTest() override { EXPECT_EQ(live_frames(), frames_before_); }
  const std::uint64_t frames_before_ = live_frames();
  ManualClock clock;
  TestLoop loop{clock};
  Words words;
};

TEST_F(SpawnReadyTest, GoesOnWithTheValueWhenTheTaskIsReady) {
  const auto body = [](Words& log) -> Task<int> {
    co_return co_await with_scope([&](Scope& scope) -> Task<int> {
      const std::unique_ptr<int> value = co_await scope.spawn_ready(serve, 2ms, 7, std::ref(log));
      log.emplace_back("goes on");
      co_return *value;
    });
  };
  auto run = loop.start(body(words));
  loop.advance(2ms - 1ns);
  EXPECT_EQ(words, Words{});
  loop.advance(1ns);
  EXPECT_EQ(words, (Words{"ready", "goes on"}));
  loop.advance(1s);  // a task of the scope like any other, which is waited for
  EXPECT_EQ(words.back(), "served");
  EXPECT_EQ(run.get(), 7);
}

TEST_F(SpawnReadyTest, TakesMemberFunctionsAndLambdasWithoutCaptures) {
  struct Server {
    Task<> run(Ready<int> ready, int more) {
      ready.set(port + more);
      co_return;
    }
    int port;
  };
  const auto body = []() -> Task<> {
    co_await with_scope([](Scope& scope) -> Task<> {
      Server server{80};
      EXPECT_EQ(co_await scope.spawn_ready(&Server::run, &server, 1), 81);
      const auto lambda = [](Ready<> ready) -> Task<int> {
        ready.set();
        co_return 1;
      };
      co_await scope.spawn_ready(lambda);
    });
  };
  auto run = loop.start(body());
  EXPECT_EQ(end_of(run), "value");
}

TEST_F(SpawnReadyTest, GivesTheSpawnerAndOnlyItTheFailureOfATaskThatIsNotReady) {
  const auto body = [](Words& log) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      try {
        co_await scope.spawn_ready(fail_first, 1ms);
      } catch (const std::runtime_error& error) {
        log.emplace_back(error.what());
      }
      EXPECT_FALSE(scope.cancelled());
      co_await sleep_for(1ms);
      log.emplace_back("goes on");
    });
  };
  auto run = loop.start(body(words));
  loop.advance(2ms);
  EXPECT_EQ(words, (Words{"boom", "goes on"}));
  EXPECT_EQ(end_of(run), "value");
  EXPECT_TRUE(loop.failures().empty());
}

TEST_F(SpawnReadyTest, ThrowsWhenTheTaskEndsWithoutAWord) {
  const auto body = []() -> Task<> {
    co_await with_scope([](Scope& scope) -> Task<> { co_await scope.spawn_ready(end_first); });
  };
  auto run = loop.start(body());
  EXPECT_EQ(end_of(run), "the task has ended without being ready");
}

// Nor is it the success that ends a race.
TEST_F(SpawnReadyTest, LetsATaskThatWasNotReadyWinNoRace) {
  const auto body = [](Words& log) -> Task<> {
    co_await with_scope({.mode = ScopeMode::race}, [&](Scope& scope) -> Task<> {
      try {
        static_cast<void>(co_await scope.spawn_ready(end_first));
      } catch (const NeverReady&) {
        log.emplace_back("never");
      }
      EXPECT_FALSE(scope.cancelled());
    });
  };
  auto run = loop.start(body(words));
  EXPECT_EQ(end_of(run), "value");
  EXPECT_EQ(words, Words{"never"});
}

TEST_F(SpawnReadyTest, LeavesAFailureThatComesLaterToTheScope) {
  const auto body = [](Words& log) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      co_await scope.spawn_ready(fail_later);
      try {
        co_await sleep_for(1s);
      } catch (const Cancelled&) {
        log.emplace_back("cancelled");
        throw;
      }
    });
  };
  auto run = loop.start(body(words));
  loop.advance(1ms);
  EXPECT_EQ(words, Words{"cancelled"});
  EXPECT_EQ(end_of(run), "later");
}

// A task is started in one scope by a task of another, which is cancelled after `stop`.
Task<> start_from_outside(Duration stop, Words& words, bool fails) {
  co_await with_scope([&](Scope& target) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      auto spawner = scope.spawn(
          [](Scope& into, Words& log, bool unwinds_badly) -> Task<> {
            try {
              if (unwinds_badly) {
                co_await into.spawn_ready([](Ready<>) -> Task<> {
                  try {
                    co_await sleep_for(1s);
                  } catch (const Cancelled&) {
                    throw std::runtime_error("unwinds badly");
                  }
                });
              } else {
                static_cast<void>(co_await into.spawn_ready(serve, 5ms, 7, std::ref(log)));
                co_await sleep_for(1s);
              }
            } catch (const Cancelled&) {
              log.emplace_back("spawner cancelled");
              throw;
            } catch (const std::runtime_error& error) {
              log.emplace_back(error.what());
            }
          },
          std::ref(target), std::ref(words), fails);
      co_await sleep_for(stop);
      spawner.cancel();
    });
    words.emplace_back("left");
  });
}

TEST_F(SpawnReadyTest, CancelsAndJoinsTheTaskWhenTheSpawnerIsToldToStopWhileItWaits) {
  auto run = loop.start(start_from_outside(1ms, words, false));
  loop.advance(1ms);
  EXPECT_EQ(words, (Words{"cancelled", "spawner cancelled", "left"}));
  EXPECT_EQ(end_of(run), "value");
}

TEST_F(SpawnReadyTest, LeavesTheTaskRunningWhenTheSpawnerIsToldToStopLater) {
  auto run = loop.start(start_from_outside(6ms, words, false));
  loop.advance(6ms);
  EXPECT_EQ(words, (Words{"ready", "spawner cancelled", "left"}));
  loop.advance(1s);
  EXPECT_EQ(words.back(), "served");
  EXPECT_EQ(end_of(run), "value");
}

TEST_F(SpawnReadyTest, GivesTheFailureWithWhichTheTaskUnwindsToTheSpawner) {
  auto run = loop.start(start_from_outside(1ms, words, true));
  loop.advance(1ms);
  EXPECT_EQ(words, (Words{"unwinds badly", "left"}));
  EXPECT_EQ(end_of(run), "value");
  EXPECT_TRUE(loop.failures().empty());
}

// A word that comes too late reaches nobody.
TEST_F(SpawnReadyTest, IgnoresAWordThatComesAfterTheSpawnerWasToldToStop) {
  const auto body = [](Words& log) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      auto spawner = scope.spawn(
          [](Scope& into, Words& to) -> Task<> {
            const auto late = [](Ready<int> ready) -> Task<> {
              try {
                co_await sleep_for(1s);
              } catch (const Cancelled&) {
                ready.set(7);
                throw;
              }
            };
            try {
              co_await into.spawn_ready(late);
              to.emplace_back("ready");
            } catch (const Cancelled&) {
              to.emplace_back("spawner cancelled");
              throw;
            }
          },
          std::ref(scope), std::ref(log));
      co_await sleep_for(1ms);
      spawner.cancel();
    });
  };
  auto run = loop.start(body(words));
  loop.advance(1ms);
  EXPECT_EQ(words, Words{"spawner cancelled"});
  EXPECT_EQ(end_of(run), "value");
}

TEST_F(SpawnReadyTest, GivesTheValueToASpawnerThatIsToldToStopAfterItWasWoken) {
  const auto body = [](Words& log) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      const auto stops_all = [](Ready<int> ready, Scope& all) -> Task<> {
        ready.set(7);
        all.cancel();
        co_return;
      };
      log.push_back(std::to_string(co_await scope.spawn_ready(stops_all, std::ref(scope))));
    });
  };
  auto run = loop.start(body(words));
  EXPECT_EQ(words, Words{"7"});
  EXPECT_EQ(end_of(run), "value");
}

TEST_F(SpawnReadyTest, SaysCancelledWhenTheTaskIsToldToStopWithItsScope) {
  const auto body = [](Words& log) -> Task<> {
    co_await with_scope([&](Scope& outer) -> Task<> {
      co_await with_scope([&](Scope& target) -> Task<> {
        auto spawner = outer.spawn(
            [](Scope& into, Words& to) -> Task<> {
              try {
                static_cast<void>(co_await into.spawn_ready(serve, 5ms, 7, std::ref(to)));
              } catch (const boost::system::system_error& error) {
                if (error.code() == Errc::cancelled) to.emplace_back("not ready: cancelled");
              }
            },
            std::ref(target), std::ref(log));
        co_await sleep_for(1ms);
        target.cancel();
      });
    });
  };
  auto run = loop.start(body(words));
  loop.advance(1ms);
  EXPECT_EQ(words, (Words{"cancelled", "not ready: cancelled"}));
}

TEST_F(SpawnReadyTest, SpawnsNothingInATaskThatWasToldToStopBefore) {
  const auto body = [](Words& log) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.cancel();
      static_cast<void>(co_await scope.spawn_ready(serve, 0ms, 7, std::ref(log)));
    });
  };
  auto run = loop.start(body(words));
  EXPECT_TRUE(run.ready());
  EXPECT_EQ(words, Words{});
}

TEST_F(SpawnReadyTest, LetsTheWordBeSaidByAnotherTask) {
  struct Says {
    static Task<> now(Ready<int> ready) {
      co_await sleep_for(1ms);
      ready.set(7);
    }
    static Task<> through_another(Ready<int> ready, Scope& scope) {
      scope.spawn(&Says::now, std::move(ready));
      co_await sleep_for(2ms);
    }
  };
  const auto body = []() -> Task<int> {
    co_return co_await with_scope([&](Scope& scope) -> Task<int> {
      co_return co_await scope.spawn_ready(&Says::through_another, std::ref(scope));
    });
  };
  auto run = loop.start(body());
  loop.advance(2ms);
  EXPECT_EQ(run.get(), 7);
}

TEST_F(SpawnReadyTest, LetsAWordOutliveItsTaskAndWhoeverWaited) {
  using Kept = std::unique_ptr<Ready<int>>;
  const auto keeps = [](Ready<int> ready, Kept& kept) -> Task<> {
    kept = std::make_unique<Ready<int>>(std::move(ready));
    co_return;
  };
  const auto body = [](auto function, Kept& kept) -> Task<> {
    co_await with_scope(
        [&](Scope& scope) -> Task<> { static_cast<void>(co_await scope.spawn_ready(function, std::ref(kept))); });
  };
  Kept kept;
  auto run = loop.start(body(keeps, kept));
  EXPECT_EQ(end_of(run), "the task has ended without being ready");
  kept->set(7);  // nobody listens
}

TEST(SpawnReadyDeathTest, IsReadyOnce) {
  ManualClock clock;
  const auto body = []() -> Task<> {
    co_await with_scope([](Scope& scope) -> Task<> {
      const auto twice = [](Ready<> ready) -> Task<> {
        ready.set();
        ready.set();
        co_return;
      };
      co_await scope.spawn_ready(twice);
    });
  };
  EXPECT_DEATH(
      {
        TestLoop loop(clock);
        static_cast<void>(loop.start(body()));
      },
      "a task is ready once");
}

TEST(SpawnReadyProperty, AnswersOnceHoweverTheTwoEnd) {
  struct State {
    SimGroup& sim;
    int answers = 0, live = 0;
  };
  struct Run {
    static Task<> child(Ready<int> ready, State& state) {
      const struct Live {
        explicit Live(int& count) : live(count) { ++live; }
        ~Live() { --live; }
        int& live;
      } here(state.live);
      co_await sleep_for(Duration(state.sim.random().below(5)));
      if (state.sim.random().chance(0.2)) throw std::runtime_error("early");
      if (state.sim.random().chance(0.2)) co_return;
      ready.set(7);
      co_await sleep_for(Duration(state.sim.random().below(5)));
    }
    static Task<> spawner(Scope& into, State& state) {
      bool joined = true;
      try {
        EXPECT_EQ(co_await into.spawn_ready(&Run::child, std::ref(state)), 7);
        joined = false;
      } catch (const std::exception&) {
      } catch (const Cancelled&) {
        ++state.answers;
        EXPECT_EQ(state.live, 0);
        throw;
      }
      if (joined) EXPECT_EQ(state.live, 0);
      ++state.answers;
    }
    static Task<> all(State& state) {
      co_await with_scope([&](Scope& scope) -> Task<> {
        auto spawner = scope.spawn(&Run::spawner, std::ref(scope), std::ref(state));
        co_await sleep_for(Duration(state.sim.random().below(8)));
        spawner.cancel();
      });
    }
  };
  explore(1000, {.loops = 1, .faults = {.unit_time_max = Duration(1)}}, [](SimGroup& sim) {
    State state{sim};
    auto run = sim.start(0, Run::all(state));
    ASSERT_TRUE(sim.run_until([&] { return run.ready(); }, 1s));
    EXPECT_NO_THROW(run.get());
    EXPECT_LE(state.answers, 1);
    EXPECT_EQ(state.live, 0);
    EXPECT_EQ(sim.failures(), std::vector<std::string>{});
  });
}

}  // namespace
}  // namespace fluxor::runtime
