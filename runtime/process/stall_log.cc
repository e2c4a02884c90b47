#include "runtime/process/stall_log.h"

#include <chrono>
#include <string>
#include <vector>

#include "runtime/base/stack_text.h"
#include "runtime/loop/loop_activity.h"

namespace fluxor::runtime {

namespace {

std::string time_text(std::chrono::milliseconds time) {
  if (time.count() % 1000 != 0) return std::to_string(time.count()) + "ms";
  return std::to_string(time.count() / 1000) + "s";
}

}  // namespace

void log_stall(LogSink& log, const StallReport& report) {
  const bool begins = report.moment == StallReport::Moment::begin;
  const std::string loop = std::to_string(report.loop);
  const std::string held = time_text(std::chrono::duration_cast<std::chrono::milliseconds>(report.held));
  const std::string stack = stack_text(report.stack);
  std::vector<LogField> fields{{"loop", loop}, {"stage", stage_name(report.stage)}};
  if (!report.handler.empty()) fields.push_back({"handler", report.handler});
  if (!report.label.empty()) fields.push_back({"label", report.label});
  fields.push_back({"held", held});
  if (!stack.empty()) fields.push_back({"stack", stack});
  log.write(begins ? Severity::warning : Severity::info, begins ? "an event loop is held" : "an event loop goes on",
            fields);
}

}  // namespace fluxor::runtime
