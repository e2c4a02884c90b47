#include "services/server/environment.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace fluxor::services {
namespace {

std::string understood(std::vector<const char*> variables) {
  variables.push_back(nullptr);
  const auto settings = parse_environment(variables.data());
  if (!settings) return settings.error().text;
  std::string text;
  for (const Setting& setting : *settings) {
    EXPECT_EQ(setting.source, environment_name(setting.option->name));
    text.append(text.empty() ? "" : " ").append(setting.option->name).append("=").append(setting.value);
  }
  return text;
}

TEST(Environment, TakesWhatBeginsWithFluxorAndNothingElse) {
  EXPECT_EQ(understood({"PATH=/bin", "FLUXOR_PORT=80", "PORT=1", "fluxor_port=2", "FLUXOR=3", "FLUXOR_MAX_CCU=5"}),
            "port=80 max-ccu=5");
  EXPECT_EQ(understood({}), "");
  EXPECT_TRUE(parse_environment(nullptr)->empty());
}

TEST(Environment, LeavesTheValueAsItIs) {
  EXPECT_EQ(understood({"FLUXOR_ADDRESS="}), "address=");
  EXPECT_EQ(understood({"FLUXOR_CONFIG=a=b"}), "config=a=b");
  EXPECT_EQ(understood({"FLUXOR_PORT"}), "port=");
}

TEST(Environment, RefusesANameThatBelongsToNoOption) {
  for (const std::string name :
       {"FLUXOR_PROT", "FLUXOR_", "FLUXOR_max_ccu", "FLUXOR_MAX-CCU", "FLUXOR_PORT_8080_TCP"}) {
    EXPECT_EQ(understood({(name + "=1").c_str()}), name + ": there is no such environment variable (see --help)");
  }
  EXPECT_EQ(understood({"FLUXOR_A\nB=1"}), "FLUXOR_A\\nB: there is no such environment variable (see --help)");
}

TEST(Environment, RefusesWhatIsForTheCommandLineOnly) {
  EXPECT_EQ(understood({"FLUXOR_HELP=1"}), "FLUXOR_HELP: there is no such environment variable (see --help)");
  EXPECT_EQ(understood({"FLUXOR_VERSION=1"}), "FLUXOR_VERSION: there is no such environment variable (see --help)");
}

}  // namespace
}  // namespace fluxor::services
