#pragma once

#include <span>
#include <string_view>

namespace fluxor::runtime {

enum class Severity { debug, info, warning, error };

std::string_view severity_name(Severity severity) noexcept;

struct LogField {
  std::string_view key;
  std::string_view value;
};

// Where lines for people go.  The runtime knows no log format and no log library: what is above it hands one in.
//
// Thread:  any.
// Errors:  none: a line that cannot be written is the sink's to count.
class LogSink {
 public:
  virtual ~LogSink() = default;
  // `message` and `fields` are valid during the call only.
  virtual void write(Severity severity, std::string_view message, std::span<const LogField> fields) noexcept = 0;
};

// One line of text on standard error per call, `severity message key=value …`, in one write.  For programs that have
// nothing better yet, and for tests.
class StderrLog final : public LogSink {
 public:
  void write(Severity severity, std::string_view message, std::span<const LogField> fields) noexcept override;
};

}  // namespace fluxor::runtime
