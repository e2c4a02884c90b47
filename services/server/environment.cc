#include "services/server/environment.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "observability/log/log_line.h"

namespace fluxor::services {

Parsed<std::vector<Setting>> parse_environment(const char* const* environment) {
  std::vector<Setting> settings;
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view variable = *environment;
    if (!variable.starts_with("FLUXOR_")) continue;
    const std::size_t equals = std::min(variable.find('='), variable.size());
    const std::string name(variable.substr(0, equals));
    const auto option =
        std::ranges::find(option_table(), name, [](const Option& row) { return environment_name(row.name); });
    if (option == option_table().end() || option->reach == OptionReach::command_line_only) {
      return ConfigError{observability::printable(name) + ": there is no such environment variable (see --help)"};
    }
    settings.push_back({&*option, name, std::string(variable.substr(std::min(equals + 1, variable.size())))});
  }
  return settings;
}

}  // namespace fluxor::services
