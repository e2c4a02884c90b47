#include "runtime/net/epoll_poller.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/net/epoll_listener.h"
#include "runtime/net/epoll_stream.h"
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

EpollPoller::EpollPoller(Socket epoll, Socket wake_up)
    : epoll_(std::move(epoll)), wake_up_(std::move(wake_up)), receive_buffer_(new char[kReceiveBufferBytes]) {}

EpollPoller::~EpollPoller() = default;

int EpollPoller::wait_for_events(Duration timeout) noexcept {
  if (timeout == kForever || timeout == Duration::zero()) {
    return wait_for_epoll(epoll_.descriptor(), events_.data(), kEventsMax, timeout == kForever ? -1 : 0);
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  const timespec exact{static_cast<time_t>(seconds.count()), static_cast<long>((timeout - seconds).count())};
  const int ready = wait_for_epoll(epoll_.descriptor(), events_.data(), kEventsMax, exact);
  if (ready >= 0 || (errno != ENOSYS && errno != EPERM)) return ready;
  // Kernels before 5.11 know milliseconds only, and older container runtimes forbid what they do not know: rounded up,
  // so that no timer is looked for too early again and again.
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  return wait_for_epoll(epoll_.descriptor(), events_.data(), kEventsMax,
                        static_cast<int>(std::min<std::int64_t>(milliseconds, 1 << 30)));
}

void EpollPoller::wait(Duration timeout) {
  if (events_next_ < events_count_) return;  // left over from a dispatch() that a handler broke off
  const Duration patience = has_pending() ? Duration::zero() : timeout;
  events_next_ = 0;
  events_count_ = std::max(0, wait_for_events(patience));
}

bool EpollPoller::has_pending() const noexcept {
  return events_next_ < events_count_ || !later_.empty() || !running_later_.empty();
}

std::size_t EpollPoller::dispatch(std::size_t limit) {
  std::size_t count = run_later(limit);
  while (events_next_ < events_count_ && count < limit) {
    const epoll_event event = events_[static_cast<std::size_t>(events_next_++)];
    if (event.data.ptr == nullptr) {
      std::uint64_t wake_ups;
      [[maybe_unused]] const ssize_t ignored = ::read(wake_up_.descriptor(), &wake_ups, sizeof(wake_ups));
      continue;
    }
    auto* handle = static_cast<EpollHandle*>(event.data.ptr);
    if (handle == &forgotten_) continue;
    ++told_;
    ++count;
    handle->on_events(event.events);
  }
  return count + run_later(limit - count);
}

std::size_t EpollPoller::run_later(std::size_t limit) {
  // Asked for while these run: at the next dispatch(), so that nobody holds this one.
  if (running_later_.empty()) {
    std::swap(running_later_, later_);
    std::reverse(running_later_.begin(), running_later_.end());
  }
  std::size_t count = 0;
  while (!running_later_.empty() && count < limit) {
    EpollHandle* handle = running_later_.back();
    running_later_.pop_back();
    if (handle == &forgotten_) continue;
    handle->called_later_ = false;
    ++told_;
    ++count;
    handle->on_later();
  }
  return count;
}

void EpollPoller::wake() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = ::write(wake_up_.descriptor(), &one, sizeof(one));
}

Result<std::unique_ptr<Listener>> EpollPoller::listen(const ListeningSocket& socket, ListenerHandler& handler) {
  auto listener = std::make_unique<EpollListener>(*this, socket, handler);
  auto added = listener->start();
  if (!added) return added.error();
  return std::unique_ptr<Listener>(std::move(listener));
}

std::unique_ptr<Stream> EpollPoller::adopt(Socket connection, const StreamOptions& options) {
  return std::make_unique<EpollStream>(*this, std::move(connection), options);
}

Result<void> EpollPoller::add(int descriptor, std::uint32_t events, EpollHandle& handle) noexcept {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &handle;
  if (::epoll_ctl(epoll_.descriptor(), EPOLL_CTL_ADD, descriptor, &event) != 0) return last_error();
  return {};
}

void EpollPoller::change(int descriptor, std::uint32_t events, EpollHandle& handle) noexcept {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &handle;
  const int changed = ::epoll_ctl(epoll_.descriptor(), EPOLL_CTL_MOD, descriptor, &event);
  FLUXOR_CHECK(changed == 0, "only a registered descriptor is changed");
}

void EpollPoller::remove(int descriptor) noexcept {
  ::epoll_ctl(epoll_.descriptor(), EPOLL_CTL_DEL, descriptor, nullptr);
}

void EpollPoller::forget(EpollHandle& handle) noexcept {
  for (int i = events_next_; i < events_count_; ++i) {
    if (events_[static_cast<std::size_t>(i)].data.ptr == &handle) {
      events_[static_cast<std::size_t>(i)].data.ptr = &forgotten_;
    }
  }
  if (!handle.called_later_) return;
  std::replace(later_.begin(), later_.end(), &handle, static_cast<EpollHandle*>(&forgotten_));
  std::replace(running_later_.begin(), running_later_.end(), &handle, static_cast<EpollHandle*>(&forgotten_));
}

void EpollPoller::call_later(EpollHandle& handle) {
  if (std::exchange(handle.called_later_, true)) return;
  later_.push_back(&handle);
}

}  // namespace fluxor::runtime
