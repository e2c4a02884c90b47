#include "services/server/command_line.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace fluxor::services {
namespace {

// `port=80 max-ccu=5` for what was understood, else the error.
std::string understood(const std::vector<const char*>& words) {
  const auto settings = parse_command_line(words);
  if (!settings) return settings.error().text;
  std::string text;
  for (const Setting& setting : *settings) {
    EXPECT_EQ(setting.source, "--" + std::string(setting.option->name));
    text.append(text.empty() ? "" : " ").append(setting.option->name).append("=").append(setting.value);
  }
  return text;
}

TEST(CommandLine, TakesAValueAfterEqualsOrAsTheNextWord) {
  EXPECT_EQ(understood({}), "");
  EXPECT_EQ(understood({"--port=80", "--max-ccu", "5"}), "port=80 max-ccu=5");
  EXPECT_EQ(understood({"--max-ccu", "5", "--port=80"}), "max-ccu=5 port=80");
}

TEST(CommandLine, LeavesTheValueAsItIs) {
  EXPECT_EQ(understood({"--address=", "--port=0"}), "address= port=0");
  EXPECT_EQ(understood({"--address", "", "--port=0"}), "address= port=0");
  EXPECT_EQ(understood({"--address=[::1]"}), "address=[::1]");
  EXPECT_EQ(understood({"--config=a=b"}), "config=a=b");
  EXPECT_EQ(understood({"--port", "-1"}), "port=-1");
}

TEST(CommandLine, NeedsNoValueForWhatIsTrueOrFalse) {
  EXPECT_EQ(understood({"--check-config", "--port=80"}), "check-config=true port=80");
  EXPECT_EQ(understood({"--check-config=false"}), "check-config=false");
  EXPECT_EQ(understood({"--help", "--version"}), "help=true version=true");
}

TEST(CommandLine, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(understood({"--prot=80"}), "--prot: there is no such flag (see --help)");
  EXPECT_EQ(understood({"--prot", "80"}), "--prot: there is no such flag (see --help)");
  EXPECT_EQ(understood({"--PORT=80"}), "--PORT: there is no such flag (see --help)");
  EXPECT_EQ(understood({"--max_ccu=80"}), "--max_ccu: there is no such flag (see --help)");
  EXPECT_EQ(understood({"--=80"}), "--: there is no such flag (see --help)");
  EXPECT_EQ(understood({"--a\nb=80"}), "--a\\nb: there is no such flag (see --help)");
  EXPECT_EQ(understood({"serve"}), "\"serve\": no flag begins like this (see --help)");
  EXPECT_EQ(understood({"-p", "80"}), "\"-p\": no flag begins like this (see --help)");
  EXPECT_EQ(understood({"--"}), "\"--\": no flag begins like this (see --help)");
  EXPECT_EQ(understood({""}), "\"\": no flag begins like this (see --help)");
  EXPECT_EQ(understood({"--check-config", "true"}), "\"true\": no flag begins like this (see --help)");
}

TEST(CommandLine, RefusesAMissingValue) {
  EXPECT_EQ(understood({"--port"}), "--port: its value is missing");
  EXPECT_EQ(understood({"--port", "--max-ccu=5"}), "--port: its value is missing");
}

TEST(CommandLine, RefusesAValueForWhatTakesNone) {
  EXPECT_EQ(understood({"--help=yes"}), "--help: takes no value");
  EXPECT_EQ(understood({"--version="}), "--version: takes no value");
}

TEST(CommandLine, RefusesAFlagThatIsGivenTwice) {
  EXPECT_EQ(understood({"--port=80", "--max-ccu=5", "--port", "80"}), "--port: given twice");
  EXPECT_EQ(understood({"--check-config", "--check-config"}), "--check-config: given twice");
}

}  // namespace
}  // namespace fluxor::services
