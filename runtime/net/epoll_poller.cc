#include "runtime/net/epoll_poller.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/net/socket_stream.h"
#include "runtime/net/system_call.h"

namespace fluxor::runtime {
namespace {

error_code last_error() noexcept { return {errno, boost::system::system_category()}; }

}  // namespace

Result<std::unique_ptr<EpollPoller>> EpollPoller::create() {
  Socket epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return last_error();
  Socket wake_up(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake_up.valid()) return last_error();
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;  // the wake-up has no handle
  if (::epoll_ctl(epoll.descriptor(), EPOLL_CTL_ADD, wake_up.descriptor(), &event) != 0) return last_error();
  return std::unique_ptr<EpollPoller>(new EpollPoller(std::move(epoll), std::move(wake_up)));
}

EpollPoller::EpollPoller(Socket epoll, Socket wake_up) : epoll_(std::move(epoll)), wake_up_(std::move(wake_up)) {}

EpollPoller::~EpollPoller() = default;

int EpollPoller::wait_for_events(Duration timeout) noexcept {
  epoll_event* const found = events().data();
  if (timeout == kForever || timeout == Duration::zero()) {
    return wait_for_epoll(epoll_.descriptor(), found, kEventsMax, timeout == kForever ? -1 : 0);
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  const timespec exact{static_cast<time_t>(seconds.count()), static_cast<long>((timeout - seconds).count())};
  const int ready = wait_for_epoll(epoll_.descriptor(), found, kEventsMax, exact);
  if (ready >= 0 || (errno != ENOSYS && errno != EPERM)) return ready;
  // Kernels before 5.11 know milliseconds only, and older container runtimes forbid what they do not know: rounded up,
  // so that no timer is looked for too early again and again.
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  return wait_for_epoll(epoll_.descriptor(), found, kEventsMax,
                        static_cast<int>(std::min<std::int64_t>(milliseconds, 1 << 30)));
}

void EpollPoller::wait(Duration timeout) {
  if (events_wait()) return;
  const Duration patience = has_pending() ? Duration::zero() : timeout;
  set_events_count(std::max(0, wait_for_events(patience)));
}

void EpollPoller::take_wake_up() noexcept {
  std::uint64_t count;
  [[maybe_unused]] const ssize_t ignored = ::read(wake_up_.descriptor(), &count, sizeof(count));
}

void EpollPoller::wake() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = ::write(wake_up_.descriptor(), &one, sizeof(one));
}

Result<std::unique_ptr<Stream>> EpollPoller::connect(const Endpoint& to, const StreamOptions& options) {
  Socket socket(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return last_error();
  const int yes = 1;
  if (!to.is_unix() && ::setsockopt(socket.descriptor(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) != 0) {
    return last_error();
  }
  const int refusal = ::connect(socket.descriptor(), to.native(), to.native_size()) == 0 ? 0 : errno;
  return SocketStream::connecting(*this, std::move(socket), options, refusal == EINPROGRESS ? 0 : refusal);
}

Result<void> EpollPoller::add(const Socket& socket, std::uint32_t events, ReadinessHandle& handle) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &handle;
  if (::epoll_ctl(epoll_.descriptor(), EPOLL_CTL_ADD, socket.descriptor(), &event) != 0) return last_error();
  return {};
}

void EpollPoller::change(const Socket& socket, std::uint32_t events, ReadinessHandle& handle) noexcept {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &handle;
  const int changed = ::epoll_ctl(epoll_.descriptor(), EPOLL_CTL_MOD, socket.descriptor(), &event);
  FLUXOR_CHECK(changed == 0, "only a registered descriptor is changed");
}

void EpollPoller::remove(const Socket& socket) noexcept {
  ::epoll_ctl(epoll_.descriptor(), EPOLL_CTL_DEL, socket.descriptor(), nullptr);
}

}  // namespace fluxor::runtime
