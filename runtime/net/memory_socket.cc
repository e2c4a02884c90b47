#include "runtime/net/memory_socket.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/net/memory_poller.h"

namespace fluxor::runtime {
namespace {

ssize_t refused(int error) noexcept {
  errno = error;
  return -1;
}

}  // namespace

MemoryReadiness::~MemoryReadiness() {
  while (!watches_.empty()) remove_watch(watches_.back()->poller);
}

void MemoryReadiness::add_watch(MemoryPoller& poller, std::uint32_t events, ReadinessHandle& handle) {
  watches_.push_back(std::make_unique<MemoryWatch>(
      MemoryWatch{.poller = poller, .socket = *this, .handle = &handle, .events = events}));
  poller.enter_watch();
  poller.queue(*watches_.back());
}

void MemoryReadiness::change_watch(MemoryPoller& poller, std::uint32_t events) noexcept {
  for (const auto& watch : watches_) {
    if (&watch->poller != &poller) continue;
    watch->events = events;
    poller.queue(*watch);
  }
}

void MemoryReadiness::remove_watch(MemoryPoller& poller) noexcept {
  const auto found = std::ranges::find_if(watches_, [&](const auto& watch) { return &watch->poller == &poller; });
  if (found == watches_.end()) return;
  poller.unqueue(**found);
  poller.leave_watch();
  watches_.erase(found);
}

void MemoryReadiness::notify() {
  for (const auto& watch : watches_) watch->poller.queue(*watch);
}

MemoryEnd::MemoryEnd(MemoryWire& wire, const Endpoint& local, const Endpoint& peer, std::size_t buffer_bytes)
    : wire_(wire), local_(local), peer_(peer), buffer_bytes_(buffer_bytes), id_(wire.enter(*this)) {}

MemoryEnd::~MemoryEnd() {
  wire_.affinity().check();
  if (connected_ && !broken_) {
    // As a kernel does, whose owner goes without having read all: the peer is not to believe that it was.
    if (reset_on_close_ || read_ < arrived_.size()) {
      wire_.send(MemoryWire::Kind::reset, id_, peer_id_);
    } else if (!ended_) {
      wire_.send(MemoryWire::Kind::end, id_, peer_id_);
    }
  }
  wire_.leave(id_);
}

ssize_t MemoryEnd::receive(void* buffer, std::size_t size) {
  wire_.affinity().check();
  if (read_ < arrived_.size()) {
    const std::size_t count = std::min(size, arrived_.size() - read_);
    std::memcpy(buffer, arrived_.data() + read_, count);
    read_ += count;
    if (read_ == arrived_.size()) arrived_.erase(0, std::exchange(read_, 0));
    if (MemoryEnd* const peer = wire_.find(peer_id_)) peer->peer_has_read(count);
    return static_cast<ssize_t>(count);
  }
  if (error_ != 0) return refused(take_error());
  if (peer_ended_ || broken_) return 0;
  return refused(EAGAIN);
}

ssize_t MemoryEnd::send(std::span<const iovec> pieces) {
  wire_.affinity().check();
  if (error_ != 0) return refused(take_error());
  if (ended_ || broken_) return refused(EPIPE);
  std::string bytes;
  for (const iovec& piece : pieces) {
    const std::size_t fits = std::min(piece.iov_len, connected_ ? room() - bytes.size() : 0);
    bytes.append(static_cast<const char*>(piece.iov_base), fits);
    if (fits < piece.iov_len) break;
  }
  const bool wanted = std::ranges::any_of(pieces, [](const iovec& piece) { return piece.iov_len != 0; });
  if (bytes.empty()) return wanted ? refused(EAGAIN) : 0;
  underway_ += bytes.size();
  const auto taken = static_cast<ssize_t>(bytes.size());
  if (!wire_.may_leave(*this)) return taken;
  for (std::string_view rest = bytes; !rest.empty();) {
    const std::size_t count = std::clamp<std::size_t>(wire_.model().piece(rest.size()), 1, rest.size());
    wire_.send(MemoryWire::Kind::bytes, id_, peer_id_, rest.substr(0, count));
    rest.remove_prefix(count);
  }
  return taken;
}

void MemoryEnd::end() {
  wire_.affinity().check();
  if (std::exchange(ended_, true) || broken_) return;
  wire_.send(MemoryWire::Kind::end, id_, peer_id_);
  notify();
}

int MemoryEnd::take_error() noexcept { return std::exchange(error_, 0); }

std::uint32_t MemoryEnd::readiness() const noexcept {
  if (broken_) return EPOLLIN | EPOLLOUT | EPOLLHUP | (error_ != 0 ? EPOLLERR : 0);
  if (!connected_) return 0;
  std::uint32_t ready = 0;
  if (read_ < arrived_.size() || peer_ended_) ready |= EPOLLIN;
  // As a kernel, which does not wake a sender for every byte: a third has to be free.
  if (ended_ || underway_ <= buffer_bytes_ - (buffer_bytes_ + 2) / 3) ready |= EPOLLOUT;
  if (peer_ended_ && ended_) ready |= EPOLLHUP;
  return ready;
}

void MemoryEnd::connect_to(MemoryWire::EndId peer) {
  peer_id_ = peer;
  connected_ = true;
  notify();
}

void MemoryEnd::take_bytes(std::string_view bytes) {
  if (broken_) return;
  arrived_.append(bytes);
  notify();
}

void MemoryEnd::take_end() {
  peer_ended_ = true;
  notify();
}

void MemoryEnd::take_reset(int error) {
  if (std::exchange(broken_, true)) return;
  error_ = error;
  notify();
}

void MemoryEnd::peer_has_read(std::size_t bytes) {
  if (lost_) return;
  underway_ -= bytes;
  notify();
}

MemoryAcceptor::MemoryAcceptor(MemoryWire& wire, const Endpoint& endpoint, std::size_t backlog)
    : wire_(wire), endpoint_(endpoint), backlog_(backlog) {
  wire_.enter(*this);
}

MemoryAcceptor::~MemoryAcceptor() {
  // What nobody accepted is reset, as by a kernel.
  for (const Socket& connection : waiting_) {
    static_cast<VirtualConnection&>(*connection.virtual_socket()).reset_on_close();
  }
  wire_.leave(*this);
}

Socket MemoryAcceptor::accept() {
  wire_.affinity().check();
  if (waiting_.empty()) {
    errno = EAGAIN;
    return {};
  }
  Socket first = std::move(waiting_.front());
  waiting_.pop_front();
  return first;
}

std::uint32_t MemoryAcceptor::readiness() const noexcept { return waiting_.empty() ? 0 : EPOLLIN; }

void MemoryAcceptor::take(Socket connection) {
  waiting_.push_back(std::move(connection));
  notify();
}

}  // namespace fluxor::runtime
