#include "runtime/net/epoll_listener.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

namespace fluxor::runtime {
namespace {

// Per readiness event: so that a burst of connections does not hold up those that are there, and other loops get
// theirs.
constexpr int kAcceptsPerEvent = 8;

}  // namespace

EpollListener::EpollListener(EpollPoller& poller, const ListeningSocket& socket, ListenerHandler& handler)
    : poller_(poller), socket_(socket), handler_(handler) {}

EpollListener::~EpollListener() {
  pause();
  poller_.forget(*this);
}

Result<void> EpollListener::start() {
  auto added = poller_.add(socket_.descriptor(), EPOLLIN | EPOLLEXCLUSIVE, *this);
  watching_ = added.has_value();
  return added;
}

void EpollListener::pause() {
  if (watching_) poller_.remove(socket_.descriptor());
  watching_ = false;
}

void EpollListener::resume() {
  if (watching_) return;
  auto started = start();
  if (started) return;
  resume_failure_ = started.error();
  poller_.call_later(*this);
}

void EpollListener::on_later() { handler_.on_accept_failed(resume_failure_); }

void EpollListener::on_events(std::uint32_t) {
  // It may have been paused since the kernel was asked.
  for (int i = 0; i < kAcceptsPerEvent && watching_; ++i) {
    if (accept_one() != Accepted::one) return;
  }
}

EpollListener::Accepted EpollListener::accept_one() {
  const int descriptor = ::accept4(socket_.descriptor(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (descriptor >= 0) {
    const DestructionMark::Watch watch(mark_);
    handler_.on_accept(Socket(descriptor));
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
