#include "runtime/ring/event.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <stdexcept>

namespace fluxor::runtime {
namespace {

TEST(Event, RunsWhatItHolds) {
  int runs = 0;
  Event event([&runs] { ++runs; });
  event();
  EXPECT_EQ(runs, 1);
}

TEST(Event, DestroysUnrunWhatItHolds) {
  auto owned = std::make_shared<int>(1);
  {
    Event event([owned] { ADD_FAILURE() << "nobody ran it"; });
    EXPECT_EQ(owned.use_count(), 2);
  }
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(Event, HandsOnWhatTheCallableThrows) {
  Event event([] { throw std::runtime_error("boom"); });
  EXPECT_THROW(event(), std::runtime_error);
}

TEST(Event, FillsACacheLineTogetherWithItsSequence) { EXPECT_EQ(sizeof(Event) + sizeof(std::uint64_t), 64U); }

TEST(Event, AcceptsExactlyFortyEightBytes) {
  struct Fits {
    std::array<char, 48> bytes;
    void operator()() const {}
  };
  struct TooLarge {
    std::array<char, 49> bytes;
    void operator()() const {}
  };
  struct Throwing {
    Throwing() = default;
    Throwing(Throwing&&) noexcept(false) {}
    void operator()() const {}
  };
  static_assert(EventCallable<Fits>);
  static_assert(!EventCallable<TooLarge>);
  static_assert(!EventCallable<Throwing>);
}

}  // namespace
}  // namespace fluxor::runtime
