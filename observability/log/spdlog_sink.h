#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "observability/log/log_line.h"
#include "runtime/base/clock.h"
#include "runtime/base/log.h"

namespace fluxor::observability {

struct SpdlogOptions {
  LogFormat format = LogFormat::json;
  runtime::Severity level = runtime::Severity::info;
  std::size_t lines_max = 1024;               // accepted and not yet written
  std::chrono::milliseconds close_max{2000};  // how long the destructor waits for a reader that does not read
};

// The log of a server: one line per call, written to a file descriptor by a thread of its own.
//
//   json   {"time":"2026-01-02T03:04:05.678Z","level":"info","message":"listening","port":"8080"}
//   text   2026-01-02T03:04:05.678Z info  listening port=8080
//
// A loop must never wait for a terminal or a full pipe, so a line that finds `lines_max` others before it is dropped
// and counted.  Queue, thread and layout are spdlog's; the count of accepted lines stands before its queue, because
// spdlog 1.10 can only block or overwrite the oldest line when full, and cannot wait for a flush.
//
// The thread receives no signals; a reader that went away costs the line, not the process.
//
// Thread:  any.
class SpdlogSink final : public runtime::LogSink {
 public:
  // Owns:    neither; `clock` and the descriptor outlive the sink.  The descriptor may be shared with other processes:
  //          its flags are left alone.
  // Errors:  throws what std::thread throws.
  SpdlogSink(int descriptor, const runtime::Clock& clock, SpdlogOptions options);
  // Writes what was accepted; what cannot be written within `close_max` is dropped.
  ~SpdlogSink() override;
  SpdlogSink(const SpdlogSink&) = delete;
  SpdlogSink& operator=(const SpdlogSink&) = delete;

  // Errors:  none: the line is written, or counted by dropped().
  // Cost:    below the level one load; else one pass over the bytes, two allocations, and a lock that is never held
  //          while writing.
  void write(runtime::Severity severity, std::string_view message,
             std::span<const runtime::LogField> fields) noexcept override;

  void set_level(runtime::Severity level) noexcept { level_.store(level, std::memory_order_relaxed); }
  runtime::Severity level() const noexcept { return level_.load(std::memory_order_relaxed); }

  // Waits, at most `patience`, until all that was accepted before the call is written or dropped.  False: it was not.
  [[nodiscard]] bool flush(std::chrono::milliseconds patience) noexcept;

  // Lines at or above the level that were not, or not wholly, written: too many waited, no memory, or the descriptor
  // refused.
  std::uint64_t dropped() const noexcept;

 private:
  struct Backend;

  std::atomic<runtime::Severity> level_;
  const runtime::Clock& clock_;
  const LogFormat format_;
  const std::unique_ptr<Backend> backend_;
};

}  // namespace fluxor::observability
