#include "runtime/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace fluxor::runtime {

void check_failed(const char* file, int line, const char* condition, const char* why) noexcept {
  std::fprintf(stderr, "%s:%d: check failed: %s (%s)\n", file, line, why, condition);
  std::fflush(stderr);
  std::abort();
}

}  // namespace fluxor::runtime
