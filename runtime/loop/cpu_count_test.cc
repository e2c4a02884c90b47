#include "runtime/loop/cpu_count.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

namespace fluxor::runtime {
namespace {

TEST(CpuCount, ReadsAQuotaAndRoundsItUp) {
  EXPECT_EQ(cpus_of_quota("200000 100000"), 2U);
  EXPECT_EQ(cpus_of_quota("150000 100000"), 2U);
  EXPECT_EQ(cpus_of_quota("50000 100000\n"), 1U);
}

TEST(CpuCount, FindsNoQuotaWhereThereIsNone) {
  for (const char* text : {"max 100000", "", "12", "x 1", "100 0", "0 100"}) {
    EXPECT_EQ(cpus_of_quota(text), std::nullopt) << text;
  }
}

TEST(CpuCount, CountsTheCpusOfItsThreadOnly) {
  std::thread([] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof(one), &one), 0);
    EXPECT_EQ(usable_cpus(), 1U);
  }).join();
  EXPECT_GE(usable_cpus(), 1U);
}

}  // namespace
}  // namespace fluxor::runtime
