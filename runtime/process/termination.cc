#include "runtime/process/termination.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <utility>

namespace fluxor::runtime {

Result<Termination> Termination::create() {
  const auto last_error = [] { return error_code(errno, boost::system::system_category()); };
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGINT);
  if (::pthread_sigmask(SIG_BLOCK, &wanted, nullptr) != 0) return last_error();
  Socket signals(::signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!signals.valid()) return last_error();
  Socket notified(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!notified.valid()) return last_error();
  return Termination(std::move(signals), std::move(notified));
}

Termination::Event Termination::wait(std::optional<Duration> timeout) {
  std::array<pollfd, 2> watched{{{signals_.descriptor(), POLLIN, 0}, {notified_.descriptor(), POLLIN, 0}}};
  timespec limit{};
  if (timeout) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*timeout);
    limit = {static_cast<time_t>(seconds.count()), static_cast<long>((*timeout - seconds).count())};
  }
  const int ready = ::ppoll(watched.data(), watched.size(), timeout ? &limit : nullptr, nullptr);
  if (ready == 0) return Event::timed_out;
  signalfd_siginfo info;
  if (::read(signals_.descriptor(), &info, sizeof(info)) == sizeof(info)) return Event::signal;
  std::uint64_t count;
  if (::read(notified_.descriptor(), &count, sizeof(count)) == sizeof(count)) return Event::notified;
  return Event::timed_out;  // woken for nothing: whoever waits looks at his clock
}

void Termination::notify() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = ::write(notified_.descriptor(), &one, sizeof(one));
}

}  // namespace fluxor::runtime
