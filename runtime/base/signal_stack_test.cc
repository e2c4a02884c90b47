#include "runtime/base/signal_stack.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>

namespace fluxor::runtime {
namespace {

stack_t current_stack() {
  stack_t stack{};
  EXPECT_EQ(::sigaltstack(nullptr, &stack), 0);
  return stack;
}

std::uintptr_t where_a_handler_runs() {
  static volatile std::uintptr_t where;
  struct sigaction action{};
  action.sa_handler = [](int) { where = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)); };
  action.sa_flags = SA_ONSTACK;
  EXPECT_EQ(::sigaction(SIGUSR1, &action, nullptr), 0);
  EXPECT_EQ(::raise(SIGUSR1), 0);
  return where;
}

TEST(SignalStack, IsWhereHandlersRun) {
  const SignalStack signal_stack;
  const stack_t stack = current_stack();
  EXPECT_EQ(stack.ss_flags & SS_DISABLE, 0);
  EXPECT_GE(stack.ss_size, 256U * 1024);
  const std::uintptr_t where = where_a_handler_runs();
  EXPECT_GE(where, reinterpret_cast<std::uintptr_t>(stack.ss_sp));
  EXPECT_LT(where, reinterpret_cast<std::uintptr_t>(stack.ss_sp) + stack.ss_size);
}

TEST(SignalStack, GivesBackWhatWasThereBefore) {
  const stack_t before = current_stack();
  std::optional<SignalStack> outer(std::in_place);
  const stack_t outer_stack = current_stack();
  {
    const SignalStack inner;
  }
  EXPECT_EQ(current_stack().ss_sp, outer_stack.ss_sp);
  EXPECT_EQ(current_stack().ss_flags, outer_stack.ss_flags);
  outer.reset();
  EXPECT_EQ(current_stack().ss_flags, before.ss_flags);
  if ((before.ss_flags & SS_DISABLE) == 0) EXPECT_EQ(current_stack().ss_sp, before.ss_sp);
}

TEST(SignalStackDeathTest, HasMemoryBelowItThatFaults) {
  const SignalStack signal_stack;
  EXPECT_DEATH(static_cast<volatile char*>(current_stack().ss_sp)[-1] = 1, "");
}

}  // namespace
}  // namespace fluxor::runtime
