#include "runtime/base/stack_trace.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/stack_text.h"

namespace fluxor::runtime {
namespace {

StackTrace taken;
std::size_t allocated_before = 0;
std::size_t allocated_after = 0;
sigjmp_buf after_fault;

extern "C" [[gnu::noinline]] void handle_trap(int, siginfo_t*, void* context) {
  allocated_before = ::mallinfo2().uordblks;
  taken = StackTrace::interrupted(context);
  allocated_after = ::mallinfo2().uordblks;
}
extern "C" [[gnu::noinline]] void handle_fault(int, siginfo_t*, void* context) {
  taken = StackTrace::interrupted(context);
  siglongjmp(after_fault, 1);
}

// The asm after each call keeps it from being the last thing the function does, which would leave no frame.
extern "C" [[gnu::noinline]] void trap_here() {
  __builtin_debugtrap();
  asm volatile("");
}
extern "C" [[gnu::noinline]] void call_trap() {
  trap_here();
  asm volatile("");
}
extern "C" [[gnu::noinline]] void trap_at_depth(int depth) {  // NOLINT(misc-no-recursion): for the frames
  if (depth == 0) {
    trap_here();
  } else {
    trap_at_depth(depth - 1);
  }
  asm volatile("");
}
// The sanitizer would notice first.
extern "C" [[gnu::noinline, clang::no_sanitize("undefined")]] void call_pointer(void (*pointer)()) {
  void (*volatile unknown)() = pointer;
  unknown();
  asm volatile("");
}

// Handles one signal as long as it lives.
class Handling {
 public:
  Handling(int signal, void (*handler)(int, siginfo_t*, void*)) : signal_(signal) {
    taken = StackTrace();
    struct sigaction action{};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO;
    EXPECT_EQ(::sigaction(signal, &action, &before_), 0);
  }
  Handling(const Handling&) = delete;
  Handling& operator=(const Handling&) = delete;
  ~Handling() { ::sigaction(signal_, &before_, nullptr); }

 private:
  const int signal_;
  struct sigaction before_{};
};

// The functions' names, each physical frame's only.
std::vector<std::string> names(const StackTrace& trace) {
  std::vector<std::string> found;
  const auto add = [](void* argument, std::string_view line) {
    auto& all = *static_cast<std::vector<std::string>*>(argument);
    if (line.ends_with("(inlined)")) return;
    line.remove_prefix(line.find(' ') + 1);
    all.emplace_back(line.substr(0, line.find(' ')));
  };
  std::size_t number = 0;
  for (const std::uintptr_t address : trace.addresses()) for_each_line(address, number, add, &found);
  return found;
}

TEST(StackTrace, BeginsWithTheInterruptedFunctionAndLeadsToItsCallers) {
  const Handling handling(SIGTRAP, &handle_trap);
  call_trap();
  const std::vector<std::string> found = names(taken);
  ASSERT_GE(found.size(), 4U);
  EXPECT_EQ(found[0], "trap_here");
  EXPECT_EQ(found[1], "call_trap");
  EXPECT_EQ(std::count(found.begin(), found.end(), "handle_trap"), 0);
  EXPECT_EQ(std::count(found.begin(), found.end(), "main"), 1);
  EXPECT_FALSE(taken.cut_off());
}

TEST(StackTrace, AllocatesNothing) {
  const Handling handling(SIGTRAP, &handle_trap);
  call_trap();
  EXPECT_EQ(allocated_before, allocated_after);
}

TEST(StackTrace, KeepsTheInnermostCallsOfADeepStack) {
  const Handling handling(SIGTRAP, &handle_trap);
  trap_at_depth(3 * static_cast<int>(StackTrace::kFramesMax));
  const std::vector<std::string> found = names(taken);
  ASSERT_EQ(found.size(), StackTrace::kFramesMax);
  EXPECT_EQ(found.front(), "trap_here");
  EXPECT_EQ(found.back(), "trap_at_depth");
  EXPECT_TRUE(taken.cut_off());
}

TEST(StackTrace, NamesTheCallerOfANullPointer) {
  const Handling handling(SIGSEGV, &handle_fault);
  if (sigsetjmp(after_fault, 1) == 0) call_pointer(nullptr);
  ASSERT_EQ(taken.addresses().size(), 2U);
  EXPECT_EQ(taken.addresses()[0], 0U);
  EXPECT_EQ(names(taken)[1], "call_pointer");
}

TEST(StackTrace, NamesTheCallerOfAWildPointer) {
  const Handling handling(SIGSEGV, &handle_fault);
  if (sigsetjmp(after_fault, 1) == 0) call_pointer(reinterpret_cast<void (*)()>(0x1000));
  ASSERT_EQ(taken.addresses().size(), 2U);
  EXPECT_EQ(taken.addresses()[0], 0x1000U);
  EXPECT_EQ(names(taken)[1], "call_pointer");
}

int visits_left = 0;

TEST(StackTrace, IsVisitedUntilTheVisitorHasEnough) {
  const auto handler = [](int, siginfo_t*, void* context) {
    for_each_interrupted_frame(context, [](void*, std::uintptr_t) { return --visits_left > 0; }, nullptr);
  };
  const Handling handling(SIGTRAP, handler);
  visits_left = 2;
  call_trap();
  EXPECT_EQ(visits_left, 0);
}

TEST(StackTrace, IsEmptyAtFirst) {
  EXPECT_TRUE(StackTrace().empty());
  EXPECT_FALSE(StackTrace().cut_off());
}

}  // namespace
}  // namespace fluxor::runtime
