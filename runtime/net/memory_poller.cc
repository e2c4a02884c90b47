#include "runtime/net/memory_poller.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>

#include "runtime/base/check.h"
#include "runtime/net/socket_stream.h"

namespace fluxor::runtime {
namespace {

MemoryReadiness* readiness_of(const Socket& socket) noexcept {
  return dynamic_cast<MemoryReadiness*>(socket.virtual_socket());
}

}  // namespace

MemoryPoller::MemoryPoller(MemoryWire& wire, const Endpoint& host) : wire_(wire), host_(host) { wire_.enter_poller(); }

MemoryPoller::~MemoryPoller() {
  FLUXOR_CHECK(watches_ == 0, "streams and listeners go before their poller");
  wire_.leave_poller();
}

void MemoryPoller::wait(Duration) {
  wire_.affinity().check();
  if (events_wait()) return;
  wire_.deliver_due();
  int count = 0;
  for (std::size_t left = maybe_ready_.size(); left > 0 && count < kEventsMax; --left) {
    MemoryWatch& watch = *maybe_ready_.front();
    maybe_ready_.pop_front();
    const std::uint32_t ready = watch.socket.readiness() & (watch.events | EPOLLERR | EPOLLHUP);
    watch.queued = ready != 0;
    if (ready == 0) continue;
    epoll_event& event = events()[static_cast<std::size_t>(count++)];
    event.events = ready;
    event.data.ptr = watch.handle;
    maybe_ready_.push_back(&watch);  // looked at again, in its turn, as long as it stays ready
  }
  set_events_count(count);
}

Result<std::unique_ptr<Stream>> MemoryPoller::connect(const Endpoint& to, const StreamOptions& options) {
  wire_.affinity().check();
  const Endpoint local = to.is_unix() ? Endpoint() : wire_.with_free_port(host_);
  auto end = std::make_unique<MemoryEnd>(wire_, local, to, wire_.buffer_bytes());
  wire_.send_connect(*end);
  return SocketStream::connecting(*this, Socket(std::move(end)), options, 0);
}

void MemoryPoller::queue(MemoryWatch& watch) {
  if (watch.queued) return;
  watch.queued = true;
  maybe_ready_.push_back(&watch);
}

void MemoryPoller::unqueue(MemoryWatch& watch) noexcept {
  if (watch.queued) std::erase(maybe_ready_, &watch);
  watch.queued = false;
}

Result<void> MemoryPoller::add(const Socket& socket, std::uint32_t events, ReadinessHandle& handle) {
  MemoryReadiness* const readiness = readiness_of(socket);
  if (readiness == nullptr) return error_code(EBADF, boost::system::system_category());
  readiness->add_watch(*this, events, handle);
  return {};
}

void MemoryPoller::change(const Socket& socket, std::uint32_t events, ReadinessHandle&) noexcept {
  readiness_of(socket)->change_watch(*this, events);
}

void MemoryPoller::remove(const Socket& socket) noexcept {
  if (MemoryReadiness* const readiness = readiness_of(socket)) readiness->remove_watch(*this);
}

}  // namespace fluxor::runtime
