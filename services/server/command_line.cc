#include "services/server/command_line.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "observability/log/log_line.h"

namespace fluxor::services {

using observability::printable;

Parsed<std::vector<Setting>> parse_command_line(std::span<const char* const> words) {
  std::vector<Setting> settings;
  for (std::size_t at = 0; at < words.size(); ++at) {
    const std::string_view word = words[at];
    if (!word.starts_with("--") || word == "--") {
      return ConfigError{"\"" + printable(word) + "\": no flag begins like this (see --help)"};
    }
    const std::size_t equals = std::min(word.find('='), word.size());
    std::string source = printable(word.substr(0, equals));
    const Option* const option = find_option(word.substr(2, equals - 2));
    if (option == nullptr) return ConfigError{source + ": there is no such flag (see --help)"};
    if (std::ranges::find(settings, option, &Setting::option) != settings.end()) {
      return ConfigError{source + ": given twice"};
    }
    std::string value = "true";
    if (equals < word.size()) {
      if (!option->set) return ConfigError{source + ": takes no value"};
      value = word.substr(equals + 1);
    } else if (!option->value.empty()) {
      if (at + 1 == words.size() || std::string_view(words[at + 1]).starts_with("--")) {
        return ConfigError{source + ": its value is missing"};
      }
      value = words[++at];
    }
    settings.push_back({option, std::move(source), std::move(value)});
  }
  return settings;
}

}  // namespace fluxor::services
