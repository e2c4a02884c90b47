#include "runtime/net/socket_listener.h"

#include <sys/epoll.h>

#include <cerrno>
#include <utility>

namespace fluxor::runtime {
namespace {

// Per readiness event: so that a burst of connections does not hold up those that are there, and other loops get
// theirs.
constexpr int kAcceptsPerEvent = 8;

}  // namespace

SocketListener::SocketListener(ReadinessPoller& poller, const ListeningSocket& socket, ListenerHandler& handler)
    : poller_(poller), socket_(socket), handler_(handler) {}

SocketListener::~SocketListener() {
  pause();
  poller_.forget(left_over_);
  poller_.forget(*this);
}

Result<void> SocketListener::start() {
  auto added = poller_.add(socket_.socket(), EPOLLIN | EPOLLEXCLUSIVE, *this);
  if (added && socket_.left_over().valid()) {
    added = poller_.add(socket_.left_over(), EPOLLIN | EPOLLEXCLUSIVE, left_over_);
    if (!added) poller_.remove(socket_.socket());
  }
  watching_ = added.has_value();
  return added;
}

void SocketListener::pause() {
  if (!std::exchange(watching_, false)) return;
  poller_.remove(socket_.socket());
  if (!socket_.left_over().valid()) return;
  poller_.remove(socket_.left_over());
  socket_.pass_on();
}

void SocketListener::resume() {
  if (watching_) return;
  auto started = start();
  if (started) return;
  resume_failure_ = started.error();
  poller_.call_later(*this);
}

void SocketListener::on_later() { handler_.on_accept_failed(resume_failure_); }

void SocketListener::LeftOver::on_events(std::uint32_t events) {
  if (!listener_.watching_) return;
  listener_.socket_.take_left_over();
  listener_.on_events(events);
}

void SocketListener::on_events(std::uint32_t) {
  // It may have been paused since the kernel was asked.
  for (int i = 0; i < kAcceptsPerEvent && watching_; ++i) {
    if (accept_one() != Accepted::one) return;
  }
}

SocketListener::Accepted SocketListener::accept_one() {
  Socket connection = socket_.accept();
  if (connection.valid()) {
    const DestructionMark::Watch watch(mark_);
    handler_.on_accept(std::move(connection));
    return watch.destroyed() ? Accepted::destroyed : Accepted::one;
  }
  switch (errno) {
    case EAGAIN: return Accepted::none;
    case EINTR:
    case ECONNABORTED:
    case EPROTO: return Accepted::one;  // that one is gone, the next may be there
    default:
      const error_code reason(errno, boost::system::system_category());
      pause();
      handler_.on_accept_failed(reason);
      return Accepted::none;
  }
}

}  // namespace fluxor::runtime
