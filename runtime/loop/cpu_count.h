#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace fluxor::runtime {

// How many CPUs this process may keep busy: those it may be scheduled on, or fewer if its cgroup has a smaller quota
// (version 2, cpu.max).  At least 1.  Thread: any.  Cost: reads two files; for start-up.
std::size_t usable_cpus();

// CPUs, rounded up, that a cpu.max file grants: nothing for "max 100000" and for what is no such file.
std::optional<std::size_t> cpus_of_quota(std::string_view cpu_max) noexcept;

}  // namespace fluxor::runtime
