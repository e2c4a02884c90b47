#include "runtime/base/signal_stack.h"

#include <sys/mman.h>

namespace fluxor::runtime {

SignalStack::SignalStack() noexcept {
  // Stacks grow downwards: below it lies memory that faults.
  void* const memory = ::mmap(nullptr, kGuardBytes + kBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  stack_t stack{};
  stack.ss_sp = static_cast<char*>(memory) + kGuardBytes;
  stack.ss_size = kBytes;
  if (::mprotect(stack.ss_sp, kBytes, PROT_READ | PROT_WRITE) != 0 || ::sigaltstack(&stack, &before_) != 0) {
    ::munmap(memory, kGuardBytes + kBytes);
    return;
  }
  memory_ = memory;
}

SignalStack::~SignalStack() {
  if (memory_ == nullptr) return;
  ::sigaltstack(&before_, nullptr);
  ::munmap(memory_, kGuardBytes + kBytes);
}

}  // namespace fluxor::runtime
