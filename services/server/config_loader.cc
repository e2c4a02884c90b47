#include "services/server/config_loader.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "observability/log/log_line.h"
#include "services/server/command_line.h"
#include "services/server/config_file.h"
#include "services/server/environment.h"
#include "services/server/option_table.h"
#include "services/server/option_value.h"
#include "services/server/setting.h"
#include "services/server/version.h"

namespace fluxor::services {
namespace {

constexpr std::size_t kShownMax = 60;  // bytes of a value in an error line

ConfigError wrong(const Setting& setting, const ConfigError& problem) {
  const std::string_view value = setting.value;
  const std::string shown = observability::printable(value.substr(0, kShownMax));
  return {setting.source + ": \"" + shown + (value.size() > kShownMax ? "…" : "") + "\" " + problem.text};
}

const Setting* find(const std::vector<Setting>& settings, std::string_view name) {
  const auto found = std::ranges::find(settings, name, [](const Setting& setting) { return setting.option->name; });
  return found == settings.end() ? nullptr : &*found;
}

// Takes settings in, the weaker before the stronger, and remembers where each came from.
class Builder {
 public:
  Parsed<void> apply(const std::vector<Setting>& settings) {
    for (const Setting& setting : settings) {
      if (auto set = setting.option->set(config_, setting.value); !set) return wrong(setting, set.error());
      sources_[setting.option->name] = setting.source;
    }
    return {};
  }

  // The configuration, if its parts agree with each other.
  Parsed<ServerConfig> finish() const {
    if (config_.request_line_max + config_.header_max <= kRequestHeadMax) return config_;
    return ConfigError{source("request-line-max") + " (" + size_text(config_.request_line_max) + ") and " +
                       source("header-max") + " (" + size_text(config_.header_max) + ") are together more than " +
                       size_text(kRequestHeadMax)};
  }

 private:
  std::string source(std::string_view name) const {
    const auto found = sources_.find(name);
    return found == sources_.end() ? "the default of " + std::string(name) : found->second;
  }

  ServerConfig config_;
  std::map<std::string_view, std::string> sources_;
};

// What the file says that the command line or else the environment names; nothing if neither does.
Parsed<std::vector<Setting>> settings_of_file(const std::vector<Setting>& flags,
                                              const std::vector<Setting>& variables) {
  const Setting* const named = find(flags, "config") != nullptr ? find(flags, "config") : find(variables, "config");
  if (named == nullptr) return std::vector<Setting>();
  const auto text = read_config_file(named->value);
  if (!text) return wrong(*named, text.error());
  return parse_config_file(*text, named->value);
}

Parsed<ServerConfig> load(const std::vector<Setting>& flags, const char* const* environment) {
  const auto variables = parse_environment(environment);
  if (!variables) return variables.error();
  const auto file = settings_of_file(flags, *variables);
  if (!file) return file.error();
  Builder builder;
  for (const std::vector<Setting>* settings : {&*file, &*variables, &flags}) {
    if (auto applied = builder.apply(*settings); !applied) return applied.error();
  }
  return builder.finish();
}

}  // namespace

ConfigOutcome load_config(int argc, const char* const* argv, const char* const* environment) {
  const auto flags = parse_command_line({argv + std::min(argc, 1), argv + argc});
  if (!flags) return RefusalToStart{flags.error().text};
  if (find(*flags, "help") != nullptr) return PrintAndExit{help_text()};
  if (find(*flags, "version") != nullptr) return PrintAndExit{"fluxor " + std::string(kVersion) + "\n"};
  auto config = load(*flags, environment);
  if (!config) return RefusalToStart{config.error().text};
  return *std::move(config);
}

}  // namespace fluxor::services
