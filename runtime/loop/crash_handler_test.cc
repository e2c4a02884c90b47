#include "runtime/loop/crash_handler.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/signal_stack.h"
#include "runtime/loop/event_loop.h"
#include "runtime/loop/loop_activity.h"
#include "runtime/net/epoll_poller.h"

namespace fluxor::runtime {
namespace {

using testing::KilledBySignal;
using testing::Truly;

// How to end a process.  The asm keeps each from being a jump to the last thing it does, which would leave no frame;
// the sanitizer must not notice first.
extern "C" {
[[gnu::noinline, clang::no_sanitize("undefined")]] void crash_with_sigsegv() {
  int* volatile nothing = reinterpret_cast<int*>(8);
  *static_cast<volatile int*>(nothing) = 1;
  asm volatile("");
}
[[gnu::noinline]] void crash_with_sigbus() {
  // A file of no bytes has no page behind its mapping.
  const int file = ::open(testing::TempDir().c_str(), O_TMPFILE | O_RDWR, 0600);
  void* const page = ::mmap(nullptr, 1, PROT_WRITE, MAP_SHARED, file, 0);
  *static_cast<volatile char*>(page) = 1;
  asm volatile("");
}
[[gnu::noinline]] void crash_with_sigill() {
  asm volatile("ud2");
  asm volatile("");
}
[[gnu::noinline]] void crash_with_sigfpe() {
  asm volatile("xorl %%ecx, %%ecx; movl $1, %%eax; cltd; idivl %%ecx" ::: "eax", "ecx", "edx");
  asm volatile("");
}
[[gnu::noinline]] void crash_with_sigabrt() {
  std::abort();
  asm volatile("");
}
[[gnu::noinline]] int crash_with_overflow(int depth) {
  volatile char some[1000];
  some[depth % 1000] = 1;
  return depth < 0 ? 0 : crash_with_overflow(depth + 1) + some[depth % 7];
}
[[gnu::noinline]] void throw_on_purpose() { throw std::runtime_error("thrown on purpose"); }
[[gnu::noinline]] void crash_with_exception() noexcept {
  throw_on_purpose();
  asm volatile("");
}
[[gnu::noinline]] void crash_with_check() {
  FLUXOR_CHECK(1 + 1 == 3, "arithmetic holds");
  asm volatile("");
}
}

struct Crash {
  void operator()() const {
    const ActivityLabel activity_label(EventLoop::current()->activity(), label);
    how();
  }
  void (*how)();
  const char* label = "/crash";
};

void crash_on_a_loop(Crash crash) {
  install_crash_handler();
  const SystemClock clock;
  EventLoop loop({.id = 3}, clock, EpollPoller::create().value(), nullptr);
  ASSERT_TRUE(loop.post(crash));
  std::thread([&loop] {
    const SignalStack signal_stack;
    loop.run();
  }).join();
}

void crash_elsewhere(void (*how)()) {
  install_crash_handler();
  const SignalStack signal_stack;
  how();
}

struct Case {
  int signal;
  const char* name;
  void (*how)();
};

class CrashHandlerDeathTest : public testing::Test {
 protected:
  CrashHandlerDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  inline static const std::string kOnLoop =
      "on event loop 3, stage ring, handler fluxor::runtime::\\(anonymous namespace\\)::Crash, label /crash\n";
};

class EachSignalDeathTest : public CrashHandlerDeathTest, public testing::WithParamInterface<Case> {};

TEST_P(EachSignalDeathTest, IsReportedFromALoopWithHandlerAndStack) {
  EXPECT_EXIT(crash_on_a_loop({GetParam().how}), KilledBySignal(GetParam().signal),
              std::string("^(.*\n)?fluxor: ") + GetParam().name + "( at address 0x[0-9a-f]+)? in thread [0-9]+\n" +
                  kOnLoop + "#0 (.*#[0-9]+ )?crash_with_[a-z]+ .*" + "EventLoop::run\\(\\) ");
}

TEST_P(EachSignalDeathTest, IsReportedFromElsewhere) {
  EXPECT_EXIT(crash_elsewhere(GetParam().how), KilledBySignal(GetParam().signal),
              std::string("fluxor: ") + GetParam().name +
                  ".*\nnot on an event loop\n#0 (.*#[0-9]+ )?crash_with_[a-z]+ .* main ");
}

INSTANTIATE_TEST_SUITE_P(All, EachSignalDeathTest,
                         testing::Values(Case{SIGSEGV, "SIGSEGV", &crash_with_sigsegv},
                                         Case{SIGBUS, "SIGBUS", &crash_with_sigbus},
                                         Case{SIGILL, "SIGILL", &crash_with_sigill},
                                         Case{SIGFPE, "SIGFPE", &crash_with_sigfpe},
                                         Case{SIGABRT, "SIGABRT", &crash_with_sigabrt}),
                         [](const testing::TestParamInfo<Case>& param) { return param.param.name; });

TEST_F(CrashHandlerDeathTest, NamesTheAddressAndTheFaultingFunctionFirst) {
  EXPECT_EXIT(crash_on_a_loop({&crash_with_sigsegv}), KilledBySignal(SIGSEGV),
              "fluxor: SIGSEGV at address 0x8 in thread [0-9]+\n" + kOnLoop + "#0 crash_with_sigsegv ");
}

TEST_F(CrashHandlerDeathTest, ReportsAStackThatIsUsedUp) {
  const auto overflow = [] { crash_with_overflow(0); };
  EXPECT_EXIT(crash_on_a_loop({overflow}), KilledBySignal(SIGSEGV),
              "fluxor: SIGSEGV.*" + kOnLoop + "#0 crash_with_overflow .*#63 crash_with_overflow .*\n" +
                  "\\(more calls further out\\)\n$");
  EXPECT_EXIT(crash_elsewhere(overflow), KilledBySignal(SIGSEGV), "not on an event loop\n#0 crash_with_overflow ");
}

TEST_F(CrashHandlerDeathTest, ReportsAnUncaughtExceptionFromWhereItWasThrown) {
  EXPECT_EXIT(crash_on_a_loop({[] { crash_with_exception(); }}), KilledBySignal(SIGABRT),
              "thrown on purpose.*fluxor: SIGABRT in thread.*" + kOnLoop + "#0 .* crash_with_exception ");
}

TEST_F(CrashHandlerDeathTest, ReportsACheckThatFailed) {
  EXPECT_EXIT(crash_on_a_loop({&crash_with_check}), KilledBySignal(SIGABRT),
              "check failed: arithmetic holds.*\nfluxor: SIGABRT in thread.*" + kOnLoop + "#0 .* crash_with_check ");
}

TEST_F(CrashHandlerDeathTest, NamesTheProcessThatSentTheSignal) {
  const auto be_killed = [] {
    install_crash_handler();
    if (::fork() == 0) {
      ::kill(::getppid(), SIGABRT);
      ::_exit(0);
    }
    for (;;) ::pause();
  };
  EXPECT_EXIT(be_killed(), KilledBySignal(SIGABRT), "fluxor: SIGABRT from process [0-9]+ in thread");
}

TEST_F(CrashHandlerDeathTest, EndsAtOnceWhenItCrashesItself) {
  const auto* const nowhere = std::bit_cast<const char*>(std::uintptr_t{16});
  EXPECT_EXIT(crash_on_a_loop({&crash_with_sigabrt, nowhere}), KilledBySignal(SIGSEGV),
              "fluxor: SIGABRT in thread [0-9]+\n$");
}

// Makes standard error a pipe that is full and that nobody reads.
void block_standard_error() {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_NONBLOCK), 0);
  const char some[4096] = {};
  while (::write(ends[1], some, sizeof(some)) > 0) {
  }
  ASSERT_EQ(::fcntl(ends[1], F_SETFL, 0), 0);
  ASSERT_EQ(::dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
}

TEST_F(CrashHandlerDeathTest, DoesNotHangWhereItsWordsCannotGo) {
  const auto crash = [] {
    block_standard_error();
    // The alarm of ten seconds, at once: as soon as somebody waits for it.
    std::thread([] {
      struct sigaction action{};
      while (action.sa_handler == SIG_DFL) ::sigaction(SIGALRM, nullptr, &action);
      ::kill(::getpid(), SIGALRM);
    }).detach();
    crash_on_a_loop({&crash_with_sigill});
  };
  EXPECT_EXIT(crash(), KilledBySignal(SIGILL), "");
}

TEST_F(CrashHandlerDeathTest, PrintsOneReportWhenTwoThreadsCrash) {
  const auto crash = [] {
    install_crash_handler();
    std::atomic<int> there{0};
    const auto crash_together = [&there] {
      ++there;
      while (there != 2) {
      }
      crash_with_sigill();
    };
    std::thread first(crash_together);
    std::thread second(crash_together);
    first.join();
    second.join();
  };
  const auto once_and_whole = [](const std::string& output) {
    return output.find("fluxor: SIGILL") == output.rfind("fluxor: SIGILL") &&
           output.find("#0 crash_with_sigill ") != std::string::npos;
  };
  EXPECT_EXIT(crash(), KilledBySignal(SIGILL), Truly(once_and_whole));
}

}  // namespace
}  // namespace fluxor::runtime
