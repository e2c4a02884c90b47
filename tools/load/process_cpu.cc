#include "tools/load/process_cpu.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

namespace fluxor::load {

ProcessCpu process_cpu(pid_t pid) {
  ProcessCpu sum;
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
    int64_t run_ns = 0;
    if (!(std::ifstream(task.path() / "schedstat") >> run_ns)) continue;
    sum.total_ns += run_ns;
    ++sum.threads;

    std::string line;
    std::getline(std::ifstream(task.path() / "stat"), line);
    // utime and stime are the 14th and 15th field; counting starts after the name, which may hold blanks and brackets.
    const size_t name_end = line.rfind(')');
    if (name_end == std::string::npos) continue;
    std::istringstream fields(line.substr(name_end + 1));
    std::string skipped;
    for (int field = 3; field < 14; ++field) fields >> skipped;
    int64_t user = 0;
    int64_t system = 0;
    if (fields >> user >> system) {
      sum.user_ticks += user;
      sum.system_ticks += system;
    }
  }
  return sum;
}

}  // namespace fluxor::load
