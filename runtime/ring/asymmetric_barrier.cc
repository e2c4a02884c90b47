#include "runtime/ring/asymmetric_barrier.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/check.h"

namespace fluxor::runtime {
namespace {

bool membarrier(int command) noexcept { return syscall(SYS_membarrier, command, 0, 0) == 0; }

}  // namespace

bool has_heavy_barrier() noexcept {
  static const bool registered = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
  return registered;
}

void heavy_barrier() noexcept {
  FLUXOR_CHECK(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED), "the kernel has a barrier for those who asked for it");
}

}  // namespace fluxor::runtime
