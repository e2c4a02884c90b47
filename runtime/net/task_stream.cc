#include "runtime/net/task_stream.h"

#include <algorithm>
#include <cstring>

namespace fluxor::runtime {

// The wait for the answer to connect().
class TaskStream::Connected final : private Wait {
 public:
  explicit Connected(TaskStream& stream) noexcept : stream_(stream) {}

  bool await_ready() const noexcept { return false; }
  template <TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> awaiting) noexcept {
    if (!suspend(awaiting)) return false;
    begun_ = true;
    stream_.connecting_ = this;
    return true;
  }
  Result<void> await_resume() const {
    if (!interrupted()) return result_;
    if (!begun_) throw_if_interrupted();
    return interruption();
  }

 private:
  friend class TaskStream;
  Ends on_cancel() noexcept override {
    stream_.connecting_ = nullptr;
    return Ends::yes;
  }
  const char* what() const noexcept override { return "a connection"; }

  TaskStream& stream_;
  bool begun_ = false;
  Result<void> result_;
};

Result<std::unique_ptr<TaskStream>> TaskStream::over(std::unique_ptr<Stream> stream) {
  std::unique_ptr<TaskStream> made(new TaskStream(std::move(stream)));
  made->stream_->pause_reading();
  if (const Result<void> started = made->stream_->start(*made); !started) return started.error();
  return made;
}

Task<Result<std::unique_ptr<TaskStream>>> TaskStream::connect(Poller& poller, Endpoint to, StreamOptions options) {
  auto begun = poller.connect(to, options);
  if (!begun) co_return begun.error();
  auto stream = over(std::move(*begun));
  if (!stream) co_return stream.error();
  if (const Result<void> connected = co_await Connected(**stream); !connected) co_return connected.error();
  co_return std::move(*stream);
}

TaskStream::~TaskStream() {
  FLUXOR_CHECK(reader_ == nullptr && first_writer_ == nullptr && connecting_ == nullptr,
               "who reads or writes goes before the stream");
}

void TaskStream::finish() {
  finished_ = true;
  end_writers(make_error_code(Errc::closed));
  stream_->finish();
}

void TaskStream::close() {
  dropped_ = true;
  end_reader(Errc::closed);
  end_writers(make_error_code(Errc::closed));
  stream_->close();
}

void TaskStream::abort() {
  stream_->abort();
  close();
}

void TaskStream::on_connected() {
  if (connecting_ != nullptr) std::exchange(connecting_, nullptr)->resume_now();
}

std::size_t TaskStream::on_data(std::span<char> bytes) {
  Read* const reader = std::exchange(reader_, nullptr);
  FLUXOR_CHECK(reader != nullptr, "nothing is read while nobody reads");
  const std::size_t count = std::min(bytes.size(), reader->buffer_.size());
  std::memcpy(reader->buffer_.data(), bytes.data(), count);
  reader->result_ = count;
  stream_->pause_reading();
  // At once: who reads on finds the stream as it was, and costs no system call.  This may be the end of it.
  reader->resume_now();
  return count;
}

void TaskStream::on_end() {
  ended_ = true;
  end_reader(std::size_t{0});
}

void TaskStream::on_drained() {
  congested_ = false;
  while (first_writer_ != nullptr && !congested_) {
    Write& write = *first_writer_;
    unlink(write);
    put(write.bytes_);
    write.wake();
  }
}

void TaskStream::on_closed(error_code reason) {
  closed_ = true;
  reason_ = reason;
  if (connecting_ != nullptr) {
    Connected& connecting = *std::exchange(connecting_, nullptr);
    connecting.result_ = reason ? reason : make_error_code(Errc::closed);
    connecting.wake();
  }
  if (const error_code refusal = read_refusal()) end_reader(refusal);
  end_writers(write_refusal());
}

error_code TaskStream::read_refusal() const noexcept {
  if (dropped_) return Errc::closed;
  if (ended_ || !closed_) return {};
  return reason_ ? reason_ : make_error_code(Errc::closed);
}

error_code TaskStream::write_refusal() const noexcept {
  if (closed_ && reason_) return reason_;
  return dropped_ || finished_ || closed_ ? make_error_code(Errc::closed) : error_code();
}

void TaskStream::put(std::string_view bytes) { congested_ = stream_->write(bytes) == WriteState::congested; }

void TaskStream::end_reader(const Result<std::size_t>& result) noexcept {
  if (reader_ == nullptr) return;
  Read& reader = *std::exchange(reader_, nullptr);
  reader.result_ = result;
  reader.wake();
}

void TaskStream::end_writers(const error_code& why) noexcept {
  while (first_writer_ != nullptr) {
    Write& write = *first_writer_;
    unlink(write);
    write.result_ = why;
    write.wake();
  }
}

void TaskStream::unlink(Write& write) noexcept {
  (write.previous_ == nullptr ? first_writer_ : write.previous_->next_) = write.next_;
  (write.next_ == nullptr ? last_writer_ : write.next_->previous_) = write.previous_;
}

bool TaskStream::Read::await_ready() noexcept {
  FLUXOR_CHECK(!buffer_.empty(), "there is room for what is read");
  FLUXOR_CHECK(stream_.reader_ == nullptr, "one task at a time reads a stream");
  if (const error_code refusal = stream_.read_refusal()) {
    result_ = refusal;
    return true;
  }
  return stream_.ended_;
}

void TaskStream::Read::begin() {
  begun_ = true;
  stream_.reader_ = this;
  stream_.stream_->resume_reading();
}

Wait::Ends TaskStream::Read::on_cancel() noexcept {
  stream_.reader_ = nullptr;
  stream_.stream_->pause_reading();
  return Ends::yes;
}

bool TaskStream::Write::await_ready() {
  if (const error_code refusal = stream_.write_refusal()) {
    result_ = refusal;
    return true;
  }
  if (stream_.congested_) return false;
  stream_.put(bytes_);
  return true;
}

void TaskStream::Write::begin() noexcept {
  begun_ = true;
  previous_ = stream_.last_writer_;
  (previous_ == nullptr ? stream_.first_writer_ : previous_->next_) = this;
  stream_.last_writer_ = this;
}

Wait::Ends TaskStream::Write::on_cancel() noexcept {
  stream_.unlink(*this);
  return Ends::yes;
}

}  // namespace fluxor::runtime
