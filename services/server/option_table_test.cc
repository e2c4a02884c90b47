#include "services/server/option_table.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <set>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace fluxor::services {
namespace {

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(OptionTable, HasEachNameOnceInKebabCase) {
  std::set<std::string_view> names;
  for (const Option& option : option_table()) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    EXPECT_TRUE(std::ranges::all_of(option.name, [](char letter) { return std::islower(letter) || letter == '-'; }));
    EXPECT_EQ(find_option(option.name), &option);
  }
  EXPECT_EQ(find_option(""), nullptr);
  EXPECT_EQ(find_option("prot"), nullptr);
}

TEST(OptionTable, HasTheNamesThatUsersWereTold) {
  for (const char* name :
       {"port", "address", "loops", "drain-delay", "drain-timeout", "ready-threshold", "on-giving-up", "check-config",
        "max-ccu", "utilization", "config", "log", "log-level", "stall-threshold", "help", "version"}) {
    EXPECT_NE(find_option(name), nullptr) << name;
  }
}

TEST(OptionTable, ShowsTheDefaultThatHolds) {
  int shown = 0;
  for (const Option& option : option_table()) {
    if (!option.set || option.name == "config") continue;  // "none" would be a file
    ServerConfig config;
    if (!option.set(config, option.fallback)) continue;  // in words
    EXPECT_EQ(config, ServerConfig()) << option.name << " " << option.fallback;
    ++shown;
  }
  EXPECT_EQ(shown, 18);
}

TEST(EnvironmentName, IsTheNameInCapitals) {
  EXPECT_EQ(environment_name("port"), "FLUXOR_PORT");
  EXPECT_EQ(environment_name("max-ccu"), "FLUXOR_MAX_CCU");
}

TEST(HelpText, ListsEveryOptionOnceWithValueTextAndDefault) {
  const std::string help = help_text();
  for (const Option& option : option_table()) {
    const std::string flag = "\n  --" + std::string(option.name) + " ";
    ASSERT_EQ(count_of(help, flag), 1) << option.name;
    const std::size_t begin = help.find(flag) + 1;
    const std::string row = help.substr(begin, help.find('\n', begin) - begin);
    EXPECT_NE(row.find(option.value), std::string::npos) << row;
    EXPECT_NE(row.find(option.help), std::string::npos) << row;
    if (!option.fallback.empty()) EXPECT_TRUE(row.ends_with(" [" + option.fallback + "]")) << row;
  }
}

TEST(HelpText, HasEachGroupOnce) {
  const std::string help = help_text();
  for (const Option& option : option_table()) {
    EXPECT_EQ(count_of(help, "\n\n" + std::string(option.group) + "\n"), 1) << option.group;
  }
}

TEST(HelpText, NamesTheUnits) {
  const std::string help = help_text();
  for (const char* unit : {"250ms", "10s", "2m", "seconds", "8192", "8KiB", "1MiB"}) {
    EXPECT_NE(help.find(unit), std::string::npos) << unit;
  }
}

TEST(HelpText, HasNoLineLongerThanATerminal) {
  std::istringstream lines(help_text());
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 110) << line;
}

}  // namespace
}  // namespace fluxor::services
