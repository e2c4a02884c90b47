#include "runtime/loop/asio_reactor.h"

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

template <typename Run>
void AsioReactor::counted(Run&& run) {
  watch();
  try {
    ran_ += run();
  } catch (...) {
    ++ran_;
    throw;
  }
}

void AsioReactor::poll() {
  counted([this] { return context_.poll(); });
}

void AsioReactor::wait(Duration timeout) {
  counted([&] { return timeout == Poller::kForever ? context_.run_one() : context_.run_one_for(timeout); });
}

}  // namespace fluxor::runtime
