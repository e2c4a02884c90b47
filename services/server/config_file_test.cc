#include "services/server/config_file.h"

#include <cstddef>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace fluxor::services {
namespace {

// `fluxor.yml:1: port=80|…` for what was understood, else the error.
std::string understood(std::string_view text) {
  const auto settings = parse_config_file(text, "fluxor.yml");
  if (!settings) return settings.error().text;
  std::string all;
  for (const Setting& setting : *settings) {
    all.append(all.empty() ? "" : "|").append(setting.source).append("=").append(setting.value);
    EXPECT_TRUE(setting.source.ends_with(": " + std::string(setting.option->name)));
  }
  return all;
}

std::string write_file(std::string_view name, std::string_view text) {
  std::string path = testing::TempDir() + std::string(name);
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

TEST(ConfigFile, MapsNamesToPlainValues) {
  EXPECT_EQ(understood("port: 80\n\n# a comment\nmax-ccu: 5  # another\n"),
            "fluxor.yml:1: port=80|fluxor.yml:4: max-ccu=5");
  EXPECT_EQ(understood("{port: 80, log: json}"), "fluxor.yml:1: port=80|fluxor.yml:1: log=json");
  EXPECT_EQ(understood("port: \"80\"\naddress: '::1'"), "fluxor.yml:1: port=80|fluxor.yml:2: address=::1");
  EXPECT_EQ(understood("address: ''"), "fluxor.yml:1: address=");
}

TEST(ConfigFile, MayBeEmpty) {
  for (const char* empty : {"", "\n", "# only a comment\n", "---\n", "---\n...\n", "{}"})
    EXPECT_EQ(understood(empty), "");
}

TEST(ConfigFile, RefusesANameThatIsUnknownInAFile) {
  EXPECT_EQ(understood("port: 80\nprot: 80\n"), "fluxor.yml:2: prot: there is no such option in a file (see --help)");
  for (const std::string name : {"max_ccu", "--port", "PORT", "config", "help", "version", "<<"}) {
    EXPECT_EQ(understood("\n\n" + name + ": 1"),
              "fluxor.yml:3: " + name + ": there is no such option in a file (see --help)");
  }
  EXPECT_EQ(understood("\"a\\nb\": 80\n"), "fluxor.yml:1: a\\nb: there is no such option in a file (see --help)");
}

TEST(ConfigFile, RefusesANameThatIsGivenTwice) {
  EXPECT_EQ(understood("port: 80\nmax-ccu: 5\nport: 80\n"), "fluxor.yml:3: port: given twice");
}

TEST(ConfigFile, RefusesAValueThatIsMissingOrNotSingle) {
  EXPECT_EQ(understood("port:\n"), "fluxor.yml:1: port: its value is missing");
  EXPECT_EQ(understood("port: ~\n"), "fluxor.yml:1: port: its value is missing");
  EXPECT_EQ(understood("port: [80, 81]\n"), "fluxor.yml:1: port: this is not a single value");
  EXPECT_EQ(understood("max-ccu: 5\nport:\n  a: 80\n"), "fluxor.yml:2: port: this is not a single value");
}

TEST(ConfigFile, RefusesWhatIsNoMappingOfNames) {
  EXPECT_EQ(understood("port 80\n"), "fluxor.yml:1: these are no lines of the form \"name: value\"");
  EXPECT_EQ(understood("- port\n"), "fluxor.yml:1: these are no lines of the form \"name: value\"");
  EXPECT_EQ(understood("? [port]\n: 80\n"), "fluxor.yml:1: a name is not a plain word");
  EXPECT_EQ(understood("port: 80\n---\nport: 81\n"), "fluxor.yml:3: a second document begins");
}

TEST(ConfigFile, SaysWhereItIsNoYaml) {
  EXPECT_EQ(understood("port: 80\nmax-ccu: [1\n"), "fluxor.yml:3: end of sequence flow not found");
  EXPECT_EQ(understood("port: 80: 81\n"), "fluxor.yml:1: illegal map value");
  EXPECT_EQ(understood("port: *nobody\n"), "fluxor.yml:1: the referenced anchor is not defined");
}

TEST(ConfigFile, RefusesGarbageWithOneLineAndNoException) {
  const std::string deep(100'000, '[');
  const std::string control("a: \0\x01\x02\n\xFF\xFE", 9);
  for (const std::string& text :
       {deep, control, std::string(1000, '\0'), std::string("%YAML 9"), std::string("a: \"\\xZZ\""), std::string("!!!"),
        std::string("? ? ?"), std::string("&")}) {
    const std::string line = understood(text);
    EXPECT_TRUE(line.starts_with("fluxor.yml:")) << line;
    for (const char letter : line) EXPECT_GE(static_cast<unsigned char>(letter), 0x20) << line;
  }
}

TEST(ConfigFile, ShowsItsNameInOneLine) {
  EXPECT_EQ(parse_config_file("x", "a\nb").error().text, "a\\nb:1: these are no lines of the form \"name: value\"");
}

TEST(ReadConfigFile, ReadsTheWholeFile) {
  const std::string text = "port: 80\n" + std::string(100'000, '#');
  EXPECT_EQ(*read_config_file(write_file("whole.yml", text)), text);
  EXPECT_EQ(*read_config_file(write_file("empty.yml", "")), "");
}

TEST(ReadConfigFile, SaysWhyItCannot) {
  EXPECT_EQ(read_config_file(testing::TempDir() + "missing.yml").error().text,
            "cannot be read: No such file or directory");
  EXPECT_EQ(read_config_file("").error().text, "cannot be read: No such file or directory");
  EXPECT_EQ(read_config_file(testing::TempDir()).error().text, "cannot be read: Is a directory");
}

TEST(ReadConfigFile, RefusesMoreThanOneMebibyte) {
  constexpr std::size_t kMiB = 1024 * 1024;
  EXPECT_EQ(read_config_file(write_file("largest.yml", std::string(kMiB, '#')))->size(), kMiB);
  EXPECT_EQ(read_config_file(write_file("larger.yml", std::string(kMiB + 1, '#'))).error().text, "has more than 1MiB");
  EXPECT_EQ(read_config_file("/dev/zero").error().text, "has more than 1MiB");
}

}  // namespace
}  // namespace fluxor::services
