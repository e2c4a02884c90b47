#include "runtime/net/epoll_stream.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/net/system_call.h"

namespace fluxor::runtime {
namespace {

constexpr std::size_t kPiecesMax = 16;

error_code system_error(int number) noexcept { return {number, boost::system::system_category()}; }

}  // namespace

EpollStream::EpollStream(EpollPoller& poller, Socket socket, const StreamOptions& options)
    : poller_(poller), socket_(std::move(socket)), options_(options) {}

EpollStream::~EpollStream() {
  if (socket_.valid() && handler_ != nullptr) poller_.remove(socket_.descriptor());
  poller_.forget(*this);
}

Result<void> EpollStream::start(StreamHandler& handler) {
  affinity_.check();
  FLUXOR_CHECK(handler_ == nullptr, "a stream is started once");
  handler_ = &handler;
  auto added = poller_.add(socket_.descriptor(), EPOLLIN, *this);
  if (added) watched_ = EPOLLIN;
  return added;
}

template <typename Call>
bool EpollStream::tell(Call&& call) {
  const DestructionMark::Watch watch(mark_);
  try {
    call(*handler_);
  } catch (...) {
    // An exception of the handler ends its stream, and only that; whoever polls hears of it.
    if (!watch.destroyed()) fail(system_error(ECANCELED));
    throw;
  }
  return !watch.destroyed();
}

void EpollStream::on_events(std::uint32_t events) {
  affinity_.check();
  if ((events & EPOLLOUT) != 0 && socket_.valid()) {
    const DestructionMark::Watch watch(mark_);
    flush();
    if (watch.destroyed()) return;
  }
  if (!socket_.valid() || (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  if (paused_ || ended_) {
    // Both are reported however little is watched, and would come again and again.
    if ((events & EPOLLERR) != 0) return fail(system_error(ECONNRESET));
    if ((events & EPOLLHUP) != 0) return ended_ ? close() : fail(system_error(ECONNRESET));
    return watch(watched_ & ~std::uint32_t{EPOLLIN});
  }
  if (unused_due_ && !unused_.empty()) return show_unused();
  receive();
}

void EpollStream::receive() {
  const std::span<char> buffer = poller_.receive_buffer();
  const std::size_t kept = unused_.size();
  if (kept != 0) std::memcpy(buffer.data(), unused_.data(), kept);
  ssize_t received;
  do {
    received = receive_bytes(socket_.descriptor(), buffer.data() + kept, buffer.size() - kept);
  } while (received < 0 && errno == EINTR);
  if (received > 0) return show(kept + static_cast<std::size_t>(received));
  if (received < 0) {
    if (errno != EAGAIN) fail(system_error(errno));
    return;
  }
  ended_ = true;
  watch(watched_ & ~std::uint32_t{EPOLLIN});
  static_cast<void>(tell([](StreamHandler& handler) { handler.on_end(); }));
}

// Shows the first `count` bytes of the receive buffer, and keeps what the handler leaves.
void EpollStream::show(std::size_t count) {
  const std::span<char> bytes = poller_.receive_buffer().first(count);
  std::size_t used = 0;
  if (!tell([&](StreamHandler& handler) { used = handler.on_data(bytes); })) return;
  if (!socket_.valid()) return;
  FLUXOR_CHECK(used <= count, "a handler uses no more than it was shown");
  if (used == count) {
    if (unused_.capacity() > 64) {
      std::string().swap(unused_);  // an idle connection owns no buffer
    } else {
      unused_.clear();
    }
    return;
  }
  FLUXOR_CHECK(paused_ || unused_due_ || count - used <= kUnusedBytesMax,
               "a handler that reads leaves at most kUnusedBytesMax unused");
  unused_.assign(bytes.data() + used, count - used);
}

void EpollStream::show_unused() {
  unused_due_ = false;
  std::memcpy(poller_.receive_buffer().data(), unused_.data(), unused_.size());
  show(unused_.size());
}

WriteState EpollStream::write(std::span<const std::string_view> pieces) {
  affinity_.check();
  if (!socket_.valid() || finishing_ || close_reason_.failed()) return WriteState::flowing;
  std::size_t skip = unsent_bytes() == 0 ? send_now(pieces) : 0;
  for (const std::string_view piece : pieces) {
    const std::size_t sent = std::min(skip, piece.size());
    skip -= sent;
    unsent_.append(piece.substr(sent));
  }
  if (unsent_bytes() != 0 && socket_.valid()) watch(watched_ | EPOLLOUT);
  congested_ = congested_ || state() == WriteState::congested;
  return state();
}

// Returns how many bytes the kernel took; a broken connection counts as all, since nothing more can be sent.
std::size_t EpollStream::send_now(std::span<const std::string_view> pieces) {
  std::size_t sent = 0;
  while (!pieces.empty()) {
    std::array<iovec, kPiecesMax> parts;
    const std::size_t count = std::min(pieces.size(), kPiecesMax);
    std::size_t wanted = 0;
    for (std::size_t i = 0; i < count; ++i) {
      parts[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};
      wanted += pieces[i].size();
    }
    ssize_t taken;
    do {
      if (count == 1) {
        taken = send_bytes(socket_.descriptor(), parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
      } else {
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = count;
        taken = ::sendmsg(socket_.descriptor(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
      }
    } while (taken < 0 && errno == EINTR);
    if (taken < 0) {
      if (errno == EAGAIN) return sent;
      fail(system_error(errno));
      return static_cast<std::size_t>(-1);
    }
    sent += static_cast<std::size_t>(taken);
    if (static_cast<std::size_t>(taken) < wanted) return sent;
    pieces = pieces.subspan(count);
  }
  return sent;
}

void EpollStream::flush() {
  if (unsent_bytes() != 0) {
    const std::string_view rest = std::string_view(unsent_).substr(unsent_begin_);
    const std::size_t sent = send_now({&rest, 1});
    if (!socket_.valid() || close_reason_.failed()) return;
    unsent_begin_ += sent;
    // Else a stream that never runs dry would keep all it ever sent.  No byte is moved for less than one that was sent.
    if (unsent_begin_ >= unsent_bytes()) unsent_.erase(0, std::exchange(unsent_begin_, 0));
  }
  if (unsent_bytes() == 0) {
    std::string().swap(unsent_);
    unsent_begin_ = 0;
    watch(watched_ & ~std::uint32_t{EPOLLOUT});
    if (finishing_) ::shutdown(socket_.descriptor(), SHUT_WR);
  }
  if (congested_ && unsent_bytes() <= options_.unsent_low_bytes) {
    congested_ = false;
    static_cast<void>(tell([](StreamHandler& handler) { handler.on_drained(); }));
  }
}

void EpollStream::pause_reading() {
  affinity_.check();
  paused_ = true;
}

void EpollStream::resume_reading() {
  affinity_.check();
  if (!std::exchange(paused_, false) || !socket_.valid()) return;
  if (!ended_) watch(watched_ | EPOLLIN);
  unused_due_ = true;
  poller_.call_later(*this);
}

void EpollStream::finish() {
  affinity_.check();
  if (!socket_.valid() || std::exchange(finishing_, true)) return;
  if (unsent_bytes() == 0) ::shutdown(socket_.descriptor(), SHUT_WR);
}

void EpollStream::close() {
  affinity_.check();
  if (!socket_.valid()) return;
  // The kernel does that by itself only when nobody has a copy of the descriptor; a child process may, until it execs.
  if (handler_ != nullptr) poller_.remove(socket_.descriptor());
  socket_.reset();
  poller_.call_later(*this);
}

void EpollStream::fail(error_code reason) {
  if (!socket_.valid()) return;
  close_reason_ = reason;
  close();
}

void EpollStream::on_later() {
  if (!socket_.valid()) {
    if (handler_ != nullptr && !std::exchange(close_told_, true)) {
      static_cast<void>(tell([this](StreamHandler& handler) { handler.on_closed(close_reason_); }));
    }
    return;
  }
  if (paused_ || !unused_due_) return;
  if (unused_.empty()) {
    unused_due_ = false;
  } else {
    show_unused();
  }
}

void EpollStream::watch(std::uint32_t events) {
  if (events == watched_) return;
  watched_ = events;
  poller_.change(socket_.descriptor(), events, *this);
}

}  // namespace fluxor::runtime
