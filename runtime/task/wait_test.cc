#include "runtime/task/wait.h"

#include <gtest/gtest.h>

#include <coroutine>

#include "runtime/task/scope.h"
#include "runtime/task/scope_fixture.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

// A wait that a test ends by hand.
class Gate final : public Wait {
 public:
  explicit Gate(bool may_leave, Gate** place) noexcept : may_leave_(may_leave), place_(place) {}
  bool await_ready() const noexcept { return false; }
  template <TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> awaiting) noexcept {
    if (!suspend(awaiting)) return false;
    *place_ = this;
    return true;
  }
  void await_resume() const { throw_if_interrupted(); }
  const char* what() const noexcept override { return "a gate"; }
  void open() noexcept { wake(); }
  void open_now() noexcept { resume_now(); }

 private:
  Ends on_cancel() noexcept override { return may_leave_ ? Ends::yes : Ends::no; }
  const bool may_leave_;
  Gate** const place_;
};

class WaitTest : public ScopeFixture {
 protected:
  static Task<> pass(bool may_leave, Gate** place, Words* told) {
    try {
      co_await Gate(may_leave, place);
      told->push_back("passed");
    } catch (const Cancelled&) {
      told->push_back("cancelled");
      throw;
    }
  }
  // Spawned in a scope, and cancelled when the test says so.
  Started<> start_pass(bool may_leave) {
    const auto body = [](bool leave, Gate** place, Scope** to, Words* told) -> Task<> {
      co_await with_scope([&](Scope& all) -> Task<> {
        *to = &all;
        co_await pass(leave, place, told);
      });
    };
    return loop.start(body(may_leave, &gate, &scope, &words));
  }
  Gate* gate = nullptr;
  Scope* scope = nullptr;
};

TEST_F(WaitTest, GoesOnInAUnitOfItsOwn) {
  auto run = start_pass(true);
  gate->open();
  EXPECT_TRUE(words.empty());
  loop.run_until_idle();
  EXPECT_EQ(words, Words{"passed"});
}

TEST_F(WaitTest, GoesOnAtOnceForWhoIsAUnitItself) {
  auto run = start_pass(true);
  gate->open_now();
  EXPECT_EQ(words, Words{"passed"});
  loop.run_until_idle();
}

TEST_F(WaitTest, IsInterruptedInAUnitOfItsOwn) {
  auto run = start_pass(true);
  scope->cancel();
  EXPECT_TRUE(words.empty());
  loop.run_until_idle();
  EXPECT_EQ(words, Words{"cancelled"});
}

TEST_F(WaitTest, IsNotInterruptedOnceItWasWoken) {
  auto run = start_pass(true);
  gate->open();
  scope->cancel();
  loop.run_until_idle();
  EXPECT_EQ(words, Words{"passed"});
}

TEST_F(WaitTest, GoesOnWaitingWhenItCannotLeave) {
  auto run = start_pass(false);
  scope->cancel();
  loop.run_until_idle();
  EXPECT_TRUE(words.empty());
  gate->open();
  loop.run_until_idle();
  EXPECT_EQ(words, Words{"passed"});
}

TEST_F(WaitTest, DoesNotBeginInATaskThatWasToldToStop) {
  const auto body = [](Gate** place, Words* words) -> Task<> {
    co_await with_scope([&](Scope& all) -> Task<> {
      all.cancel();
      co_await pass(true, place, words);
    });
  };
  auto run = loop.start(body(&gate, &words));
  EXPECT_EQ(gate, nullptr);
  EXPECT_EQ(words, Words{"cancelled"});
}

TEST_F(WaitTest, SaysWhatATaskWaitsFor) {
  const TaskState* seen = nullptr;
  struct Note {
    static Task<> run(Gate** place, const TaskState** to, Words* words) {
      *to = TaskState::current();
      co_await pass(true, place, words);
    }
  };
  const auto body = [](Gate** place, const TaskState** to, Words* told) -> Task<> {
    co_await with_scope([&](Scope& all) -> Task<> {
      all.spawn(&Note::run, place, to, told);
      co_return;
    });
  };
  auto run = loop.start(body(&gate, &seen, &words));
  ASSERT_NE(seen->waiting(), nullptr);
  EXPECT_STREQ(seen->waiting()->what(), "a gate");
  gate->open();
  EXPECT_EQ(seen->waiting(), nullptr);
  loop.run_until_idle();
}

TEST_F(WaitTest, DeathWhenItEndsTwice) {
  auto run = start_pass(true);
  EXPECT_DEATH(
      {
        gate->open();
        gate->open();
      },
      "a wait ends once");
  gate->open();
  loop.run_until_idle();
}

}  // namespace
}  // namespace fluxor::runtime
