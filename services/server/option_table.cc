#include "services/server/option_table.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/net/endpoint.h"

namespace fluxor::services {
namespace {

using namespace std::chrono_literals;
using observability::LogFormat;
using runtime::Severity;
using std::chrono::milliseconds;

template <typename T>
struct ValueOf {
  using type = T;
};
template <typename T>
struct ValueOf<std::optional<T>> {
  using type = T;
};

// What sets `Member` to the value that `parse` makes of a text.
template <auto Member, typename Parse>
auto setter(Parse parse) {
  return [parse](ServerConfig& config, std::string_view text) -> Parsed<void> {
    auto& member = config.*Member;
    auto value = parse(text);
    if (!value) return std::move(value).error();
    member = static_cast<typename ValueOf<std::remove_reference_t<decltype(member)>>::type>(*value);
    return {};
  };
}

template <auto Member>
auto number(std::uint64_t min, std::uint64_t max) {
  return setter<Member>([=](std::string_view text) { return parse_number(text, min, max); });
}

template <auto Member>
auto size(std::uint64_t min, std::uint64_t max) {
  return setter<Member>([=](std::string_view text) { return parse_size(text, min, max); });
}

template <auto Member>
auto time(milliseconds min) {
  return setter<Member>([=](std::string_view text) { return parse_time(text, min, 24h); });
}

// One of the values that have names.
template <auto Member, typename T, std::size_t N>
auto choice(const std::array<std::pair<std::string_view, T>, N>& choices) {
  return setter<Member>([choices](std::string_view text) -> Parsed<T> {
    std::string names;
    for (const auto& [name, value] : choices) {
      if (name == text) return value;
      names.append(names.empty() ? "" : ", ").append(name);
    }
    return ConfigError{"is none of " + names};
  });
}

constexpr std::array kLogFormats{std::pair{std::string_view("json"), LogFormat::json},
                                 std::pair{std::string_view("text"), LogFormat::text}};
constexpr std::array kGivingUp{std::pair{std::string_view("restart"), runtime::OnGivingUp::restart},
                               std::pair{std::string_view("exit"), runtime::OnGivingUp::exit}};
constexpr std::array kLogLevels{
    std::pair{std::string_view("debug"), Severity::debug}, std::pair{std::string_view("info"), Severity::info},
    std::pair{std::string_view("warning"), Severity::warning}, std::pair{std::string_view("error"), Severity::error}};

Parsed<std::string> parse_address(std::string_view text) {
  if (runtime::Endpoint::parse(text, 0)) return {boost::system::in_place_value, text};
  return ConfigError{"is no IPv4 or IPv6 address, and no unix:PATH"};
}

std::vector<Option> make_table() {
  using C = ServerConfig;
  const C fallback;
  constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
  return {
      {"address", "Listening", "ADDRESS", "IP address, or unix:PATH, to listen on", "all",
       setter<&C::address>(parse_address)},
      {"port", "Listening", "N", "TCP port; 0 is any free one", std::to_string(fallback.port),
       number<&C::port>(0, 65'535)},
      {"loops", "Listening", "N", "event loops, one thread each; 0 is one per usable CPU",
       std::to_string(fallback.loops), number<&C::loops>(0, 1024)},
      {"connections-max", "Listening", "N", "connections at a time", "what the descriptors allow, up to 65536",
       number<&C::connections_max>(1, kConnectionsMax)},

      {"max-ccu", "Capacity", "N", "concurrent users: requests in flight", std::to_string(fallback.max_ccu),
       number<&C::max_ccu>(1, 1'000'000)},
      {"utilization", "Capacity", "PERCENT", "of --max-ccu that is admitted; more is refused",
       std::to_string(fallback.utilization), number<&C::utilization>(1, 100)},
      {"ring-capacity", "Capacity", "N", "events in the inbox of a loop, a power of two",
       std::to_string(fallback.ring_capacity),
       setter<&C::ring_capacity>([](std::string_view text) { return parse_power_of_two(text, 2, kMiB); })},

      {"request-line-max", "Limits of a request", "SIZE", "the request line", size_text(fallback.request_line_max),
       size<&C::request_line_max>(64, kRequestHeadMax)},
      {"header-max", "Limits of a request", "SIZE", "all header fields; with the request line at most 40KiB",
       size_text(fallback.header_max), size<&C::header_max>(64, kRequestHeadMax)},
      {"header-fields-max", "Limits of a request", "N", "header fields", std::to_string(fallback.header_fields_max),
       number<&C::header_fields_max>(1, 10'000)},
      {"body-max", "Limits of a request", "SIZE", "the body", size_text(fallback.body_max),
       size<&C::body_max>(0, 1024 * kMiB)},

      {"header-timeout", "Time-outs", "TIME", "for a request to arrive, up to the end of its header",
       time_text(fallback.header_timeout), time<&C::header_timeout>(1ms)},
      {"body-timeout", "Time-outs", "TIME", "between two pieces of a body", time_text(fallback.body_timeout),
       time<&C::body_timeout>(1ms)},
      {"keep-alive-timeout", "Time-outs", "TIME", "between two requests on a connection",
       time_text(fallback.keep_alive_timeout), time<&C::keep_alive_timeout>(1ms)},
      {"write-timeout", "Time-outs", "TIME", "for a peer to take what is sent to it", time_text(fallback.write_timeout),
       time<&C::write_timeout>(1ms)},

      {"drain-delay", "Stopping and readiness", "TIME", "not ready but still serving, before the drain",
       time_text(fallback.drain_delay), time<&C::drain_delay>(0ms)},
      {"drain-timeout", "Stopping and readiness", "TIME", "for requests in flight to end",
       time_text(fallback.drain_timeout), time<&C::drain_timeout>(0ms)},
      {"ready-threshold", "Stopping and readiness", "RATIO", "not ready from this utilisation on, up to 1", "none",
       setter<&C::ready_threshold>(parse_ratio)},

      {"on-giving-up", "Stopping and readiness", "restart|exit",
       "what the root supervisor does when a subtree fails too often", "restart", choice<&C::on_giving_up>(kGivingUp)},

      {"log", "Log", "json|text", "format of the lines on standard error", "text on a terminal, else json",
       choice<&C::log_format>(kLogFormats)},
      {"log-level", "Log", "LEVEL", "the least that is logged: debug, info, warning, error",
       std::string(severity_name(fallback.log_level)), choice<&C::log_level>(kLogLevels)},
      {"stall-threshold", "Log", "TIME", "report an event loop that a handler holds for longer; 0 reports none",
       time_text(fallback.stall_threshold), time<&C::stall_threshold>(0ms)},

      {"config", "This program", "FILE", "YAML file with more options", "none",
       setter<&C::config_file>(
           [](std::string_view text) -> Parsed<std::string> { return {boost::system::in_place_value, text}; }),
       OptionReach::outside_the_file},
      {"check-config", "This program", "", "check the configuration and end", "", setter<&C::check_config>(parse_bool)},
      {"help", "This program", "", "print this and end", "", nullptr, OptionReach::command_line_only},
      {"version", "This program", "", "print the version and end", "", nullptr, OptionReach::command_line_only},
  };
}

}  // namespace

std::span<const Option> option_table() {
  static const std::vector<Option> table = make_table();
  return table;
}

const Option* find_option(std::string_view name) {
  const auto found = std::ranges::find(option_table(), name, &Option::name);
  return found == option_table().end() ? nullptr : &*found;
}

std::string environment_name(std::string_view name) {
  std::string variable = "FLUXOR_";
  for (const char letter : name) {
    variable.push_back(letter == '-' ? '_'
                                     : static_cast<char>(letter >= 'a' && letter <= 'z' ? letter - 'a' + 'A' : letter));
  }
  return variable;
}

std::string help_text() {
  constexpr std::size_t kHelpColumn = 30;
  std::string text =
      "Fluxor: a server that answers in time or refuses at once.\n"
      "\n"
      "usage: server [--NAME=VALUE | --NAME VALUE]...\n";
  std::string_view group;
  for (const Option& option : option_table()) {
    if (option.group != group) text.append("\n").append(group = option.group).append("\n");
    std::string row = "  --" + std::string(option.name);
    if (!option.value.empty()) row.append(" ").append(option.value);
    row.resize(std::max(row.size() + 1, kHelpColumn), ' ');
    row.append(option.help);
    if (!option.fallback.empty()) row.append(" [").append(option.fallback).append("]");
    text.append(row).append("\n");
  }
  return text +
         "\n"
         "In brackets: what holds unless set.  TIME is 250ms, 10s, 2m, or a plain number of seconds; SIZE is 8192\n"
         "(bytes), 8KiB or 1MiB.  Flags win over the environment (FLUXOR_MAX_CCU=100), which wins over the file\n"
         "(max-ccu: 100).  A name that is unknown and a value that is out of range are errors in all three.\n";
}

}  // namespace fluxor::services
