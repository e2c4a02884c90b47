#include "runtime/base/stack_trace.h"

#include <dlfcn.h>
#include <ucontext.h>
#include <unwind.h>

#include <bit>

namespace fluxor::runtime {
namespace {

struct Walk {
  bool (*visit)(void* argument, std::uintptr_t address);
  void* argument;
  std::uintptr_t interrupted;
  bool inside;  // the frames of the handler are passed
};

_Unwind_Reason_Code step(_Unwind_Context* frame, void* argument) {
  Walk& walk = *static_cast<Walk*>(argument);
  int is_exact = 0;  // the address of an instruction that was interrupted, not where a call returns to
  const std::uintptr_t address = _Unwind_GetIPInfo(frame, &is_exact);
  if (address == 0) return _URC_END_OF_STACK;
  walk.inside = walk.inside || (is_exact != 0 && address == walk.interrupted);
  if (!walk.inside) return _URC_NO_REASON;
  return walk.visit(walk.argument, is_exact != 0 ? address : address - 1) ? _URC_NO_REASON : _URC_END_OF_STACK;
}

bool is_code_of_a_binary(std::uintptr_t address) noexcept {
  dl_find_object found;  // takes no lock, other than dladdr
  return ::_dl_find_object(std::bit_cast<void*>(address), &found) == 0;
}

}  // namespace

void for_each_interrupted_frame(const void* signal_context, bool (*visit)(void* argument, std::uintptr_t address),
                                void* argument) noexcept {
  const auto& registers = static_cast<const ucontext_t*>(signal_context)->uc_mcontext.gregs;
  const auto interrupted = static_cast<std::uintptr_t>(registers[REG_RIP]);
  if (is_code_of_a_binary(interrupted)) {
    Walk walk{visit, argument, interrupted, false};
    _Unwind_Backtrace(step, &walk);
    // The handler was called later and from elsewhere (thread-sanitizer does so): its own way here would mislead.
    if (!walk.inside) visit(argument, interrupted);
    return;
  }
  // The unwinder would read instructions there.  If it was a call that led there, where it returns to is on the stack.
  if (!visit(argument, interrupted)) return;
  const std::uintptr_t caller = *std::bit_cast<const std::uintptr_t*>(registers[REG_RSP]);
  if (is_code_of_a_binary(caller)) visit(argument, caller - 1);
}

StackTrace StackTrace::interrupted(const void* signal_context) noexcept {
  StackTrace trace;
  for_each_interrupted_frame(signal_context, &add, &trace);
  return trace;
}

bool StackTrace::add(void* argument, std::uintptr_t address) noexcept {
  StackTrace& trace = *static_cast<StackTrace*>(argument);
  if (trace.size_ == kFramesMax) {
    trace.cut_off_ = true;
    return false;
  }
  trace.addresses_[trace.size_++] = address;
  return true;
}

}  // namespace fluxor::runtime
