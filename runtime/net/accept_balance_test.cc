#include "runtime/net/accept_balance.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace fluxor::runtime {
namespace {

TEST(AcceptBalance, SpreadsEvenlyHoweverUnevenlyLoopsAccept) {
  AcceptBalance balance(2, 1000);
  for (int i = 0; i < 64; ++i) EXPECT_TRUE(balance.place(0));  // the kernel gives all to the first loop
  EXPECT_LE(balance.count(0), 41U);                            // 1.3 times its share
  EXPECT_EQ(balance.total(), 64U);
}

TEST(AcceptBalance, KeepsAConnectionWhereItWasAcceptedWhileThatIsFair) {
  AcceptBalance balance(2, 1000);
  for (std::size_t i = 0; i < 64; ++i) EXPECT_EQ(balance.place(i % 2), i % 2);
}

TEST(AcceptBalance, HandsOverOnlyWhatIsMoreThanALittleUneven) {
  AcceptBalance balance(2, 1000);
  EXPECT_EQ(balance.place(0), 0U);
  EXPECT_EQ(balance.place(0), 0U);
  EXPECT_EQ(balance.place(0), 1U);
}

TEST(AcceptBalance, RefusesBeyondTheLimitAndHasRoomAgainALittleBelow) {
  AcceptBalance balance(1, 100);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(balance.place(0));
  EXPECT_TRUE(balance.full());
  EXPECT_FALSE(balance.place(0));
  for (int i = 0; i < 5; ++i) balance.remove(0);
  EXPECT_FALSE(balance.has_room());
  balance.remove(0);
  EXPECT_TRUE(balance.has_room());
}

TEST(AcceptBalance, HasRoomAgainForALimitOfOne) {
  AcceptBalance balance(1, 1);
  EXPECT_TRUE(balance.place(0));
  EXPECT_FALSE(balance.has_room());
  balance.remove(0);
  EXPECT_TRUE(balance.has_room());
}

TEST(AcceptBalance, NeverHasRoomForALimitOfZero) {
  AcceptBalance balance(1, 0);
  EXPECT_FALSE(balance.place(0));
  EXPECT_FALSE(balance.has_room());
}

TEST(AcceptBalance, MovesAConnectionToAnotherLoop) {
  AcceptBalance balance(2, 10);
  EXPECT_EQ(balance.place(0), 0U);
  balance.move(0, 1);
  EXPECT_EQ(balance.count(0), 0U);
  EXPECT_EQ(balance.count(1), 1U);
  balance.remove(1);
  EXPECT_EQ(balance.total(), 0U);
}

TEST(AcceptBalance, NeverExceedsItsLimitWhenLoopsRace) {
  AcceptBalance balance(4, 100);
  std::vector<std::thread> loops;
  for (std::size_t self = 0; self < 4; ++self) {
    loops.emplace_back([&balance, self] {
      for (int i = 0; i < 20'000; ++i) {
        if (const auto loop = balance.place(self)) {
          EXPECT_LE(balance.total(), 100U);
          balance.remove(*loop);
        }
      }
    });
  }
  for (auto& loop : loops) loop.join();
  EXPECT_EQ(balance.total(), 0U);
}

}  // namespace
}  // namespace fluxor::runtime
