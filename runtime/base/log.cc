#include "runtime/base/log.h"

#include <cstdio>
#include <string>

namespace fluxor::runtime {

std::string_view severity_name(Severity severity) noexcept {
  switch (severity) {
    case Severity::debug: return "debug";
    case Severity::info: return "info";
    case Severity::warning: return "warning";
    case Severity::error: return "error";
  }
  return "unknown";
}

void StderrLog::write(Severity severity, std::string_view message, std::span<const LogField> fields) noexcept try {
  std::string line(severity_name(severity));
  line.append(" ").append(message);
  for (const LogField& field : fields) line.append(" ").append(field.key).append("=").append(field.value);
  line.push_back('\n');
  std::fwrite(line.data(), 1, line.size(), stderr);
} catch (...) {  // NOLINT(bugprone-empty-catch)
  // No memory for a line: there is nobody left to tell.
}

}  // namespace fluxor::runtime
