#include "runtime/loop/loop_affinity.h"

#include <gtest/gtest.h>

#include <thread>

namespace fluxor::runtime {
namespace {

TEST(LoopAffinity, BelongsToTheThreadThatChecksFirst) {
  LoopAffinity affinity;
  affinity.check();
  affinity.check();
}

TEST(LoopAffinity, GoesToTheNextThreadThatChecksOnceReleased) {
  LoopAffinity affinity;
  affinity.check();
  affinity.release();
  std::thread([&affinity] { affinity.check(); }).join();
}

#ifndef NDEBUG
TEST(LoopAffinityDeathTest, StopsWhoUsesItOnAnotherThread) {
  EXPECT_DEATH(
      {
        LoopAffinity affinity;
        affinity.check();
        std::thread([&affinity] { affinity.check(); }).join();
      },
      "used on its own loop only");
}
#endif

}  // namespace
}  // namespace fluxor::runtime
