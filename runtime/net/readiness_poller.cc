#include "runtime/net/readiness_poller.h"

#include <utility>

#include "runtime/base/check.h"
#include "runtime/net/socket_listener.h"
#include "runtime/net/socket_stream.h"

namespace fluxor::runtime {
namespace {

// Stands in for handles that were destroyed with events outstanding.
class Forgotten final : public ReadinessHandle {
  void on_events(std::uint32_t) override {}
  void on_later() override {}
} forgotten;

}  // namespace

ReadinessPoller::ReadinessPoller() : receive_buffer_(new char[kReceiveBufferBytes]) {}

ReadinessPoller::~ReadinessPoller() = default;

bool ReadinessPoller::has_pending() const noexcept {
  return events_wait() || !later_.empty() || !running_later_.empty();
}

std::size_t ReadinessPoller::dispatch(std::size_t limit) {
  std::size_t count = run_later(limit);
  while (events_next_ < events_count_ && count < limit) {
    const epoll_event event = events_[static_cast<std::size_t>(events_next_++)];
    if (event.data.ptr == nullptr) {
      take_wake_up();
      continue;
    }
    auto* handle = static_cast<ReadinessHandle*>(event.data.ptr);
    if (handle == &forgotten) continue;
    ++told_;
    ++count;
    handle->on_events(event.events);
  }
  return count + run_later(limit - count);
}

std::size_t ReadinessPoller::run_later(std::size_t limit) {
  // Asked for while these run: in the next round, so that nobody holds this one.
  running_later_.take_all(later_);
  std::size_t count = 0;
  while (!running_later_.empty() && count < limit) {
    ++told_;
    ++count;
    running_later_.pop_front().on_later();
  }
  return count;
}

Result<std::unique_ptr<Listener>> ReadinessPoller::listen(const ListeningSocket& socket, ListenerHandler& handler) {
  auto listener = std::make_unique<SocketListener>(*this, socket, handler);
  auto added = listener->start();
  if (!added) return added.error();
  return std::unique_ptr<Listener>(std::move(listener));
}

std::unique_ptr<Stream> ReadinessPoller::adopt(Socket connection, const StreamOptions& options) {
  FLUXOR_CHECK(can_watch(connection), "a socket is adopted by a poller of its own kind");
  return std::make_unique<SocketStream>(*this, std::move(connection), options);
}

void ReadinessPoller::forget(ReadinessHandle& handle) noexcept {
  for (int i = events_next_; i < events_count_; ++i) {
    epoll_event& event = events_[static_cast<std::size_t>(i)];
    if (event.data.ptr == &handle) event.data.ptr = &forgotten;
  }
  LaterList::remove(handle);
}

void ReadinessPoller::call_later(ReadinessHandle& handle) noexcept {
  if (!LaterList::holds(handle)) later_.push_back(handle);
}

}  // namespace fluxor::runtime
