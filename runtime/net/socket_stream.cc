#include "runtime/net/socket_stream.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/net/system_call.h"

namespace fluxor::runtime {
namespace {

constexpr std::size_t kPiecesMax = 16;

error_code system_error(int number) noexcept {
  return number == 0 ? error_code() : error_code(number, boost::system::system_category());
}

}  // namespace

SocketStream::SocketStream(ReadinessPoller& poller, Socket socket, const StreamOptions& options)
    : poller_(poller), socket_(std::move(socket)), options_(options) {}

std::unique_ptr<Stream> SocketStream::connecting(ReadinessPoller& poller, Socket socket, const StreamOptions& options,
                                                 int refusal) {
  auto stream = std::make_unique<SocketStream>(poller, std::move(socket), options);
  stream->connecting_ = true;
  stream->watched_ = EPOLLOUT;
  if (refusal != 0) stream->fail(refusal);
  return stream;
}

SocketStream::~SocketStream() {
  detach();
  poller_.forget(*this);
}

Result<void> SocketStream::start(StreamHandler& handler) {
  affinity_.check();
  FLUXOR_CHECK(handler_ == nullptr, "a stream is started once");
  handler_ = &handler;
  if (socket_.valid()) return attach(watched_ | EPOLLIN);
  poller_.call_later(*this);  // it was closed or broke before: that is told in the same way
  return {};
}

template <typename Call>
bool SocketStream::tell(Call&& call) {
  const DestructionMark::Watch watch(mark_);
  try {
    call(*handler_);
  } catch (...) {
    // An exception of the handler ends its stream, and only that; whoever polls hears of it.
    if (!watch.destroyed()) fail(ECANCELED);
    throw;
  }
  return !watch.destroyed();
}

void SocketStream::on_events(std::uint32_t events) {
  affinity_.check();
  if (connecting_) [[unlikely]] {
    return finish_connecting(events);
  }
  if ((events & EPOLLOUT) != 0 && socket_.valid()) {
    const DestructionMark::Watch watch(mark_);
    flush();
    if (watch.destroyed()) return;
  }
  if (!socket_.valid() || (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  if (paused_ || ended_) return look_at_end(events);
  if (unused_due_ && !unused_.empty()) return show_unused();
  receive();
}

void SocketStream::finish_connecting(std::uint32_t events) {
  if (!socket_.valid() || (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) == 0) return;
  if (const int error = take_error(socket_)) return fail(error);
  connecting_ = false;
  if (!tell([](StreamHandler& handler) { handler.on_connected(); })) return;
  if (socket_.valid()) flush();
}

// Nothing may be read, or there is nothing left.  An error and the end of both halves are reported however little is
// watched, and would come again and again.
void SocketStream::look_at_end(std::uint32_t events) {
  if ((events & EPOLLERR) != 0) {
    const int error = take_error(socket_);
    return fail(error == 0 ? ECONNRESET : error);
  }
  if ((events & EPOLLHUP) != 0) {
    if (ended_) return close();
    // What came before has not been read.  Nothing else can happen until it is.
    if (unsent_bytes() == 0) return detach();
  }
  watch(watched_ & ~std::uint32_t{EPOLLIN});
}

void SocketStream::receive() {
  const std::span<char> buffer = poller_.receive_buffer();
  const std::size_t kept = unused_.size();
  if (kept != 0) std::memcpy(buffer.data(), unused_.data(), kept);
  ssize_t received;
  do {
    received = receive_bytes(socket_, buffer.data() + kept, buffer.size() - kept);
  } while (received < 0 && errno == EINTR);
  if (received > 0) return show(kept + static_cast<std::size_t>(received));
  if (received < 0) {
    if (errno != EAGAIN) fail(errno);
    return;
  }
  ended_ = true;
  watch(watched_ & ~std::uint32_t{EPOLLIN});
  static_cast<void>(tell([](StreamHandler& handler) { handler.on_end(); }));
}

// Shows the first `count` bytes of the receive buffer, and keeps what the handler leaves.
void SocketStream::show(std::size_t count) {
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
  try {
    unused_.assign(bytes.data() + used, count - used);
  } catch (const std::bad_alloc&) {
    fail(ENOMEM);  // going on would leave a gap
  }
}

void SocketStream::show_unused() {
  unused_due_ = false;
  std::memcpy(poller_.receive_buffer().data(), unused_.data(), unused_.size());
  show(unused_.size());
}

WriteState SocketStream::write(std::span<const std::string_view> pieces) {
  affinity_.check();
  if (!socket_.valid() || finishing_) return WriteState::flowing;
  std::size_t skip = unsent_bytes() == 0 && !connecting_ ? send_now(pieces) : 0;
  try {
    for (const std::string_view piece : pieces) {
      const std::size_t sent = std::min(skip, piece.size());
      skip -= sent;
      unsent_.append(piece.substr(sent));
    }
  } catch (const std::bad_alloc&) {
    fail(ENOMEM);  // going on would leave a gap
    return WriteState::flowing;
  }
  if (unsent_bytes() != 0 && socket_.valid()) watch(watched_ | EPOLLOUT);
  congested_ = congested_ || state() == WriteState::congested;
  return state();
}

// Returns how many bytes the kernel took; a broken connection counts as all, since nothing more can be sent.
std::size_t SocketStream::send_now(std::span<const std::string_view> pieces) {
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
      taken = send_bytes(socket_, std::span(parts).first(count));
    } while (taken < 0 && errno == EINTR);
    if (taken < 0) {
      if (errno == EAGAIN) return sent;
      fail(errno);
      return static_cast<std::size_t>(-1);
    }
    sent += static_cast<std::size_t>(taken);
    if (static_cast<std::size_t>(taken) < wanted) return sent;
    pieces = pieces.subspan(count);
  }
  return sent;
}

void SocketStream::flush() {
  if (unsent_bytes() != 0) {
    const std::string_view rest = std::string_view(unsent_).substr(unsent_begin_);
    const std::size_t sent = send_now({&rest, 1});
    if (!socket_.valid()) return;
    unsent_begin_ += sent;
    // Else a stream that never runs dry would keep all it ever sent.  No byte is moved for less than one that was sent.
    if (unsent_begin_ >= unsent_bytes()) unsent_.erase(0, std::exchange(unsent_begin_, 0));
  }
  if (unsent_bytes() == 0) {
    std::string().swap(unsent_);
    unsent_begin_ = 0;
    watch(watched_ & ~std::uint32_t{EPOLLOUT});
    if (finishing_) end_writing(socket_);
  }
  if (congested_ && unsent_bytes() <= options_.unsent_low_bytes) {
    congested_ = false;
    static_cast<void>(tell([](StreamHandler& handler) { handler.on_drained(); }));
  }
}

void SocketStream::pause_reading() {
  affinity_.check();
  paused_ = true;
}

void SocketStream::resume_reading() {
  affinity_.check();
  if (!std::exchange(paused_, false) || !socket_.valid()) return;
  unused_due_ = true;
  if (!ended_) watch(watched_ | EPOLLIN);
  poller_.call_later(*this);
}

void SocketStream::finish() {
  affinity_.check();
  if (!socket_.valid() || std::exchange(finishing_, true)) return;
  if (unsent_bytes() == 0 && !connecting_) end_writing(socket_);
}

void SocketStream::close() {
  affinity_.check();
  if (!socket_.valid()) return;
  // The kernel does that by itself only when nobody has a copy of the descriptor; a child process may, until it execs.
  detach();
  socket_.reset();
  poller_.call_later(*this);
}

void SocketStream::abort() {
  affinity_.check();
  if (!socket_.valid()) return;
  reset_on_close(socket_);
  close();
}

void SocketStream::fail(int reason) {
  if (!socket_.valid()) return;
  close_reason_ = reason;
  close();
}

Endpoint SocketStream::local_endpoint() const { return socket_.valid() ? local_endpoint_of(socket_) : Endpoint(); }
Endpoint SocketStream::peer_endpoint() const { return socket_.valid() ? peer_endpoint_of(socket_) : Endpoint(); }

void SocketStream::on_later() {
  if (!socket_.valid()) {
    if (handler_ != nullptr && !std::exchange(close_told_, true)) {
      static_cast<void>(tell([this](StreamHandler& handler) { handler.on_closed(system_error(close_reason_)); }));
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

Result<void> SocketStream::attach(std::uint32_t events) {
  watched_ = events;
  auto added = poller_.add(socket_, events, *this);
  attached_ = added.has_value();
  return added;
}

void SocketStream::detach() noexcept {
  if (std::exchange(attached_, false)) poller_.remove(socket_);
  watched_ = 0;
}

void SocketStream::watch(std::uint32_t events) {
  if (events == watched_) return;
  if (attached_) {
    poller_.change(socket_, events, *this);
  } else if (handler_ != nullptr) {  // detached, and there is something to be seen again
    if (auto added = attach(events); !added) return fail(added.error().value());
  }
  watched_ = events;
}

}  // namespace fluxor::runtime
