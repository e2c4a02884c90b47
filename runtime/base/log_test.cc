#include "runtime/base/log.h"

#include <gtest/gtest.h>

#include <array>

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

TEST(Severity, HasAName) {
  EXPECT_EQ(severity_name(Severity::debug), "debug");
  EXPECT_EQ(severity_name(Severity::warning), "warning");
}

}  // namespace
}  // namespace fluxor::runtime
