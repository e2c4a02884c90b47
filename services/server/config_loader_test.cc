#include "services/server/config_loader.h"

#include <chrono>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gtest/gtest.h>
#include "services/server/option_table.h"

namespace fluxor::services {
namespace {

using namespace std::chrono_literals;
using observability::LogFormat;
using runtime::Severity;

using Words = std::vector<std::string>;

ConfigOutcome load(const Words& flags, const Words& variables = {}) {
  std::vector<const char*> argv = {"server"};
  for (const std::string& flag : flags) argv.push_back(flag.c_str());
  std::vector<const char*> environment;
  for (const std::string& variable : variables) environment.push_back(variable.c_str());
  environment.push_back(nullptr);
  return load_config(static_cast<int>(argv.size()), argv.data(), environment.data());
}

ServerConfig loaded(const Words& flags, const Words& variables = {}) {
  const ConfigOutcome outcome = load(flags, variables);
  if (const auto* refusal = std::get_if<RefusalToStart>(&outcome)) ADD_FAILURE() << refusal->line;
  return std::holds_alternative<ServerConfig>(outcome) ? std::get<ServerConfig>(outcome) : ServerConfig();
}

std::string refused(const Words& flags, const Words& variables = {}) {
  const ConfigOutcome outcome = load(flags, variables);
  const auto* refusal = std::get_if<RefusalToStart>(&outcome);
  return refusal != nullptr ? refusal->line : "not refused";
}

std::string write_file(std::string_view text) {
  std::string path = testing::TempDir() + "fluxor.yml";
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

// One value for each option that sets something, and whether it has arrived.
struct Sample {
  std::string name;
  std::string value;
  std::function<bool(const ServerConfig&)> arrived;
};

std::vector<Sample> samples() {
  using C = ServerConfig;
  return {
      {"address", "127.0.0.1", [](const C& c) { return c.address == "127.0.0.1"; }},
      {"port", "0", [](const C& c) { return c.port == 0; }},
      {"loops", "3", [](const C& c) { return c.loops == 3; }},
      {"connections-max", "1000", [](const C& c) { return c.connections_max == 1000u; }},
      {"max-ccu", "100", [](const C& c) { return c.max_ccu == 100; }},
      {"utilization", "50", [](const C& c) { return c.utilization == 50; }},
      {"ring-capacity", "8", [](const C& c) { return c.ring_capacity == 8; }},
      {"request-line-max", "4KiB", [](const C& c) { return c.request_line_max == 4096; }},
      {"header-max", "16KiB", [](const C& c) { return c.header_max == 16384; }},
      {"header-fields-max", "50", [](const C& c) { return c.header_fields_max == 50; }},
      {"body-max", "2MiB", [](const C& c) { return c.body_max == 2u << 20; }},
      {"header-timeout", "1s", [](const C& c) { return c.header_timeout == 1s; }},
      {"body-timeout", "2s", [](const C& c) { return c.body_timeout == 2s; }},
      {"keep-alive-timeout", "3m", [](const C& c) { return c.keep_alive_timeout == 3min; }},
      {"write-timeout", "250ms", [](const C& c) { return c.write_timeout == 250ms; }},
      {"drain-delay", "5", [](const C& c) { return c.drain_delay == 5s; }},
      {"drain-timeout", "6s", [](const C& c) { return c.drain_timeout == 6s; }},
      {"ready-threshold", "0.9", [](const C& c) { return c.ready_threshold == 0.9; }},
      {"on-giving-up", "exit", [](const C& c) { return c.on_giving_up == runtime::OnGivingUp::exit; }},
      {"log", "text", [](const C& c) { return c.log_format == LogFormat::text; }},
      {"log-level", "debug", [](const C& c) { return c.log_level == Severity::debug; }},
      {"stall-threshold", "0", [](const C& c) { return c.stall_threshold == 0s; }},
      {"check-config", "true", [](const C& c) { return c.check_config; }},
  };
}

std::string variable(const Sample& sample) { return environment_name(sample.name) + "=" + sample.value; }

// That `actual` differs from the defaults in this sample only.
void expect_only(const Sample& sample, const ServerConfig& actual) {
  EXPECT_TRUE(sample.arrived(actual)) << sample.name;
  for (const Sample& other : samples()) {
    if (other.name != sample.name) EXPECT_FALSE(other.arrived(actual)) << sample.name << " has set " << other.name;
  }
}

TEST(LoadConfig, HasTheDefaultsThatUsersWereTold) {
  const ServerConfig config = loaded({});
  EXPECT_EQ(config, ServerConfig());
  EXPECT_EQ(config.address, "");
  EXPECT_EQ(config.port, 8080);
  EXPECT_EQ(config.loops, 0);
  EXPECT_EQ(config.connections_max, std::nullopt);
  EXPECT_EQ(config.max_ccu, 5000);
  EXPECT_EQ(config.utilization, 67);
  EXPECT_EQ(config.ring_capacity, 4096);
  EXPECT_EQ(config.request_line_max, 8192);
  EXPECT_EQ(config.header_max, 32768);
  EXPECT_EQ(config.header_fields_max, 100);
  EXPECT_EQ(config.body_max, 1048576);
  EXPECT_EQ(config.header_timeout, 10s);
  EXPECT_EQ(config.body_timeout, 10s);
  EXPECT_EQ(config.keep_alive_timeout, 60s);
  EXPECT_EQ(config.write_timeout, 10s);
  EXPECT_EQ(config.drain_delay, 0s);
  EXPECT_EQ(config.drain_timeout, 30s);
  EXPECT_EQ(config.ready_threshold, std::nullopt);
  EXPECT_EQ(config.log_format, std::nullopt);
  EXPECT_EQ(config.log_level, Severity::info);
  EXPECT_EQ(config.config_file, "");
  EXPECT_FALSE(config.check_config);
}

TEST(LoadConfig, HasASampleForEveryOptionThatSetsSomething) {
  std::set<std::string> sampled = {"config"};
  for (const Sample& sample : samples()) sampled.insert(sample.name);
  std::set<std::string> setting;
  for (const Option& option : option_table()) {
    if (option.set) setting.emplace(option.name);
  }
  EXPECT_EQ(sampled, setting);
}

TEST(LoadConfig, TakesEveryOptionFromAFlag) {
  for (const Sample& sample : samples()) {
    expect_only(sample, loaded({"--" + sample.name + "=" + sample.value}));
    if (sample.name != "check-config") expect_only(sample, loaded({"--" + sample.name, sample.value}));
  }
}

TEST(LoadConfig, TakesEveryOptionFromTheEnvironment) {
  for (const Sample& sample : samples()) expect_only(sample, loaded({}, {variable(sample)}));
}

TEST(LoadConfig, TakesEveryOptionFromTheFile) {
  for (const Sample& sample : samples()) {
    const std::string file = write_file(sample.name + ": " + sample.value + "\n");
    expect_only(sample, loaded({"--config=" + file}));
    expect_only(sample, loaded({}, {"FLUXOR_CONFIG=" + file}));
    EXPECT_EQ(loaded({"--config=" + file}).config_file, file);
  }
}

TEST(LoadConfig, LetsFlagsWinOverTheEnvironmentAndThatOverTheFile) {
  const std::string config = "--config=" + write_file("port: 1\nmax-ccu: 1\nloops: 1\n");
  const ServerConfig mixed = loaded({config, "--port=3"}, {"FLUXOR_PORT=2", "FLUXOR_MAX_CCU=2"});
  EXPECT_EQ(mixed.port, 3);
  EXPECT_EQ(mixed.max_ccu, 2);
  EXPECT_EQ(mixed.loops, 1);
  EXPECT_FALSE(loaded({"--check-config=false"}, {"FLUXOR_CHECK_CONFIG=true"}).check_config);
  EXPECT_EQ(loaded({"--address="}, {"FLUXOR_ADDRESS=127.0.0.1"}).address, "");
}

TEST(LoadConfig, PrefersTheFileThatTheFlagNames) {
  const std::string file = write_file("port: 1\n");
  EXPECT_EQ(loaded({"--config=" + file}, {"FLUXOR_CONFIG=/nowhere.yml"}).port, 1);
}

TEST(LoadConfig, SaysWhereAWrongValueCameFrom) {
  EXPECT_EQ(refused({"--port=x"}), "--port: \"x\" is not a number from 0 to 65535");
  EXPECT_EQ(refused({"--port", "65536"}), "--port: \"65536\" is not a number from 0 to 65535");
  EXPECT_EQ(refused({}, {"FLUXOR_PORT="}), "FLUXOR_PORT: \"\" is not a number from 0 to 65535");
  const std::string file = write_file("max-ccu: 5\nport: x\n");
  EXPECT_EQ(refused({"--config=" + file}), file + ":2: port: \"x\" is not a number from 0 to 65535");
}

TEST(LoadConfig, RefusesEveryOptionsWrongValueFromAllThreePlaces) {
  const std::vector<std::pair<std::string, Words>> wrong = {
      {"address", {"localhost", "127.0.0.1:80", "[::1]:80", "1.2.3"}},
      {"port", {"-1", "65536", "http"}},
      {"loops", {"-1", "1025", "1.5"}},
      {"connections-max", {"0", "65537"}},
      {"max-ccu", {"0", "1000001", "-5"}},
      {"utilization", {"0", "101", "0.67", "67%"}},
      {"ring-capacity", {"0", "1", "3", "4095", "2097152"}},
      {"request-line-max", {"63", "41KiB", "8KB"}},
      {"header-max", {"63", "41KiB"}},
      {"header-fields-max", {"0", "10001"}},
      {"body-max", {"1025MiB", "-1"}},
      {"header-timeout", {"0", "86401s", "10min"}},
      {"body-timeout", {"0", "1441m"}},
      {"keep-alive-timeout", {"0", "1d"}},
      {"write-timeout", {"0", "forever"}},
      {"drain-delay", {"-1s", "1441m"}},
      {"drain-timeout", {"-1s", "1441m"}},
      {"ready-threshold", {"0", "1.1", "90"}},
      {"on-giving-up", {"give-up", "EXIT"}},
      {"log", {"xml", "JSON"}},
      {"log-level", {"trace", "warn", "3"}},
      {"stall-threshold", {"-1", "never"}},
      {"check-config", {"yes", "1"}},
  };
  EXPECT_EQ(wrong.size(), samples().size());
  for (const auto& [name, values] : wrong) {
    for (const std::string& value : values) {
      const std::string problem = ": \"" + value + "\" is n";
      const std::string by_flag = refused({"--" + name + "=" + value});
      EXPECT_TRUE(by_flag.starts_with("--" + name + problem)) << by_flag;
      const std::string by_variable = refused({}, {environment_name(name) + "=" + value});
      EXPECT_TRUE(by_variable.starts_with(environment_name(name) + problem)) << by_variable;
      const std::string file = write_file(name + ": \"" + value + "\"\n");
      const std::string by_file = refused({"--config=" + file});
      EXPECT_TRUE(by_file.starts_with(file + ":1: " + name + problem)) << by_file;
    }
  }
}

TEST(LoadConfig, NamesTheChoices) {
  EXPECT_EQ(refused({"--log=xml"}), "--log: \"xml\" is none of json, text");
  EXPECT_EQ(refused({"--log-level=warn"}), "--log-level: \"warn\" is none of debug, info, warning, error");
}

TEST(LoadConfig, TakesTheBounds) {
  EXPECT_EQ(loaded({"--port=65535"}).port, 65535);
  EXPECT_EQ(loaded({"--ring-capacity=2"}).ring_capacity, 2);
  EXPECT_EQ(loaded({"--ring-capacity=1048576"}).ring_capacity, 1048576);
  EXPECT_EQ(loaded({"--utilization=1"}).utilization, 1);
  EXPECT_EQ(loaded({"--utilization=100"}).utilization, 100);
  EXPECT_EQ(loaded({"--max-ccu=1"}).max_ccu, 1);
  EXPECT_EQ(loaded({"--connections-max=65536"}).connections_max, 65536u);
  EXPECT_EQ(loaded({"--ready-threshold=1"}).ready_threshold, 1.0);
  EXPECT_EQ(loaded({"--body-max=0"}).body_max, 0);
  EXPECT_EQ(loaded({"--drain-timeout=0"}).drain_timeout, 0s);
  EXPECT_EQ(loaded({"--address=::1"}).address, "::1");
}

TEST(LoadConfig, RefusesAMistakeEvenWhereSomethingElseWins) {
  EXPECT_EQ(refused({"--port=1"}, {"FLUXOR_PORT=x"}), "FLUXOR_PORT: \"x\" is not a number from 0 to 65535");
  EXPECT_EQ(refused({"--port=1"}, {"FLUXOR_PROT=1"}),
            "FLUXOR_PROT: there is no such environment variable (see --help)");
  const std::string file = write_file("port: x\n");
  EXPECT_EQ(refused({"--port=1", "--config=" + file}), file + ":1: port: \"x\" is not a number from 0 to 65535");
}

TEST(LoadConfig, RefusesUnknownNames) {
  EXPECT_EQ(refused({"--nonsense"}), "--nonsense: there is no such flag (see --help)");
  EXPECT_EQ(refused({}, {"FLUXOR_NONSENSE=1"}), "FLUXOR_NONSENSE: there is no such environment variable (see --help)");
  const std::string file = write_file("nonsense: 1\n");
  EXPECT_EQ(refused({"--config=" + file}), file + ":1: nonsense: there is no such option in a file (see --help)");
}

TEST(LoadConfig, SaysWhoNamedAFileThatCannotBeRead) {
  EXPECT_EQ(refused({"--config=/nowhere.yml"}), "--config: \"/nowhere.yml\" cannot be read: No such file or directory");
  EXPECT_EQ(refused({}, {"FLUXOR_CONFIG=/"}), "FLUXOR_CONFIG: \"/\" cannot be read: Is a directory");
  EXPECT_EQ(refused({"--config="}), "--config: \"\" cannot be read: No such file or directory");
}

TEST(LoadConfig, SaysWhereAFileIsWrong) {
  const std::string file = write_file("port: 1\nport: 1\n");
  EXPECT_EQ(refused({"--config=" + file}), file + ":2: port: given twice");
}

TEST(LoadConfig, RefusesARequestHeadThatTheTransportCannotKeep) {
  EXPECT_EQ(loaded({"--request-line-max=8KiB", "--header-max=32KiB"}).header_max, 32u * 1024);
  EXPECT_EQ(refused({"--header-max=32769"}),
            "the default of request-line-max (8KiB) and --header-max (32769) are together more than 40KiB");
  const std::string file = write_file("request-line-max: 20KiB\n");
  EXPECT_EQ(refused({"--config=" + file}, {"FLUXOR_HEADER_MAX=30KiB"}),
            file + ":1: request-line-max (20KiB) and FLUXOR_HEADER_MAX (30KiB) are together more than 40KiB");
}

TEST(LoadConfig, ShowsAnyValueInOneShortLine) {
  EXPECT_EQ(refused({"--port=a\nb\x1b[2J\xFF"}), "--port: \"a\\nb\\x1b[2J\\xff\" is not a number from 0 to 65535");
  EXPECT_EQ(refused({"--port=" + std::string(5000, '1')}),
            "--port: \"" + std::string(60, '1') + "…\" is not a number from 0 to 65535");
}

TEST(LoadConfig, AnswersHelpAndVersionBeforeItLooksAtAnythingElse) {
  for (const Words& flags : {Words{"--help"}, Words{"--port=x", "--help"}, Words{"--help", "--config=/nowhere"}}) {
    const ConfigOutcome outcome = load(flags, {"FLUXOR_NONSENSE=1"});
    ASSERT_TRUE(std::holds_alternative<PrintAndExit>(outcome));
    EXPECT_EQ(std::get<PrintAndExit>(outcome).text, help_text());
  }
  const ConfigOutcome outcome = load({"--version"}, {"FLUXOR_NONSENSE=1"});
  ASSERT_TRUE(std::holds_alternative<PrintAndExit>(outcome));
  EXPECT_EQ(std::get<PrintAndExit>(outcome).text, "fluxor 0.1.0\n");
}

TEST(LoadConfig, RefusesAnUnknownFlagBesideHelp) {
  EXPECT_EQ(refused({"--help", "--nonsense"}), "--nonsense: there is no such flag (see --help)");
}

TEST(LoadConfig, TakesAnEmptyCommandLine) {
  const ConfigOutcome outcome = load_config(0, nullptr, nullptr);
  ASSERT_TRUE(std::holds_alternative<ServerConfig>(outcome));
  EXPECT_EQ(std::get<ServerConfig>(outcome), ServerConfig());
}

}  // namespace
}  // namespace fluxor::services
