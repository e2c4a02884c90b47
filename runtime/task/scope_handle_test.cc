#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "runtime/task/scope.h"
#include "runtime/task/scope_fixture.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;
using Kept = std::optional<ScopeHandle>;

class ScopeHandleTest : public ScopeFixture {
 protected:
  static Task<> open_for_1ms(Kept* kept) {
    co_await with_scope([&](Scope& scope) -> Task<> {
      kept->emplace(scope.handle());
      co_await sleep_for(1ms);
    });
  }
  Kept kept;
};

TEST_F(ScopeHandleTest, SpawnsIntoTheScopeWhileThatIsOpen) {
  auto run = loop.start(open_for_1ms(&kept));
  ASSERT_TRUE(kept->open());
  EXPECT_TRUE(kept->spawn(say_after, Duration(2ms), std::string("late"), &words));
  loop.advance(2ms - 1ns);
  EXPECT_FALSE(run.ready());
  loop.advance(1ns);
  EXPECT_TRUE(run.ready());
  EXPECT_EQ(words, Words{"late"});
}

TEST_F(ScopeHandleTest, IsClosedAfterTheScope) {
  auto run = loop.start(open_for_1ms(&kept));
  loop.advance(1ms);
  EXPECT_TRUE(run.ready());
  EXPECT_FALSE(kept->open());
  const auto spawned = kept->spawn(say_after, Duration(0), std::string("late"), &words);
  ASSERT_FALSE(spawned);
  EXPECT_EQ(spawned.error(), Errc::closed);
  const ScopeHandle copy = *kept;
  kept.reset();
  EXPECT_FALSE(copy.open());
}

// Between the end of its last task and the unit in which the task around goes on.
TEST_F(ScopeHandleTest, IsClosedOnceTheLastTaskHasEnded) {
  struct Late {
    static Task<> run(Kept* kept, std::optional<bool>* spawned, Words* words) {
      co_await sleep_for(1ms);  // armed after that of the body, so next to run
      *spawned = (*kept)->spawn(say_after, Duration(0), std::string("late"), words).has_value();
    }
  };
  std::optional<bool> spawned;
  auto run = loop.start(open_for_1ms(&kept));
  auto late = loop.start(Late::run(&kept, &spawned, &words));
  loop.advance(1ms);
  EXPECT_EQ(end_of(run), "value");
  EXPECT_EQ(spawned, false);
}

}  // namespace
}  // namespace fluxor::runtime
