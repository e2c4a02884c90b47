#include "runtime/loop/event_loop_group.h"

#include <pthread.h>

#include <string>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/net/epoll_poller.h"

namespace fluxor::runtime {

Result<std::unique_ptr<EventLoopGroup>> EventLoopGroup::create(const EventLoopGroupOptions& options, const Clock& clock,
                                                               const EventLoop::FailureHandler& on_failure) {
  if (options.loops == 0) return Errc::invalid;
  std::vector<std::unique_ptr<EventLoop>> loops;
  for (std::size_t id = 0; id < options.loops; ++id) {
    auto poller = EpollPoller::create();
    if (!poller) return poller.error();
    loops.push_back(std::make_unique<EventLoop>(EventLoopOptions{.id = id, .ring_capacity = options.ring_capacity},
                                                clock, std::move(*poller), on_failure));
  }
  return std::unique_ptr<EventLoopGroup>(new EventLoopGroup(std::move(loops)));
}

EventLoopGroup::~EventLoopGroup() { stop(); }

void EventLoopGroup::start() {
  FLUXOR_CHECK(threads_.empty(), "a group is started once");
  for (const auto& loop : loops_) {
    threads_.emplace_back([&loop = *loop] { loop.run(); });
    const std::string name = "fluxor-loop-" + std::to_string(loop->id());
    ::pthread_setname_np(threads_.back().native_handle(), name.substr(0, 15).c_str());
  }
}

void EventLoopGroup::stop() noexcept {
  for (const auto& loop : loops_) loop->stop();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

EventLoop& EventLoopGroup::next() noexcept {
  return *loops_[next_.fetch_add(1, std::memory_order_relaxed) % loops_.size()];
}

// FNV-1a, then the finalizer of MurmurHash3 to spread it, then the upper half scaled to the number of loops (Lemire).
std::size_t EventLoopGroup::loop_of_key(std::string_view key, std::size_t loops) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : key) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
  return static_cast<std::size_t>(((hash ^ (hash >> 33)) >> 32) * loops >> 32);
}

}  // namespace fluxor::runtime
