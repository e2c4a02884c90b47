#include "runtime/process/stall_log.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/loop/loop_activity.h"
#include "runtime/loop/stall_watch.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

// Remembers the lines, as `severity message key=value …`.
class TestLog final : public LogSink {
 public:
  const std::vector<std::string>& lines() const noexcept { return lines_; }

 private:
  void write(Severity severity, std::string_view message, std::span<const LogField> fields) noexcept override {
    std::string line(severity_name(severity));
    line.append(" ").append(message);
    for (const auto& field : fields) line.append(" ").append(field.key).append("=").append(field.value);
    lines_.push_back(std::move(line));
  }
  std::vector<std::string> lines_;
};

TEST(StallLog, SaysWhichLoopIsHeldByWhat) {
  TestLog log;
  StallReport report;
  report.loop = 3;
  report.stage = Stage::ring;
  report.handler = "shop::Order";
  report.label = "/orders";
  report.held = 1250ms + 999us;
  log_stall(log, report);
  report.moment = StallReport::Moment::end;
  report.held = 3s;
  log_stall(log, report);
  const std::string what = " loop=3 stage=ring handler=shop::Order label=/orders ";
  EXPECT_EQ(log.lines(), (std::vector<std::string>{"warning an event loop is held" + what + "held=1250ms",
                                                   "info an event loop goes on" + what + "held=3s"}));
}

TEST(StallLog, LeavesOutWhatIsNotKnown) {
  TestLog log;
  StallReport report;
  report.stage = Stage::timers;
  report.held = 2s;
  log_stall(log, report);
  EXPECT_EQ(log.lines(), std::vector<std::string>{"warning an event loop is held loop=0 stage=timers held=2s"});
}

}  // namespace
}  // namespace fluxor::runtime
