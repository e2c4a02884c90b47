#include "runtime/base/log.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "runtime/testing/allocation_limit.h"

namespace fluxor::runtime {
namespace {

TEST(StderrLog, WritesOneLineForEachCall) {
  testing::internal::CaptureStderr();
  StderrLog log;
  const std::array<LogField, 2> fields{{{"port", "8080"}, {"loops", "2"}}};
  log.write(Severity::info, "listening", fields);
  log.write(Severity::error, "gone", {});
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "info listening port=8080 loops=2\nerror gone\n");
}

// Standard error as a socket that keeps apart what was written apart.
class StderrInPieces {
 public:
  StderrInPieces() : before_(::dup(STDERR_FILENO)) {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends_.data()), 0);
    ::dup2(ends_[0], STDERR_FILENO);
  }
  StderrInPieces(const StderrInPieces&) = delete;
  StderrInPieces& operator=(const StderrInPieces&) = delete;
  ~StderrInPieces() {
    ::dup2(before_, STDERR_FILENO);
    for (const int each : {before_, ends_[0], ends_[1]}) ::close(each);
  }
  std::string next() const {
    std::array<char, 1024> piece;
    const ssize_t count = ::recv(ends_[1], piece.data(), piece.size(), 0);
    return count < 0 ? "nothing" : std::string(piece.data(), static_cast<std::size_t>(count));
  }

 private:
  const int before_;
  std::array<int, 2> ends_{};
};

// Else the lines of two threads, or of two processes, run into each other.
TEST(StderrLog, WritesALineInOnePiece) {
  const StderrInPieces pieces;
  StderrLog log;
  const std::array<LogField, 1> fields{{{"port", "8080"}}};
  log.write(Severity::warning, "listening", fields);
  EXPECT_EQ(pieces.next(), "warning listening port=8080\n");
  EXPECT_EQ(pieces.next(), "nothing");
}

TEST(StderrLog, DropsALineForWhichThereIsNoMemory) {
  testing::internal::CaptureStderr();
  StderrLog log;
  const std::string message(1000, 'x');
  {
    const AllocationLimit limit(500);
    log.write(Severity::error, message, {});
  }
  log.write(Severity::info, "next", {});
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "info next\n");
}

TEST(Severity, HasAName) {
  EXPECT_EQ(severity_name(Severity::debug), "debug");
  EXPECT_EQ(severity_name(Severity::warning), "warning");
}

}  // namespace
}  // namespace fluxor::runtime
