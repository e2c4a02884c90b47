#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string>
#include <utility>

#include "runtime/loop/event_loop.h"
#include "runtime/net/epoll_poller.h"
#include "runtime/task/post_when_room.h"
#include "runtime/task/scope.h"
#include "runtime/task/scope_fixture.h"
#include "runtime/task/use_task.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;
using ScopeCancelTest = ScopeFixture;

Task<> cancel_at(Duration delay, Scope* scope) {
  co_await sleep_for(delay);
  scope->cancel();
}

Task<> await_child(Child<>* child, Words* words) {
  try {
    co_await *child;
  } catch (const Cancelled&) {
    words->push_back("awaiter cancelled");
    throw;
  }
}

Task<> post_to(EventLoop* full, Words* words) {
  const Result<void> posted = co_await post_when_room(*full, [] { ADD_FAILURE() << "it was cancelled"; });
  words->push_back(posted ? "posted" : posted.error() == Errc::cancelled ? "post cancelled" : "post failed");
}

Task<> wait_in_asio(EventLoop* loop, Words* words) {
  boost::asio::steady_timer timer(loop->io_context(), 1h);
  const Result<void> waited = co_await timer.async_wait(use_task);
  words->push_back(waited ? "waited" : waited.error() == Errc::cancelled ? "asio cancelled" : "asio failed");
}

Task<> nest(Words* words) {
  co_await with_scope([&](Scope& scope) -> Task<> {
    scope.spawn(say_after, 1s, std::string("nested"), words);
    co_return;
  });
}

TEST_F(ScopeCancelTest, WakesAllThatWaitsAtOnce) {
  EventLoop home({}, clock, EpollPoller::create().value(), nullptr);  // Asio needs a poller of the kernel's
  EventLoop full({.ring_capacity = 2}, clock, EpollPoller::create().value(), nullptr);
  while (full.post([] {})) {
  }
  const auto body = [](EventLoop* here, EventLoop* other, Words* words) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.spawn(say_after, 1s, std::string("timer"), words);
      scope.spawn(post_to, other, words);
      scope.spawn(wait_in_asio, here, words);
      scope.spawn(nest, words);
      auto child = scope.spawn(say_after, 1s, std::string("child"), words);
      scope.spawn(await_child, &child, words);
      co_await cancel_at(1ms, &scope);
      co_await say_after(0ms, "body", words);
    });
  };
  auto run = Started<>::on(home, body(&home, &full, &words));
  home.run_until_idle();
  clock.advance(1ms);
  home.run_until_idle();
  EXPECT_EQ(end_of(run), "value");  // as told, and nobody needs a value of it
  std::sort(words.begin(), words.end());
  EXPECT_EQ(words, (Words{"asio cancelled", "awaiter cancelled", "body cancelled", "child cancelled",
                          "nested cancelled", "post cancelled", "timer cancelled"}));
  EXPECT_EQ(home.next_expiry(), kNever);
  full.run_until_idle();
}

// An operation that somebody has written himself, and that completes inside of its cancellation.
template <typename Token>
auto async_never(Token&& token) {
  return boost::asio::async_initiate<Token, void(boost::system::error_code)>(
      [](auto handler) {
        const auto slot = boost::asio::get_associated_cancellation_slot(handler);
        auto kept = slot;
        kept.assign([done = std::move(handler)](boost::asio::cancellation_type) mutable {
          auto last = std::move(done);  // the slot, with this in it, is gone after the completion
          last(boost::asio::error::operation_aborted);
        });
      },
      token);
}

Task<> wait_forever(Words* words) {
  const Result<void> waited = co_await async_never(use_task);
  words->push_back(!waited && waited.error() == Errc::cancelled ? "cancelled" : "?");
}

TEST_F(ScopeCancelTest, RunsNobodyInsideOfTheCancellation) {
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      for (int i = 0; i < 3; ++i) scope.spawn(wait_forever, words);
      co_await sleep_for(1ms);
      scope.cancel();
      words->push_back("told");
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(1ms);
  EXPECT_EQ(end_of(run), "value");
  EXPECT_EQ(words, (Words{"told", "cancelled", "cancelled", "cancelled"}));
}

TEST_F(ScopeCancelTest, IsAnErrorWhereTheBodyOwesAValue) {
  const auto body = []() -> Task<int> {
    co_return co_await with_scope([&](Scope& scope) -> Task<int> {
      scope.cancel();
      co_await sleep_for(1ms);
      co_return 7;
    });
  };
  auto run = loop.start(body());
  EXPECT_EQ(end_of(run), "cancelled [fluxor:3]");
}

TEST_F(ScopeCancelTest, LeavesTheValueOfABodyThatHasOne) {
  const auto body = [](Words* words) -> Task<int> {
    co_return co_await with_scope([&](Scope& scope) -> Task<int> {
      scope.spawn(say_after, 1s, std::string("a"), words);
      scope.cancel();
      co_return 7;
    });
  };
  auto run = loop.start(body(&words));
  EXPECT_EQ(run.get(), 7);
  EXPECT_EQ(words, Words{"a cancelled"});
}

TEST_F(ScopeCancelTest, ReachesTasksThatAreSpawnedLaterAndThoseAreJoined) {
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.cancel();
      scope.spawn(say_after, 1s, std::string("late"), words);
      co_return;
    });
    words->push_back("joined");
  };
  auto run = loop.start(body(&words));
  EXPECT_EQ(end_of(run), "value");
  EXPECT_EQ(words, (Words{"late cancelled", "joined"}));
}

TEST_F(ScopeCancelTest, GainsNothingForWhoCatchesIt) {
  struct Stubborn {
    static Task<> run(Words* words) {
      for (int i = 0; i < 3; ++i) {
        try {
          co_await sleep_for(1s);
          words->push_back("slept");
        } catch (const Cancelled&) {
          words->push_back("again");
        }
      }
      try {
        co_await with_scope([](Scope&) -> Task<> {
          ADD_FAILURE() << "it does not begin";
          co_return;
        });
      } catch (const Cancelled&) {
        words->push_back("no scope");
      }
    }
  };
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.spawn(&Stubborn::run, words);
      co_await cancel_at(1ms, &scope);
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(1ms);
  EXPECT_EQ(end_of(run), "value");
  EXPECT_EQ(words, (Words{"again", "again", "again", "no scope"}));
}

TEST_F(ScopeCancelTest, PassesByWhoCatchesStandardExceptions) {
  struct Work {
    static Task<> run(Words* words) {
      try {
        co_await sleep_for(1s);
      } catch (const std::exception&) {
        words->push_back("caught");
      }
    }
  };
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.spawn(&Work::run, words);
      co_await cancel_at(1ms, &scope);
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(1ms);
  EXPECT_EQ(end_of(run), "value");
  EXPECT_TRUE(words.empty());
}

// What was woken before it was told to stop gets what it waited for.
TEST_F(ScopeCancelTest, LosesNoValueThatWasHandedOver) {
  struct Take {
    static Task<> run(Child<int>* child, int* value) { *value = co_await *child; }
  };
  struct Cancel {
    static Task<> run(Scope* all) {
      all->cancel();
      co_return;
    }
  };
  struct Give {
    static Task<int> run(Scope* scope) {
      co_await sleep_for(1ms);
      scope->spawn(&Cancel::run, scope);  // runs before the one that is woken by the end of this task
      co_return 42;
    }
  };
  int value = 0;
  const auto body = [](int* to) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      auto child = scope.spawn(&Give::run, &scope);
      scope.spawn(&Take::run, &child, to);
      co_await sleep_for(1s);
    });
  };
  auto run = loop.start(body(&value));
  loop.advance(1ms);
  EXPECT_TRUE(run.ready());
  EXPECT_EQ(value, 42);
}

// The same for a scope: its body has ended with a value when the task around is told to stop.
TEST_F(ScopeCancelTest, LosesNoValueOfAScopeThatHasEnded) {
  struct Inner {
    static Task<> run(int* value, Words* words) {
      *value = co_await with_scope([&](Scope& scope) -> Task<int> {
        scope.spawn(say_after, 1s, std::string("a"), words).cancel();
        co_await sleep_for(1ms);
        co_return 7;
      });
    }
  };
  int value = 0;
  const auto body = [](int* to, Words* words) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.spawn(&Inner::run, to, words);
      co_await sleep_for(500us);
      scope.spawn(cancel_at, Duration(500us), &scope);  // armed, and so due, after the body inside
    });
  };
  auto run = loop.start(body(&value, &words));
  loop.advance(1ms);
  EXPECT_EQ(end_of(run), "value");
  EXPECT_EQ(value, 7);
}

// The one that was cancelled by hand before is no reason either: nothing was cut short by the word from around.
TEST_F(ScopeCancelTest, LosesNoValueOfABodyThatGoesOnToItsEnd) {
  struct Inner {
    static Task<> run(int* value, Words* words) {
      *value = co_await with_scope([&](Scope& scope) -> Task<int> {
        scope.spawn(say_after, 1s, std::string("a"), words).cancel();
        co_await succeed_when_cancelled();
        co_return 7;
      });
    }
  };
  int value = 0;
  const auto body = [](int* to, Words* words) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.spawn(&Inner::run, to, words);
      co_await cancel_at(1ms, &scope);
    });
  };
  auto run = loop.start(body(&value, &words));
  loop.advance(1ms);
  EXPECT_EQ(end_of(run), "value");
  EXPECT_EQ(value, 7);
}

TEST_F(ScopeCancelTest, OfADeepTreeUsesNoStack) {
  struct Nest {
    static Task<> deep(int depth, Words* words) {
      if (depth == 0) {
        co_await say_after(1s, "leaf", words);
      } else {
        co_await with_scope([&](Scope& scope) -> Task<> {
          scope.spawn(&Nest::deep, depth - 1, words);
          co_return;
        });
      }
    }
  };
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope(within(5ms), [&](Scope&) -> Task<> { co_await Nest::deep(100'000, words); });
  };
  auto run = loop.start(body(&words));
  loop.advance(5ms);
  EXPECT_EQ(end_of(run), kDeadlineText);
  EXPECT_EQ(words, Words{"leaf late"});
}

TEST_F(ScopeCancelTest, ReasonIsTheFirstOne) {
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope(within(1ms), [&](Scope& scope) -> Task<> {
      scope.spawn(say_after, 1s, std::string("a"), words);
      try {
        co_await sleep_for(1s);
      } catch (const Cancelled&) {
      }
      scope.cancel();
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(1ms);
  EXPECT_EQ(end_of(run), kDeadlineText);
  EXPECT_EQ(words, Words{"a late"});
}

}  // namespace
}  // namespace fluxor::runtime
