#pragma once

#include <coroutine>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/result.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/poller.h"
#include "runtime/net/stream.h"
#include "runtime/task/task.h"
#include "runtime/task/wait.h"

namespace fluxor::runtime {

// A stream for tasks: bytes are read and written by co_await.
//
//     auto stream = co_await TaskStream::connect(loop.poller(), to);
//     if (!stream) co_return stream.error();
//     if (auto sent = co_await (*stream)->write("ping\n"); !sent) co_return sent.error();
//     std::array<char, 512> buffer;
//     Result<std::size_t> read = co_await (*stream)->read_some(buffer);   // 0: the peer has ended its half
//
// Nothing is read while nobody reads: the kernel's buffer fills, and then the peer has to wait.  Each write waits while
// too much is unsent (StreamOptions), in the order in which they were asked for.
//
// Thread:  loop.
// Owns:    the stream.  Destroying it closes the connection at once: what is unsent is lost, so who has written
//          everything calls finish() and reads to the end before.  It outlives those who wait in it.
class TaskStream final : private StreamHandler {
 public:
  class Read;
  class Write;

  // Takes a stream that was not started.
  // Errors:  what the kernel says.
  [[nodiscard]] static Result<std::unique_ptr<TaskStream>> over(std::unique_ptr<Stream> stream);
  // Errors:  what the kernel says (connection_refused, …); Errc::cancelled and Errc::deadline while it waits, then the
  //          attempt is given up.  It has no time-out of its own: a scope has (within(…)).
  static Task<Result<std::unique_ptr<TaskStream>>> connect(Poller& poller, Endpoint to, StreamOptions options = {});
  TaskStream(const TaskStream&) = delete;
  TaskStream& operator=(const TaskStream&) = delete;
  ~TaskStream();

  // `co_await read_some(buffer)`: waits for bytes and copies what there is, at least one and at most what fits; 0 when
  // the peer has ended its half.  One task at a time; the buffer is not empty.
  //
  // Errors:  why the connection broke; Errc::closed after close() and abort(); Errc::cancelled and Errc::deadline, and
  //          then no byte is lost: the next read has them.
  Read read_some(std::span<char> buffer) noexcept;

  // `co_await write(bytes)`: waits until little enough is unsent, then writes all of it.  Ok means that it is on its
  // way, not that it arrived.  The bytes are valid until then.
  //
  // Errors:  why the connection broke; Errc::closed after finish(), close() and abort(); Errc::cancelled and
  //          Errc::deadline; then none of it was written.
  Write write(std::string_view bytes) noexcept;

  // As those of Stream; whoever waits to write, or with the latter two to read, hears Errc::closed.
  void finish();
  void close();
  void abort();

  // For its endpoints and what is unsent.
  const Stream& stream() const noexcept { return *stream_; }

 private:
  class Connected;

  explicit TaskStream(std::unique_ptr<Stream> stream) noexcept : stream_(std::move(stream)) {}

  void on_connected() override;
  std::size_t on_data(std::span<char> bytes) override;
  void on_end() override;
  void on_drained() override;
  void on_closed(error_code reason) override;

  // Why nothing can be read, or written, any more; none if it can.
  error_code read_refusal() const noexcept;
  error_code write_refusal() const noexcept;
  void put(std::string_view bytes);
  void end_reader(const Result<std::size_t>& result) noexcept;
  void end_writers(const error_code& why) noexcept;
  void unlink(Write& write) noexcept;

  const std::unique_ptr<Stream> stream_;
  Connected* connecting_ = nullptr;
  Read* reader_ = nullptr;
  Write* first_writer_ = nullptr;  // of those who wait; then the stream is congested
  Write* last_writer_ = nullptr;
  bool congested_ = false;
  bool ended_ = false;     // the peer's half
  bool finished_ = false;  // ours
  bool dropped_ = false;   // by close() or abort()
  bool closed_ = false;
  error_code reason_;
};

class [[nodiscard]] TaskStream::Read final : private Wait {
 public:
  Read(TaskStream& stream, std::span<char> buffer) noexcept : stream_(stream), buffer_(buffer) {}

  bool await_ready() noexcept;
  template <TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> awaiting) {
    if (!suspend(awaiting)) return false;
    begin();
    return true;
  }
  Result<std::size_t> await_resume() const {
    if (!interrupted()) return result_;
    if (!begun_) throw_if_interrupted();
    return interruption();
  }

 private:
  friend class TaskStream;
  void begin();
  Ends on_cancel() noexcept override;
  const char* what() const noexcept override { return "bytes to read"; }

  TaskStream& stream_;
  const std::span<char> buffer_;
  bool begun_ = false;
  Result<std::size_t> result_ = std::size_t{0};
};

class [[nodiscard]] TaskStream::Write final : private Wait {
 public:
  Write(TaskStream& stream, std::string_view bytes) noexcept : stream_(stream), bytes_(bytes) {}

  bool await_ready();
  template <TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> awaiting) noexcept {
    if (!suspend(awaiting)) return false;
    begin();
    return true;
  }
  Result<void> await_resume() const {
    if (!interrupted()) return result_;
    if (!begun_) throw_if_interrupted();
    return interruption();
  }

 private:
  friend class TaskStream;
  void begin() noexcept;
  Ends on_cancel() noexcept override;
  const char* what() const noexcept override { return "room to write"; }

  TaskStream& stream_;
  const std::string_view bytes_;
  bool begun_ = false;
  Result<void> result_;
  Write* previous_ = nullptr;  // in line
  Write* next_ = nullptr;
};

inline TaskStream::Read TaskStream::read_some(std::span<char> buffer) noexcept { return {*this, buffer}; }
inline TaskStream::Write TaskStream::write(std::string_view bytes) noexcept { return {*this, bytes}; }

}  // namespace fluxor::runtime
