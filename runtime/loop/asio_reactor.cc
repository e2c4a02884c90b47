#include "runtime/loop/asio_reactor.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <utility>

#include "runtime/net/poller.h"

namespace fluxor::runtime {

namespace {

int make_alarm() {
  const int descriptor = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (descriptor < 0) throw boost::system::system_error(errno, boost::system::system_category(), "timerfd_create");
  return descriptor;
}

}  // namespace

AsioReactor::AsioReactor(int descriptor)
    : context_(1), work_(context_.get_executor()), poller_(context_, descriptor), alarm_(context_, make_alarm()) {}

AsioReactor::~AsioReactor() { poller_.release(); }

// Asio watches descriptors edge-triggered; beginning a wait anew also tells what is there already.  Our own handlers
// are counted in a moment, and are no work.
void AsioReactor::watch() {
  if (!std::exchange(watching_, true)) {
    poller_.async_wait(boost::asio::posix::descriptor_base::wait_read, [this](const boost::system::error_code&) {
      watching_ = false;
      --ran_;
    });
  }
  if (!std::exchange(watching_alarm_, true)) {
    alarm_.async_wait(boost::asio::posix::descriptor_base::wait_read, [this](const boost::system::error_code&) {
      watching_alarm_ = false;
      --ran_;
      std::uint64_t times;
      [[maybe_unused]] const ssize_t ignored = ::read(alarm_.native_handle(), &times, sizeof(times));
    });
  }
}

void AsioReactor::set_alarm(Duration timeout) noexcept {
  const bool set = timeout != Poller::kForever;
  if (!set && !alarm_set_) return;
  alarm_set_ = set;
  itimerspec at{};  // all zero: none
  if (set) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
    at.it_value = {static_cast<time_t>(seconds.count()), static_cast<long>((timeout - seconds).count())};
  }
  ::timerfd_settime(alarm_.native_handle(), 0, &at, nullptr);
}

template <typename RunOne>
bool AsioReactor::counted(RunOne&& run_one) {
  std::size_t count = 0;
  try {
    count = run_one();
  } catch (...) {
    ++ran_;
    throw;
  }
  ran_ += count;
  if (count != 0) return true;
  // Somebody stopped the context: it is the loop's and lives as long; a stopped one would neither run nor wait.
  if (!context_.stopped()) return false;
  context_.restart();
  return true;
}

void AsioReactor::poll() {
  watch();
  for (int i = 0; i < kPollBudget; ++i) {
    if (!counted([this] { return context_.poll_one(); })) return;
  }
}

void AsioReactor::wait(Duration timeout) {
  watch();
  set_alarm(timeout);
  static_cast<void>(counted([this] { return context_.run_one(); }));
}

}  // namespace fluxor::runtime
