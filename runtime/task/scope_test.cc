#include "runtime/task/scope.h"

#include <gtest/gtest.h>

#include <boost/system/system_error.hpp>
#include <functional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/loop/event_loop.h"
#include "runtime/task/scope_fixture.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;
using ScopeTest = ScopeFixture;

TEST_F(ScopeTest, WaitsForAllItsTasksWhenTheBodyReturns) {
  const auto body = [](Words* words) -> Task<int> {
    co_return co_await with_scope([&](Scope& scope) -> Task<int> {
      for (const int ms : {3, 1, 2}) scope.spawn(say_after, std::chrono::milliseconds(ms), std::to_string(ms), words);
      co_return 7;
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(3ms - 1ns);
  EXPECT_FALSE(run.ready());
  loop.advance(1ns);
  EXPECT_EQ(run.get(), 7);
  EXPECT_EQ(words, (Words{"1", "2", "3"}));
}

TEST_F(ScopeTest, WaitsForTheBodyWhenItsTasksEndBefore) {
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.spawn(say_after, 1ms, std::string("task"), words);
      co_await say_after(2ms, "body", words);
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(2ms - 1ns);
  EXPECT_FALSE(run.ready());
  loop.advance(1ns);
  EXPECT_TRUE(run.ready());
  EXPECT_EQ(words, (Words{"task", "body"}));
}

TEST_F(ScopeTest, CancelsAndJoinsAllWhenTheBodyThrows) {
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.spawn(say_after, 1s, std::string("a"), words);
      co_await sleep_for(1ms);
      throw std::runtime_error("boom");
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(1ms);
  EXPECT_EQ(end_of(run), "boom");
  EXPECT_EQ(words, Words{"a cancelled"});
}

TEST_F(ScopeTest, OwnsWhatIsSpawnedIntoItWhereverSpawnIsCalled) {
  struct Inner {
    static Task<> run(Scope& outer, Words* words) {
      co_await with_scope([&](Scope&) -> Task<> {
        outer.spawn(say_after, 5ms, std::string("outer's"), words);
        co_return;
      });
      words->push_back("inner left");
    }
  };
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.spawn(&Inner::run, std::ref(scope), words);
      co_return;
    });
    words->push_back("outer left");
  };
  auto run = loop.start(body(&words));
  EXPECT_EQ(words, Words{"inner left"});
  loop.advance(5ms);
  EXPECT_EQ(words, (Words{"inner left", "outer's", "outer left"}));
}

TEST_F(ScopeTest, GivesItsDeadlineToWhatIsSpawnedFromInsideAnother) {
  struct Note {
    static Task<> run(Instant* deadline) {
      *deadline = TaskState::current()->deadline();
      co_return;
    }
  };
  Instant noted{};
  const Instant start = clock.now();
  const auto body = [](Instant* to) -> Task<> {
    co_await with_scope(within(5ms), [&](Scope& outer) -> Task<> {
      co_await with_scope(within(1ms), [&](Scope&) -> Task<> {
        outer.spawn(&Note::run, to);
        co_return;
      });
    });
  };
  auto run = loop.start(body(&noted));
  EXPECT_EQ(noted, start + 5ms);
}

TEST_F(ScopeTest, KnowsWhereATaskWasSpawned) {
  struct Work {
    static Task<> run(EventLoop* here, std::source_location* site, Words* labels) {
      *site = TaskState::current()->site();
      labels->push_back(here->activity().label());
      co_await sleep_for(1ms);
      labels->push_back(here->activity().label());
    }
  };
  std::source_location site;
  std::uint_least32_t line = 0;
  const auto body = [](EventLoop* here, std::source_location* to, Words* labels, std::uint_least32_t* at) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      *at = __LINE__ + 1;
      scope.spawn(&Work::run, here, to, labels);
      co_return;
    });
  };
  auto run = loop.start(body(&loop.loop(), &site, &words, &line));
  loop.advance(1ms);
  EXPECT_EQ(site.line(), line);
  EXPECT_TRUE(std::string_view(site.file_name()).ends_with("scope_test.cc"));
  // Who looks at the loop sees the site while the task runs, also after a suspension, and nothing after that.
  EXPECT_EQ(words, (Words{site.function_name(), site.function_name()}));
  EXPECT_EQ(loop.loop().activity().label(), nullptr);
}

TEST_F(ScopeTest, AwaitsAMillionReadyTasksWithoutStack) {
  struct Ready {
    static Task<int> one() { co_return 1; }
    static Task<int> sum() {
      int all = 0;
      for (int i = 0; i < 1'000'000; ++i) all += co_await one();
      co_return all;
    }
  };
  const auto body = []() -> Task<int> {
    co_return co_await with_scope([](Scope& scope) -> Task<int> {
      auto child = scope.spawn(&Ready::sum);
      co_return co_await child;
    });
  };
  auto run = loop.start(body());
  EXPECT_EQ(run.get(), 1'000'000);
}

TEST_F(ScopeTest, AwaitsAHundredThousandChildrenThatAreReady) {
  struct One {
    static Task<int> run() { co_return 1; }
  };
  const auto body = []() -> Task<int> {
    co_return co_await with_scope([](Scope& scope) -> Task<int> {
      std::vector<Child<int>> children;
      for (int i = 0; i < 100'000; ++i) children.push_back(scope.spawn(&One::run));
      int all = 0;
      for (Child<int>& child : children) all += co_await child;
      co_return all;
    });
  };
  auto run = loop.start(body());
  EXPECT_EQ(run.get(), 100'000);
}

TEST_F(ScopeTest, SpawnsMemberFunctionsOnAnObjectOrAPointer) {
  struct Counter {
    int count = 0;
    Task<> add(int by) {
      count += by;
      co_return;
    }
  };
  Counter counter;
  const auto body = [](Counter* on) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.spawn(&Counter::add, on, 1);
      scope.spawn(&Counter::add, std::ref(*on), 2);
      scope.spawn([](Counter& to) -> Task<> { return to.add(4); }, std::ref(*on));
      co_return;
    });
  };
  auto run = loop.start(body(&counter));
  EXPECT_EQ(counter.count, 7);
}

TEST(ScopeDeathTest, StopsWhenItIsOpenedOffALoop) {
  const auto body = []() -> Task<> { co_await with_scope(within(1ms), [](Scope&) -> Task<> { co_return; }); };
  EXPECT_DEATH(start(body(), [](Outcome<>) {}), "lives on an event loop");
}

using ScopeClosedDeathTest = ScopeFixture;

TEST_F(ScopeClosedDeathTest, StopsWhenItGetsATaskAfterItsLastHasEnded) {
  Scope* kept = nullptr;
  const auto body = [](Scope** to) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      *to = &scope;
      co_await sleep_for(1ms);
    });
    *to = nullptr;
  };
  struct Late {
    static Task<> run(Scope** scope, Words* words) {
      co_await sleep_for(1ms);  // right after the body, while the scope is still there
      if (*scope != nullptr && *words == Words{"now"})
        (*scope)->spawn(say_after, Duration(0), std::string("late"), words);
    }
  };
  auto run = loop.start(body(&kept));
  auto late = loop.start(Late::run(&kept, &words));
  EXPECT_DEATH(
      {
        words.push_back("now");
        loop.advance(1ms);
      },
      "a scope is not used after its tasks have ended");
  loop.advance(1ms);
}

// It is one failure, that comes out of the task and again out of the body that awaits it.
TEST_F(ScopeTest, ReportsNoFailureThatItThrowsAlready) {
  const auto body = []() -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      auto child = scope.spawn(fail_after, 1ms, std::string("boom"));
      co_await child;
    });
  };
  auto run = loop.start(body());
  loop.advance(1ms);
  EXPECT_EQ(end_of(run), "boom");
  EXPECT_EQ(loop.failures(), Words{});
}

}  // namespace
}  // namespace fluxor::runtime
