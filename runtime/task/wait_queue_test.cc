#include "runtime/task/wait_queue.h"

#include <gtest/gtest.h>

#include <vector>

namespace fluxor::runtime {
namespace {

struct Waiter : WaitPlace<Waiter> {
  explicit Waiter(int number) : name(number) {}
  int name;
};

std::vector<int> drain(WaitQueue<Waiter>& queue) {
  std::vector<int> names;
  while (Waiter* const waiter = queue.pop_front()) names.push_back(waiter->name);
  return names;
}

TEST(WaitQueue, GivesBackInTheOrderThatTheyCame) {
  WaitQueue<Waiter> queue;
  Waiter a(1), b(2), c(3);
  EXPECT_EQ(queue.front(), nullptr);
  for (Waiter* const waiter : {&a, &b, &c}) queue.push_back(*waiter);
  EXPECT_EQ(queue.front(), &a);
  EXPECT_FALSE(queue.empty());
  EXPECT_EQ(drain(queue), (std::vector{1, 2, 3}));
  EXPECT_TRUE(queue.empty());
}

TEST(WaitQueue, LetsAnyoneLeave) {
  for (int leaves = 0; leaves < 3; ++leaves) {
    WaitQueue<Waiter> queue;
    Waiter waiters[] = {Waiter(0), Waiter(1), Waiter(2)};
    std::vector<int> expected;
    for (Waiter& waiter : waiters) {
      queue.push_back(waiter);
      if (waiter.name != leaves) expected.push_back(waiter.name);
    }
    queue.remove(waiters[leaves]);
    EXPECT_EQ(drain(queue), expected);
  }
}

TEST(WaitQueue, TakesWhoHasLeftAtItsEnd) {
  WaitQueue<Waiter> queue;
  Waiter a(1), b(2);
  queue.push_back(a);
  queue.push_back(b);
  queue.remove(a);
  queue.push_back(a);
  EXPECT_EQ(drain(queue), (std::vector{2, 1}));
}

}  // namespace
}  // namespace fluxor::runtime
