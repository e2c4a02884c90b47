#include "services/server/stall_log.h"

#include <chrono>
#include <string>
#include <vector>

#include "runtime/base/stack_text.h"
#include "runtime/loop/loop_activity.h"
#include "services/server/option_value.h"

namespace fluxor::services {

void log_stall(runtime::LogSink& log, const runtime::StallReport& report) {
  const bool begins = report.moment == runtime::StallReport::Moment::begin;
  const std::string loop = std::to_string(report.loop);
  const std::string held = time_text(std::chrono::duration_cast<std::chrono::milliseconds>(report.held));
  const std::string stack = runtime::stack_text(report.stack);
  std::vector<runtime::LogField> fields{{"loop", loop}, {"stage", runtime::stage_name(report.stage)}};
  if (!report.handler.empty()) fields.push_back({"handler", report.handler});
  if (!report.label.empty()) fields.push_back({"label", report.label});
  fields.push_back({"held", held});
  if (!stack.empty()) fields.push_back({"stack", stack});
  log.write(begins ? runtime::Severity::warning : runtime::Severity::info,
            begins ? "an event loop is held" : "an event loop goes on", fields);
}

}  // namespace fluxor::services
