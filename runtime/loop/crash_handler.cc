#include "runtime/loop/crash_handler.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/base/fixed_text.h"
#include "runtime/base/stack_text.h"
#include "runtime/base/stack_trace.h"
#include "runtime/loop/event_loop.h"
#include "runtime/loop/loop_activity.h"

namespace fluxor::runtime {
namespace {

constexpr std::array kSignals{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
constexpr std::size_t kFramesMax = 64;
constexpr unsigned kSecondsMax = 10;

using Line = FixedText<1024>;

// The thread that prints, and what it died of; 0 as long as none does.
std::atomic<int> printing_thread{0};
std::atomic<int> printed_signal{0};

std::string_view name_of(int number) noexcept {
  switch (number) {
    case SIGSEGV: return "SIGSEGV";
    case SIGBUS: return "SIGBUS";
    case SIGILL: return "SIGILL";
    case SIGFPE: return "SIGFPE";
    case SIGABRT: return "SIGABRT";
    default: return "signal";
  }
}

int this_thread() noexcept { return static_cast<int>(::syscall(SYS_gettid)); }

void write_line(std::string_view text) noexcept {
  Line line;
  // The line end has to fit.
  line.add(text.substr(0, 1023)).add("\n");
  std::string_view rest = line.view();
  while (!rest.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (written > 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      return;
    }
  }
}

void print_signal(int number, const siginfo_t& info) noexcept {
  Line line;
  line.add("fluxor: ").add(name_of(number));
  if (info.si_code > 0) {
    line.add(" at address ").add_hex(reinterpret_cast<std::uintptr_t>(info.si_addr));
  } else if (info.si_pid != ::getpid()) {
    line.add(" from process ").add_decimal(info.si_pid);
  }
  line.add(" in thread ").add_decimal(this_thread());
  write_line(line.view());
}

void print_loop() noexcept {
  const EventLoop* const loop = EventLoop::current();
  if (loop == nullptr) return write_line("not on an event loop");
  const LoopActivity& activity = loop->activity();
  Line line;
  line.add("on event loop ").add_decimal(loop->id()).add(", stage ").add(stage_name(activity.stage()));
  if (const std::type_info* const handler = activity.handler()) {
    std::array<char, 512> buffer;
    line.add(", handler ").add(short_type_name(*handler, buffer));
  }
  if (const char* const label = activity.label()) line.add(", label ").add(label);
  write_line(line.view());
}

struct Frames {
  std::size_t count = 0;
  std::size_t lines = 0;
};

bool print_frame(void* argument, std::uintptr_t address) noexcept {
  Frames& frames = *static_cast<Frames*>(argument);
  if (frames.count++ == kFramesMax) {
    write_line("(more calls further out)");
    return false;
  }
  for_each_line(address, frames.lines, [](void*, std::string_view line) { write_line(line); }, nullptr);
  return true;
}

void take_default_course(int number) noexcept {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  ::sigaction(number, &action, nullptr);
}

// Whatever the thread that prints waits for: standard error that nobody reads, a lock of somebody who has crashed.
void on_alarm(int /*number*/) {
  const int number = printed_signal.load(std::memory_order_relaxed);
  take_default_course(number);
  ::kill(::getpid(), number);
  ::_exit(128 + number);  // if all threads block it
}

void limit_time() noexcept {
  struct sigaction action{};
  action.sa_handler = &on_alarm;
  ::sigaction(SIGALRM, &action, nullptr);
  sigset_t alarm_only;
  ::sigemptyset(&alarm_only);
  ::sigaddset(&alarm_only, SIGALRM);
  ::pthread_sigmask(SIG_UNBLOCK, &alarm_only, nullptr);
  ::alarm(kSecondsMax);
}

// Sends the signal to this thread again, as it was, to be delivered when the handler returns: then the process ends
// with the registers of the instruction that is to blame, also if it would not fault a second time.
void end_on_return(int number, siginfo_t* info) noexcept {
  sigset_t this_one;
  ::sigemptyset(&this_one);
  ::sigaddset(&this_one, number);
  ::pthread_sigmask(SIG_BLOCK, &this_one, nullptr);
  take_default_course(number);
  ::syscall(SYS_rt_tgsigqueueinfo, ::getpid(), this_thread(), number, info);
}

void on_signal(int number, siginfo_t* info, void* context) {
  int printing = 0;
  if (!printing_thread.compare_exchange_strong(printing, this_thread(), std::memory_order_relaxed)) {
    if (printing == this_thread()) return end_on_return(number, info);  // a fault in what follows here
    for (;;) ::pause();                                                 // the other thread ends the process
  }
  printed_signal.store(number, std::memory_order_relaxed);
  limit_time();
  print_signal(number, *info);
  print_loop();
  Frames frames;
  for_each_interrupted_frame(context, &print_frame, &frames);
  end_on_return(number, info);
}

}  // namespace

void install_crash_handler() noexcept {
  struct sigaction action{};
  action.sa_sigaction = &on_signal;
  // Not blocked while it is handled: a second fault of the same kind must be noticed, and the alarm must be able to end
  // the process with it.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  for (const int number : kSignals) ::sigaction(number, &action, nullptr);
}

}  // namespace fluxor::runtime
