#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/errc.h"
#include "runtime/base/result.h"
#include "runtime/task/scope.h"
#include "runtime/task/scope_fixture.h"
#include "runtime/testing/allocation_limit.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;
using ChildTest = ScopeFixture;

// Waits for `child`, and says what came of it.
template <typename T>
Task<> tell(Child<T>* child, Words* words) {
  try {
    static_cast<void>(co_await *child);
    words->push_back("value");
  } catch (const std::exception& error) {
    words->push_back(error.what());
  }
}
Task<> await_it(Child<>* child) { co_await *child; }

TEST_F(ChildTest, HandsItsValueOver) {
  const auto body = []() -> Task<int> {
    co_return co_await with_scope([&](Scope& scope) -> Task<int> {
      auto slow = scope.spawn(value_after, 2ms, 40);
      auto quick = scope.spawn(value_after, 1ms, 2);
      const int sum = co_await slow + co_await quick;
      co_return sum;
    });
  };
  auto run = loop.start(body());
  loop.advance(2ms);
  EXPECT_EQ(run.get(), 42);
}

TEST_F(ChildTest, KeepsItsValueAfterTheScope) {
  std::optional<Child<int>> child;
  const auto body = [](std::optional<Child<int>>* kept) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      kept->emplace(scope.spawn(value_after, 1ms, 42));
      co_return;
    });
  };
  auto run = loop.start(body(&child));
  EXPECT_FALSE(child->done());
  loop.advance(1ms);
  EXPECT_TRUE(run.ready());
  EXPECT_TRUE(child->done());
  child->cancel();  // too late
  EXPECT_EQ(child->take(), 42);
}

TEST_F(ChildTest, ChangesNothingWhenItIsDropped) {
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      {
        auto child = scope.spawn(say_after, 1ms, std::string("a"), words);
      }
      co_return;
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(1ms);
  EXPECT_EQ(words, Words{"a"});
}

TEST_F(ChildTest, IsStillAwaitedWhenItIsDroppedByAnother) {
  struct Await {
    static Task<> run(std::vector<Child<int>>* children, int* got) { *got = co_await children->front(); }
  };
  int got = 0;
  const auto body = [](int* to) -> Task<> {
    std::vector<Child<int>> children;
    co_await with_scope([&](Scope& scope) -> Task<> {
      children.push_back(scope.spawn(value_after, 2ms, 42));
      scope.spawn(&Await::run, &children, to);
      co_await sleep_for(1ms);
      children.clear();
    });
  };
  auto run = loop.start(body(&got));
  loop.advance(2ms);
  EXPECT_EQ(end_of(run), "value");
  EXPECT_EQ(got, 42);
}

TEST_F(ChildTest, ThrowsItsFailureToEachWhoAsks) {
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope({.mode = ScopeMode::supervised}, [&](Scope& scope) -> Task<> {
      auto child = scope.spawn(value_after, 1ms, 1);
      auto fails = scope.spawn(fail_after, 1ms, std::string("boom"));
      for (int i = 0; i < 2; ++i) {
        try {
          co_await fails;
        } catch (const std::runtime_error& error) {
          words->push_back(error.what());
        }
      }
      co_await child;
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(1ms);
  EXPECT_EQ(words, (Words{"boom", "boom"}));
  EXPECT_TRUE(loop.failures().empty());  // somebody has heard of it
}

TEST_F(ChildTest, SaysThatItWasCancelled) {
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      auto child = scope.spawn(say_after, 1s, std::string("a"), words);
      scope.spawn(tell<void>, &child, words);
      co_await sleep_for(1ms);
      child.cancel();
      co_await sleep_for(1ms);
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(2ms);
  EXPECT_EQ(end_of(run), "value");  // it is no failure
  EXPECT_EQ(words, (Words{"a cancelled", "cancelled [fluxor:3]"}));
}

TEST_F(ChildTest, BeginsCancelledWhenItIsCancelledBefore) {
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      auto child = scope.spawn(say_after, 1s, std::string("a"), words);
      child.cancel();
      co_return;
    });
  };
  auto run = loop.start(body(&words));
  EXPECT_EQ(end_of(run), "value");
  EXPECT_EQ(words, Words{"a cancelled"});
}

// Both were told to stop one by one, and the child's end came first: what its awaiter gets is no failure either.
TEST_F(ChildTest, IsNoFailureOfACancelledTaskThatAwaitsIt) {
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      auto child = scope.spawn(say_after, 1s, std::string("a"), words);
      auto awaiter = scope.spawn(await_it, &child);
      co_await sleep_for(1ms);
      child.cancel();
      struct Stop {
        static Task<> run(Child<>* child) {
          child->cancel();
          co_return;
        }
      };
      scope.spawn(&Stop::run, &awaiter);  // runs after the child, and before its awaiter
      co_await sleep_for(1ms);
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(2ms);
  EXPECT_EQ(end_of(run), "value");
}

TEST_F(ChildTest, IsNoFailureWhenItTakesTheValueOfAnInterruptedResult) {
  struct Work {
    static Task<> run(Errc errc) {
      try {
        co_await sleep_for(1s);
      } catch (const Cancelled&) {
      }
      static_cast<void>(Result<int>(make_error_code(errc)).value());
    }
  };
  for (const auto& [errc, end] :
       {std::pair(Errc::cancelled, "value"), std::pair(Errc::deadline, "value"), std::pair(Errc::closed, "closed")}) {
    const auto body = [](Errc with) -> Task<> {
      co_await with_scope([&](Scope& scope) -> Task<> {
        auto child = scope.spawn(&Work::run, with);
        co_await sleep_for(1ms);
        child.cancel();
      });
    };
    auto run = loop.start(body(errc));
    loop.advance(1ms);
    EXPECT_EQ(end_of(run).substr(0, 6), std::string(end).substr(0, 6));
  }
}

TEST_F(ChildTest, FailsWhenItThrowsCancelledByHand) {
  struct Work {
    static Task<> run(bool by_hand) {
      if (by_hand) throw Cancelled{};
      static_cast<void>(Result<int>(make_error_code(Errc::cancelled)).value());
      co_return;
    }
  };
  for (const bool by_hand : {true, false}) {
    const auto body = [](bool hand, Words* words) -> Task<> {
      co_await with_scope([&](Scope& scope) -> Task<> {
        scope.spawn(&Work::run, hand);
        co_await say_after(1s, "body", words);
      });
    };
    auto run = loop.start(body(by_hand, &words));
    EXPECT_EQ(end_of(run), by_hand ? "Cancelled" : "cancelled [fluxor:3]");
  }
  EXPECT_EQ(words, (Words{"body cancelled", "body cancelled"}));
}

TEST_F(ChildTest, LetsItsArgumentsGoBeforeItsEndIsHeardOf) {
  struct Work {
    static Task<> run(std::shared_ptr<int>) { co_return; }
  };
  auto held = std::make_shared<int>(1);
  const auto body = [](std::shared_ptr<int>* to_hold) -> Task<int> {
    co_return co_await with_scope([&](Scope& scope) -> Task<int> {
      auto child = scope.spawn(&Work::run, *to_hold);
      co_await child;
      co_return static_cast<int>(to_hold->use_count());
    });
  };
  auto run = loop.start(body(&held));
  EXPECT_EQ(run.get(), 1);
}

TEST_F(ChildTest, IsNoLongerTheCurrentTaskWhenItsFrameGoes) {
  struct Note {
    explicit Note(const TaskState** to) noexcept : seen(to) {}
    Note(Note&& other) noexcept : seen(other.seen) {}
    ~Note() { *seen = TaskState::current(); }
    const TaskState** seen;
  };
  struct Work {
    static Task<> run(Note) { co_return; }
  };
  const TaskState* seen = nullptr;
  const auto body = [](const TaskState** to) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.spawn(&Work::run, Note(to));
      *to = TaskState::current();
      co_return;
    });
  };
  auto run = loop.start(body(&seen));
  EXPECT_EQ(seen, nullptr);
}

TEST_F(ChildTest, BeginsNothingWithoutMemoryForItsFrame) {
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      // More than is ever kept for another frame.
      struct Large {
        std::array<char, 8192> bytes{};
      };
      struct Work {
        static Task<> run(Large, Words* told) {
          told->push_back("began");
          co_return;
        }
      };
      try {
        const AllocationLimit limit(4096);
        scope.spawn(&Work::run, Large(), words);
      } catch (const std::bad_alloc&) {
        words->push_back("no memory");
      }
      co_return;
    });
  };
  auto run = loop.start(body(&words));
  EXPECT_EQ(end_of(run), "value");
  EXPECT_EQ(words, Words{"no memory"});
}

TEST_F(ChildTest, IsLeftToTheFailureHandlerWhenNobodyHasAsked) {
  std::optional<Child<>> child;
  const auto body = [](std::optional<Child<>>* kept) -> Task<> {
    co_await with_scope({.mode = ScopeMode::supervised}, [&](Scope& scope) -> Task<> {
      kept->emplace(scope.spawn(fail_after, 1ms, std::string("boom")));
      co_return;
    });
  };
  auto run = loop.start(body(&child));
  loop.advance(1ms);
  EXPECT_EQ(end_of(run), "value");
  EXPECT_TRUE(loop.failures().empty());  // somebody may ask
  child.reset();
  EXPECT_EQ(loop.failures(), Words{"boom"});
}

using ChildDeathTest = ChildTest;

TEST_F(ChildDeathTest, StopsWhenTwoTasksAwaitIt) {
  const auto body = []() -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      auto child = scope.spawn(fail_after, 1ms, std::string("boom"));
      scope.spawn(await_it, &child);
      scope.spawn(await_it, &child);
      co_await sleep_for(1ms);
    });
  };
  EXPECT_DEATH(static_cast<void>(loop.start(body())), "one task at a time awaits a child");
}

TEST_F(ChildDeathTest, StopsWhenItIsUsedAfterItWasMovedFrom) {
  const auto body = []() -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      auto child = scope.spawn(value_after, 1ms, 1);
      const auto other = std::move(child);
      child.cancel();  // NOLINT(bugprone-use-after-move): that is the question
      co_return;
    });
  };
  EXPECT_DEATH(static_cast<void>(loop.start(body())), "after it was moved from");
}

}  // namespace
}  // namespace fluxor::runtime
