#include "runtime/loop/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <string>
#include <system_error>

namespace fluxor::runtime {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// "0::/system.slice/fluxor.service" in a host, "0::/" inside a container with a cgroup namespace.
std::string cgroup_path() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::")) return line.substr(3);
  }
  return "/";
}

}  // namespace

std::optional<std::size_t> cpus_of_quota(std::string_view cpu_max) noexcept {
  std::uint64_t quota = 0;
  std::uint64_t period = 0;
  const auto first = std::from_chars(cpu_max.data(), cpu_max.data() + cpu_max.size(), quota);
  if (first.ec != std::errc() || first.ptr == cpu_max.data() + cpu_max.size() || *first.ptr != ' ') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, cpu_max.data() + cpu_max.size(), period);
  if (second.ec != std::errc() || period == 0 || quota == 0) return std::nullopt;
  return static_cast<std::size_t>((quota + period - 1) / period);
}

std::size_t usable_cpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::size_t cpus = 1;
  if (::sched_getaffinity(0, sizeof(allowed), &allowed) == 0) cpus = static_cast<std::size_t>(CPU_COUNT(&allowed));
  // The quota of any group on the way up counts.
  for (std::string path = cgroup_path();; path.erase(path.rfind('/'))) {
    if (const auto quota = cpus_of_quota(first_line("/sys/fs/cgroup" + path + "/cpu.max")))
      cpus = std::min(cpus, *quota);
    if (path.find('/') == std::string::npos) break;
  }
  return std::max<std::size_t>(cpus, 1);
}

}  // namespace fluxor::runtime
