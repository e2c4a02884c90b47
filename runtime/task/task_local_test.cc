#include "runtime/task/task_local.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "runtime/task/scope.h"
#include "runtime/task/scope_fixture.h"
#include "runtime/task/shield.h"
#include "runtime/task/task_trace.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;
using TaskLocalTest = ScopeFixture;

constinit TaskLocal<std::string> tenant;
constinit TaskLocal<std::shared_ptr<int>> shared;

Task<> say_tenant(Words* words) {
  words->push_back(tenant.get() == nullptr ? "none" : *tenant.get());
  co_return;
}

TEST_F(TaskLocalTest, IsNullOutsideOfTasksAndWhereNobodyHasSetIt) {
  EXPECT_EQ(tenant.get(), nullptr);
  auto run = loop.start(say_tenant(&words));
  EXPECT_EQ(words, Words{"none"});
}

TEST_F(TaskLocalTest, CarriesTheTrace) {
  const auto inner = []() -> Task<std::string> {
    co_return kTaskTrace.get() == nullptr ? "none" : kTaskTrace.get()->traceparent();
  };
  const auto body = [](Task<std::string> (*ask)()) -> Task<std::string> {
    kTaskTrace.set(*TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
    co_return co_await with_scope([&](Scope& scope) -> Task<std::string> { co_return co_await scope.spawn(ask); });
  };
  auto run = loop.start(body(inner));
  EXPECT_EQ(run.get(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
}

TEST_F(TaskLocalTest, IsInheritedAsItIsWhenATaskIsSpawned) {
  const auto body = [](Words* words) -> Task<> {
    tenant.set("acme");
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.spawn(say_tenant, words);
      tenant.set("body");
      scope.spawn(say_tenant, words);
      co_await shield(1ms, say_tenant, words);
    });
    co_await say_tenant(words);  // what a child sets is its own
  };
  auto run = loop.start(body(&words));
  EXPECT_EQ(words, (Words{"acme", "body", "body", "acme"}));
  EXPECT_EQ(tenant.get(), nullptr);
}

TEST_F(TaskLocalTest, ComesFromWhoSpawnsAndNotFromTheScope) {
  struct Spawn {
    static Task<> run(Scope* outer, Words* words) {
      tenant.set("spawner");
      outer->spawn(say_tenant, words);
      co_return;
    }
  };
  const auto body = [](Words* words) -> Task<> {
    tenant.set("scope");
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.spawn(&Spawn::run, &scope, words);
      co_return;
    });
  };
  auto run = loop.start(body(&words));
  EXPECT_EQ(words, Words{"spawner"});
}

TEST_F(TaskLocalTest, StaysWithItsTaskWhenOthersRunBetween) {
  struct Work {
    static Task<> run(std::string name, Words* words) {
      tenant.set(name);
      co_await sleep_for(1ms);
      words->push_back(*tenant.get());
    }
  };
  const auto body = [](Words* words) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      for (const char* name : {"a", "b"}) scope.spawn(&Work::run, std::string(name), words);
      co_return;
    });
  };
  auto run = loop.start(body(&words));
  loop.advance(1ms);
  EXPECT_EQ(words, (Words{"a", "b"}));
}

TEST_F(TaskLocalTest, IsDestroyedWithTheLastTaskThatCarriesIt) {
  auto value = std::make_shared<int>(1);
  const auto body = [](std::shared_ptr<int>* to_hold, Words* words) -> Task<> {
    shared.set(*to_hold);
    shared.set(*to_hold);
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.spawn(say_after, 1ms, std::string("a"), words);
      co_return;
    });
  };
  auto run = loop.start(body(&value, &words));
  EXPECT_EQ(value.use_count(), 3);
  loop.advance(1ms);
  EXPECT_EQ(value.use_count(), 1);
}

TEST(TaskLocalDeathTest, StopsWhenItIsSetOutsideOfATask) {
  EXPECT_DEATH(tenant.set("nobody"), "a task-local value is set inside a task");
}

}  // namespace
}  // namespace fluxor::runtime
