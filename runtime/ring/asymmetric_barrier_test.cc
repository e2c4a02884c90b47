#include "runtime/ring/asymmetric_barrier.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace fluxor::runtime {
namespace {

TEST(AsymmetricBarrierThreads, LetsOneOfTwoSeeTheOther) {
  if (!has_heavy_barrier()) GTEST_SKIP() << "this kernel has no membarrier";
  struct Meeting {
    alignas(64) std::atomic<bool> light{false};
    alignas(64) std::atomic<bool> heavy{false};
    alignas(64) bool light_saw = false;
    alignas(64) bool heavy_saw = false;
  };
  constexpr int kMeetings = 10'000;
  std::vector<Meeting> meetings(kMeetings);
  alignas(64) std::atomic<int> next{-1};
  alignas(64) std::atomic<int> met{-1};
  std::thread other([&] {
    for (int i = 0; i < kMeetings; ++i) {
      Meeting& meeting = meetings[static_cast<std::size_t>(i)];
      static_cast<void>(meeting.heavy.load());  // at hand, so that looking is faster than the store
      met.store(i);
      while (next.load() != i) {  // without a yield: the two have to meet
      }
      meeting.light.store(true, std::memory_order_relaxed);
      light_barrier();
      meeting.light_saw = meeting.heavy.load(std::memory_order_relaxed);
    }
  });
  for (int i = 0; i < kMeetings; ++i) {
    Meeting& meeting = meetings[static_cast<std::size_t>(i)];
    while (met.load() != i) std::this_thread::yield();
    static_cast<void>(meeting.light.load());
    next.store(i);
    for (volatile int wait = i % 64; wait > 0;) wait = wait - 1;
    meeting.heavy.store(true, std::memory_order_relaxed);
    heavy_barrier();
    meeting.heavy_saw = meeting.light.load(std::memory_order_relaxed);
  }
  other.join();
  int missed = 0;
  for (const Meeting& meeting : meetings) missed += !meeting.light_saw && !meeting.heavy_saw;
  EXPECT_EQ(missed, 0);
}

}  // namespace
}  // namespace fluxor::runtime
