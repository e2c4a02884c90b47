#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "runtime/loop/loop_affinity.h"
#include "runtime/net/destruction_mark.h"
#include "runtime/net/readiness_handle.h"
#include "runtime/net/readiness_poller.h"
#include "runtime/net/socket.h"
#include "runtime/net/stream.h"

namespace fluxor::runtime {

// A stream on a socket of which a poller tells when it is ready: one of the kernel's on epoll, or a virtual one of a
// memory network.  Inside runtime/net only.
//
// Reads straight into the poller's buffer, once per readiness event; owns bytes only while some are unused or unsent.
// The poller is told what to watch when that has changed and an event shows that it matters: a pause that ends before
// the next byte comes costs nothing.
//
// Thread:  loop.
class SocketStream final : public Stream, private ReadinessHandle {
 public:
  SocketStream(ReadinessPoller& poller, Socket socket, const StreamOptions& options);
  // One whose socket is on its way to being connected, or has failed to be, if `refusal` is not 0.
  static std::unique_ptr<Stream> connecting(ReadinessPoller& poller, Socket socket, const StreamOptions& options,
                                            int refusal);
  ~SocketStream() override;

  Result<void> start(StreamHandler& handler) override;
  using Stream::write;
  WriteState write(std::span<const std::string_view> pieces) override;
  void pause_reading() override;
  void resume_reading() override;
  void finish() override;
  void close() override;
  void abort() override;
  std::size_t unsent_bytes() const noexcept override { return unsent_.size() - unsent_begin_; }
  Endpoint local_endpoint() const override;
  Endpoint peer_endpoint() const override;

 private:
  void on_events(std::uint32_t events) override;
  void on_later() override;

  void finish_connecting(std::uint32_t events);
  void receive();
  void look_at_end(std::uint32_t events);
  void show(std::size_t count);
  void show_unused();
  void flush();
  void fail(int reason);
  Result<void> attach(std::uint32_t events);
  void detach() noexcept;
  void watch(std::uint32_t events);
  std::size_t send_now(std::span<const std::string_view> pieces);
  WriteState state() const noexcept {
    return unsent_bytes() > options_.unsent_high_bytes ? WriteState::congested : WriteState::flowing;
  }
  // Calls the handler; false if that destroyed this stream.
  template <typename Call>
  bool tell(Call&& call);

  ReadinessPoller& poller_;
  Socket socket_;
  const StreamOptions options_;
  StreamHandler* handler_ = nullptr;
  std::string unused_;  // read, shown, and left by the handler
  std::string unsent_;  // written, and not taken by the kernel; from unsent_begin_ on
  std::size_t unsent_begin_ = 0;
  std::uint32_t watched_ = 0;  // what the poller was told, or will be by attach()
  int close_reason_ = 0;       // an errno
  bool connecting_ = false;
  bool attached_ = false;
  bool paused_ = false;
  bool unused_due_ = false;  // resumed, and the handler has to see what it left
  bool ended_ = false;       // the peer's half
  bool finishing_ = false;   // our half ends when all is sent
  bool congested_ = false;
  bool close_told_ = false;
  LoopAffinity affinity_;
  DestructionMark mark_;
};

}  // namespace fluxor::runtime
