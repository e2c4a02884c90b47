#include "runtime/base/thread_stack.h"

#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <mutex>

namespace fluxor::runtime {
namespace {

constexpr int kSignalOffset = 5;

// One request at a time, and its answer.  It is never freed, since the answer may come at any later time.
//
// `word` holds the number of the request and how far it is:
//
//     idle ─ask─► asked ─handler─► answering ─handler─► answered ─take─► idle
//                   └──────────────── give up ───────────────────────────┘
//
// A handler answers only the request whose number its signal carries, and only once, by the CAS from asked.  Release
// of answered pairs with the acquire of who asked: then the trace can be read.
struct Slot {
  std::atomic<std::uint32_t> word{0};
  StackTrace trace;
};
enum Step : std::uint32_t { kIdle, kAsked, kAnswering, kAnswered, kStepMask = 3 };
constexpr std::uint32_t kRequestUnit = 4;

Slot slot;
std::mutex one_at_a_time;

long futex(int operation, std::uint32_t value, const timespec* timeout) noexcept {
  return ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&slot.word), operation, value, timeout, nullptr, 0);
}

void on_signal(int /*number*/, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const auto request = static_cast<std::uint32_t>(info->si_value.sival_int);
  std::uint32_t asked = request | kAsked;
  if (info->si_code == SI_QUEUE &&
      slot.word.compare_exchange_strong(asked, request | kAnswering, std::memory_order_acquire)) {
    slot.trace = StackTrace::interrupted(context);
    slot.word.store(request | kAnswered, std::memory_order_release);
    futex(FUTEX_WAKE_PRIVATE, 1, nullptr);
  }
  errno = saved_errno;
}

// Whether the handler is ours; the first call puts it there if nobody else has one.
bool handler_installed() noexcept {
  static const bool ours = [] {
    const int number = SIGRTMIN + kSignalOffset;
    struct sigaction action{};
    if (::sigaction(number, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) return false;
    action.sa_sigaction = &on_signal;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    ::sigfillset(&action.sa_mask);
    return ::sigaction(number, &action, nullptr) == 0;
  }();
  return ours;
}

bool send_signal(std::int32_t thread_id, std::uint32_t request) noexcept {
  siginfo_t info{};
  info.si_code = SI_QUEUE;
  info.si_value.sival_int = static_cast<int>(request);
  return ::syscall(SYS_rt_tgsigqueueinfo, ::getpid(), thread_id, SIGRTMIN + kSignalOffset, &info) == 0;
}

// Waits while the word is `value`, but for no longer than `patience`.
void wait_while(std::uint32_t value, Duration patience) noexcept {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(patience);
  const timespec limit{static_cast<time_t>(seconds.count()), static_cast<long>((patience - seconds).count())};
  while (slot.word.load(std::memory_order_acquire) == value) {
    if (futex(FUTEX_WAIT_PRIVATE, value, &limit) != 0 && errno == ETIMEDOUT) return;
  }
}

}  // namespace

Result<StackTrace> stack_of_thread(std::int32_t thread_id, Duration patience) {
  const std::lock_guard lock(one_at_a_time);
  if (!handler_installed()) return Errc::invalid;
  std::uint32_t word = slot.word.load(std::memory_order_acquire);
  if ((word & kStepMask) == kAnswering) return Errc::timeout;  // an earlier one is still at it
  const std::uint32_t request = (word & ~kStepMask) + kRequestUnit;
  slot.word.store(request | kAsked, std::memory_order_release);
  if (!send_signal(thread_id, request)) {
    slot.word.store(request | kIdle, std::memory_order_relaxed);
    if (errno == ESRCH) return Errc::not_found;
    return error_code(errno, boost::system::system_category());
  }
  wait_while(request | kAsked, patience);
  word = request | kAsked;
  if (slot.word.compare_exchange_strong(word, request | kIdle, std::memory_order_acquire)) return Errc::timeout;
  if (word == (request | kAnswering)) wait_while(word, patience);
  if (slot.word.load(std::memory_order_acquire) != (request | kAnswered)) return Errc::timeout;
  return slot.trace;
}

}  // namespace fluxor::runtime
