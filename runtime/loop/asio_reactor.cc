#include "runtime/loop/asio_reactor.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "runtime/net/poller.h"

namespace fluxor::runtime {

AsioReactor::AsioReactor(int descriptor) : context_(1), work_(context_.get_executor()), poller_(context_, descriptor) {}

AsioReactor::~AsioReactor() { poller_.release(); }

void AsioReactor::watch() {
  if (std::exchange(watching_, true)) return;
  // Asio watches descriptors edge-triggered; beginning a wait anew also tells what is there already.
  poller_.async_wait(boost::asio::posix::descriptor_base::wait_read, [this](const boost::system::error_code&) {
    watching_ = false;
    --ran_;  // counted in a moment, and no work
  });
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
  // Asio adds the limit to a time of its own; a day fits whatever that is, and waking up once a day costs nothing.
  const Duration limit = std::min<Duration>(timeout, std::chrono::hours(24));
  static_cast<void>(
      counted([&] { return timeout == Poller::kForever ? context_.run_one() : context_.run_one_for(limit); }));
}

}  // namespace fluxor::runtime
