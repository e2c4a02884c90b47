#include "web/admission/gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace fluxor::web {
namespace {

TEST(Gate, AdmitsUpToItsBoundAndRefusesTheNextAtOnce) {
  Gate gate(67);
  std::vector<Permit> permits;
  for (int i = 0; i < 67; ++i) permits.push_back(gate.try_enter().value());
  EXPECT_FALSE(gate.try_enter());
  EXPECT_EQ(gate.in_flight(), 67U);
  EXPECT_EQ(gate.refused(), 1U);
  EXPECT_DOUBLE_EQ(gate.utilization(), 1.0);
  permits.pop_back();
  EXPECT_TRUE(gate.try_enter());
}

TEST(Gate, TakesEachPermitBackOnce) {
  Gate gate(2);
  {
    auto first = gate.try_enter();
    Permit moved = std::move(*first);
    auto second = gate.try_enter();
    moved = std::move(*second);  // the first is given back at the latest with `second`
  }
  EXPECT_EQ(gate.in_flight(), 0U);
}

TEST(Gate, NeverExceedsItsBoundAndEndsAtZeroUnderRaces) {
  Gate gate(3);
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50'000; ++i) {
        auto permit = gate.try_enter();
        if (!permit) continue;
        const int now = inside.fetch_add(1) + 1;
        int seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        inside.fetch_sub(1);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(most.load(), 3);
  EXPECT_EQ(gate.in_flight(), 0U);
}

}  // namespace
}  // namespace fluxor::web
