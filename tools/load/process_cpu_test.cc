#include "tools/load/process_cpu.h"

#include <gtest/gtest.h>

#include <time.h>
#include <unistd.h>

#include <cstdint>

namespace fluxor::load {
namespace {

int64_t own_cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

TEST(ProcessCpu, GrowsByWhatTheProcessUses) {
  const ProcessCpu before = process_cpu(getpid());
  const int64_t start = own_cpu_ns();
  while (own_cpu_ns() - start < 60'000'000) {
  }
  const ProcessCpu used = process_cpu(getpid()) - before;
  EXPECT_GE(used.threads, 1);
  EXPECT_GE(used.total_ns, 40'000'000);  // the scheduler's clock may lag by some ticks
  EXPECT_GE(used.user_ticks + used.system_ticks, 1);
}

TEST(ProcessCpu, IsZeroForAProcessThatIsNotThere) {
  const ProcessCpu none = process_cpu(0);
  EXPECT_EQ(none.total_ns, 0);
  EXPECT_EQ(none.threads, 0);
}

}  // namespace
}  // namespace fluxor::load
