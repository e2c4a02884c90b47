#pragma once
#include <sys/types.h>

#include <cstdint>

namespace fluxor::load {

// Processor time that a process has used so far.
//
// Two clocks, because the kernel keeps two: the scheduler's is exact to the nanosecond (as of the last switch or timer
// tick), while the cut into user and system time is sampled on ticks and means something only over many seconds.
struct ProcessCpu {
  int64_t total_ns = 0;
  int64_t user_ticks = 0;  // of sysconf(_SC_CLK_TCK)
  int64_t system_ticks = 0;
  int64_t threads = 0;

  friend ProcessCpu operator-(const ProcessCpu& end, const ProcessCpu& start) noexcept {
    return {.total_ns = end.total_ns - start.total_ns,
            .user_ticks = end.user_ticks - start.user_ticks,
            .system_ticks = end.system_ticks - start.system_ticks,
            .threads = end.threads};
  }
};

// Sums over the process' live threads: a thread that ended in between takes its time along.  All zero if there is no
// such process.
//
// Cost:  two small reads from /proc per thread.
ProcessCpu process_cpu(pid_t pid);

}  // namespace fluxor::load
