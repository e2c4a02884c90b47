#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/net/epoll_handle.h"
#include "runtime/net/poller.h"
#include "runtime/net/socket.h"

namespace fluxor::runtime {

// The transport on level-triggered epoll: one recv and one send for a small request and its answer, and no call to
// epoll_ctl between the beginning and the end of a connection that never stops.
//
// Thread:  loop, but for wake().
// Owns:    the receive buffer that all its streams read into.
class EpollPoller final : public Poller {
 public:
  // Errors:  what the kernel says (no descriptor left).
  static Result<std::unique_ptr<EpollPoller>> create();
  ~EpollPoller() override;

  void wait(Duration timeout) override;
  bool has_pending() const noexcept override;
  using Poller::dispatch;
  std::size_t dispatch(std::size_t limit) override;
  std::uint64_t told() const noexcept override { return told_; }
  void wake() noexcept override;
  int descriptor() const noexcept override { return epoll_.descriptor(); }
  Result<std::unique_ptr<Listener>> listen(const ListeningSocket& socket, ListenerHandler& handler) override;
  std::unique_ptr<Stream> adopt(Socket connection, const StreamOptions& options) override;

  // For the poller's own streams and listeners.
  Result<void> add(int descriptor, std::uint32_t events, EpollHandle& handle) noexcept;
  void change(int descriptor, std::uint32_t events, EpollHandle& handle) noexcept;
  void remove(int descriptor) noexcept;
  // The handle is being destroyed: events that were read for it already are dropped.
  void forget(EpollHandle& handle) noexcept;
  // Calls on_later() in this dispatch() or the next; once, however often asked.
  void call_later(EpollHandle& handle);
  std::span<char> receive_buffer() noexcept { return {receive_buffer_.get(), kReceiveBufferBytes}; }

 private:
  // Holds what a handler left unused and a full read behind it.
  static constexpr std::size_t kReceiveBufferBytes = 128 * 1024;
  static constexpr int kEventsMax = 256;

  // Stands in for handles that were destroyed with events or calls outstanding.
  class Forgotten final : public EpollHandle {
    void on_events(std::uint32_t) override {}
    void on_later() override {}
  };

  EpollPoller(Socket epoll, Socket wake_up);
  int wait_for_events(Duration timeout) noexcept;
  std::size_t run_later(std::size_t limit);

  Socket epoll_;
  Socket wake_up_;  // an eventfd
  std::unique_ptr<char[]> receive_buffer_;
  std::array<epoll_event, kEventsMax> events_;
  int events_count_ = 0;
  int events_next_ = 0;
  std::uint64_t told_ = 0;
  std::vector<EpollHandle*> later_;
  std::vector<EpollHandle*> running_later_;  // in reverse
  Forgotten forgotten_;
};

}  // namespace fluxor::runtime
