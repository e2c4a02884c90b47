#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/loop/loop_affinity.h"
#include "runtime/net/destruction_mark.h"
#include "runtime/net/epoll_handle.h"
#include "runtime/net/epoll_poller.h"
#include "runtime/net/socket.h"
#include "runtime/net/stream.h"

namespace fluxor::runtime {

// A stream on epoll.
//
// Reads straight into the poller's buffer, once per readiness event; owns bytes only while some are unused or unsent.
// The kernel is told what to watch when that has changed and an event shows that it matters: a pause that ends before
// the next byte comes costs nothing.
//
// Thread:  loop.
class EpollStream final : public Stream, private EpollHandle {
 public:
  EpollStream(EpollPoller& poller, Socket socket, const StreamOptions& options);
  ~EpollStream() override;

  Result<void> start(StreamHandler& handler) override;
  using Stream::write;
  WriteState write(std::span<const std::string_view> pieces) override;
  void pause_reading() override;
  void resume_reading() override;
  void finish() override;
  void close() override;
  std::size_t unsent_bytes() const noexcept override { return unsent_.size() - unsent_begin_; }

 private:
  void on_events(std::uint32_t events) override;
  void on_later() override;

  void receive();
  void show(std::size_t count);
  void show_unused();
  void flush();
  void fail(error_code reason);
  void watch(std::uint32_t events);
  std::size_t send_now(std::span<const std::string_view> pieces);
  WriteState state() const noexcept {
    return unsent_bytes() > options_.unsent_high_bytes ? WriteState::congested : WriteState::flowing;
  }
  // Calls the handler; false if that destroyed this stream.
  template <typename Call>
  bool tell(Call&& call);

  EpollPoller& poller_;
  Socket socket_;
  const StreamOptions options_;
  StreamHandler* handler_ = nullptr;
  std::string unused_;  // read, shown, and left by the handler
  std::string unsent_;  // written, and not taken by the kernel; from unsent_begin_ on
  std::size_t unsent_begin_ = 0;
  std::uint32_t watched_ = 0;  // what the kernel was told
  bool paused_ = false;
  bool unused_due_ = false;  // resumed, and the handler has to see what it left
  bool ended_ = false;       // the peer's half
  bool finishing_ = false;   // our half ends when all is sent
  bool congested_ = false;
  bool close_told_ = false;
  error_code close_reason_;
  LoopAffinity affinity_;
  DestructionMark mark_;
};

}  // namespace fluxor::runtime
