#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/net/endpoint.h"

namespace fluxor::runtime {

// What a handler may leave unused of the bytes it was shown, while it reads.
inline constexpr std::size_t kUnusedBytesMax = 48 * 1024;

struct StreamOptions {
  // Written bytes the kernel did not take yet.  Above `high` a write answers `congested`; at or below `low`
  // on_drained() is called.  Nothing is refused in between: who writes stops, or closes.
  std::size_t unsent_high_bytes = 256 * 1024;
  std::size_t unsent_low_bytes = 64 * 1024;
};

// Told what happens on a stream.
//
// Thread:  loop.  The stream may be written, paused, closed and destroyed from inside every call.
class StreamHandler {
 public:
  // A stream that Poller::connect() made is connected.  Never called for one that was adopted.
  virtual void on_connected() {}
  // Bytes have come.  They lie in a buffer of the loop, and are valid during the call only.  Returns how many were
  // used; the rest is kept and shown again in front of what comes next.  At most kUnusedBytesMax are kept: a handler
  // that leaves more must have paused reading or closed.
  virtual std::size_t on_data(std::span<char> bytes) = 0;
  // The peer has ended its half; nothing more will come, writing is still possible.
  virtual void on_end() = 0;
  // A write had answered `congested`, and there is room again.
  virtual void on_drained() = 0;
  // The stream is closed: by close() or abort(), or because both halves have ended (no error), or because it broke or
  // could not be connected.  The last call, never made from inside a call to the stream, but by a later dispatch() of
  // its poller: if none comes, since the loop has ended, it is not made.
  virtual void on_closed(error_code reason) = 0;

 protected:
  ~StreamHandler() = default;
};

enum class WriteState { flowing, congested };

// An ordered, bidirectional flow of bytes on one loop: TCP, a Unix-domain socket, memory, later TLS.
//
// It may be written, paused, finished, closed and aborted before it is started or connected; what is written then is
// sent as soon as it can be.  Lack of memory for what has to be kept closes it (not_enough_memory), rather than to
// leave a gap.
//
// Thread:  loop.
// Owns:    the connection.  Destroying it closes the connection at once and without a callback.
class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  // Begins to read, and to tell what has happened until now.  `handler` must outlive the stream.  Called once.
  // Errors:  what the kernel says; then the stream is of no use.
  [[nodiscard]] virtual Result<void> start(StreamHandler& handler) = 0;

  // Writes the pieces in order, in one system call where possible.  What the kernel does not take at once is copied
  // and sent when it does.  After an error, finish() or close() the bytes are dropped: on_closed() tells.
  virtual WriteState write(std::span<const std::string_view> pieces) = 0;
  WriteState write(std::string_view bytes) { return write(std::span<const std::string_view>(&bytes, 1)); }

  // No on_data() and no on_end() until resume_reading(); the kernel's buffer fills, and then the peer stops.  What has
  // been read and not used is kept, and shown after resuming, never from inside resume_reading().  So a handler that
  // has had its share may pause and resume at once: the rest is shown when others have had theirs.
  virtual void pause_reading() = 0;
  virtual void resume_reading() = 0;

  // Ends our half once everything written has been sent; reading goes on.  When the peer has ended its half, too, and
  // on_end() has told so, the stream closes.
  virtual void finish() = 0;
  // Closes now; unsent bytes are dropped.  on_closed() follows.  The peer sees the end, or a reset if it had sent what
  // was not read.
  virtual void close() = 0;
  // As close(), but the peer sees a reset (connection_reset).  A Unix-domain socket knows none: there it is close().
  virtual void abort() = 0;

  virtual std::size_t unsent_bytes() const noexcept = 0;
  // Its two ends; unknown once it is closed, the peer's until it is connected, too.  Cost: a system call.
  virtual Endpoint local_endpoint() const = 0;
  virtual Endpoint peer_endpoint() const = 0;
};

}  // namespace fluxor::runtime
