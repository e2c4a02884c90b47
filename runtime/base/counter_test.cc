#include "runtime/base/counter.h"

#include <gtest/gtest.h>

#include <thread>

namespace fluxor::runtime {
namespace {

TEST(Counter, AddsSubtractsAndIsSet) {
  Counter counter;
  counter.add();
  counter.add(5);
  counter.subtract(2);
  EXPECT_EQ(counter.get(), 4U);
  counter.set(9);
  EXPECT_EQ(counter.get(), 9U);
}

TEST(CounterThreads, IsReadWhileItIsWrittenAndNeverGoesBack) {
  Counter counter;
  constexpr std::uint64_t kTimes = 100'000;
  std::thread writer([&counter] {
    for (std::uint64_t i = 0; i < kTimes; ++i) counter.add();
  });
  std::uint64_t last = 0;
  while (last != kTimes) {
    const std::uint64_t now = counter.get();
    ASSERT_GE(now, last);
    last = now;
  }
  writer.join();
}

}  // namespace
}  // namespace fluxor::runtime
