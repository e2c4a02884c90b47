#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "runtime/net/poller.h"
#include "runtime/net/readiness_handle.h"
#include "runtime/net/socket.h"

namespace fluxor::runtime {

// A poller that learns which sockets are ready, and lets its streams and listeners do the rest: what epoll and the
// memory network have in common.  Level-triggered: a socket that stays ready is found again.  Inside runtime/net only.
//
// Thread:  loop, but for wake().
// Owns:    the receive buffer that all its streams read into.
class ReadinessPoller : public Poller {
 public:
  bool has_pending() const noexcept final;
  using Poller::dispatch;
  std::size_t dispatch(std::size_t limit) final;
  std::uint64_t told() const noexcept final { return told_; }
  Result<std::unique_ptr<Listener>> listen(const ListeningSocket& socket, ListenerHandler& handler) final;
  std::unique_ptr<Stream> adopt(Socket connection, const StreamOptions& options) final;

  // For its own streams and listeners; event bits as epoll's.
  virtual Result<void> add(const Socket& socket, std::uint32_t events, ReadinessHandle& handle) = 0;
  virtual void change(const Socket& socket, std::uint32_t events, ReadinessHandle& handle) noexcept = 0;
  virtual void remove(const Socket& socket) noexcept = 0;
  // The handle is being destroyed: events that were read for it already, and calls it asked for, are dropped.
  void forget(ReadinessHandle& handle) noexcept;
  // Calls on_later() in this dispatch() or the next; once, however often asked.
  void call_later(ReadinessHandle& handle) noexcept;
  std::span<char> receive_buffer() noexcept { return {receive_buffer_.get(), kReceiveBufferBytes}; }

 protected:
  static constexpr int kEventsMax = 256;

  ReadinessPoller();
  ~ReadinessPoller() override;

  // Some events wait for a dispatch(): it has not been called yet, or a handler broke it off.
  bool events_wait() const noexcept { return events_next_ < events_count_; }
  // To be filled when none waits.
  std::array<epoll_event, kEventsMax>& events() noexcept { return events_; }
  void set_events_count(int count) noexcept {
    events_next_ = 0;
    events_count_ = count;
  }

 private:
  // Holds what a handler left unused and a full read behind it.
  static constexpr std::size_t kReceiveBufferBytes = 128 * 1024;

  // An event without a handle: wake() was called.
  virtual void take_wake_up() noexcept = 0;
  // Such a socket is one that this poller can watch.
  virtual bool can_watch(const Socket& socket) const noexcept = 0;
  std::size_t run_later(std::size_t limit);

  std::unique_ptr<char[]> receive_buffer_;
  std::array<epoll_event, kEventsMax> events_;
  int events_count_ = 0;
  int events_next_ = 0;
  std::uint64_t told_ = 0;
  LaterList later_;
  LaterList running_later_;
};

}  // namespace fluxor::runtime
