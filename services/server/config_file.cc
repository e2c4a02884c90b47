#include "services/server/config_file.h"

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <exception>
#include <system_error>
#include <utility>

#include <yaml-cpp/yaml.h>
#include "observability/log/log_line.h"

namespace fluxor::services {
namespace {

using observability::printable;

constexpr std::size_t kFileMax = std::size_t{1} << 20;  // bytes

// `fluxor.yml:3`, or without the line if YAML does not know it.
std::string place(std::string_view path, const YAML::Mark& mark) {
  std::string text = printable(path);
  if (!mark.is_null()) text.append(":").append(std::to_string(mark.line + 1));
  return text;
}

Parsed<std::vector<Setting>> settings_of(const YAML::Node& root, std::string_view path) {
  std::vector<Setting> settings;
  if (root.IsNull()) return settings;
  if (!root.IsMap()) return ConfigError{place(path, root.Mark()) + ": these are no lines of the form \"name: value\""};
  for (const auto& entry : root) {
    const YAML::Node& key = entry.first;
    const YAML::Node& value = entry.second;
    const std::string where = place(path, key.Mark()) + ": ";
    if (!key.IsScalar()) return ConfigError{where + "a name is not a plain word"};
    const std::string source = where + printable(key.Scalar());
    const Option* const option = find_option(key.Scalar());
    if (option == nullptr || option->reach != OptionReach::everywhere) {
      return ConfigError{source + ": there is no such option in a file (see --help)"};
    }
    if (std::ranges::find(settings, option, &Setting::option) != settings.end()) {
      return ConfigError{source + ": given twice"};
    }
    if (value.IsNull()) return ConfigError{source + ": its value is missing"};
    if (!value.IsScalar()) return ConfigError{source + ": this is not a single value"};
    settings.push_back({option, source, value.Scalar()});
  }
  return settings;
}

}  // namespace

Parsed<std::string> read_config_file(const std::string& path) {
  const auto refused = [](int error) {
    return ConfigError{"cannot be read: " + std::generic_category().message(error)};
  };
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return refused(errno);
  std::string text(kFileMax + 1, '\0');
  std::size_t size = 0;
  ssize_t got = 1;
  int error = 0;
  while (got > 0 && size < text.size()) {
    got = ::read(file, text.data() + size, text.size() - size);
    if (got > 0) size += static_cast<std::size_t>(got);
    if (got < 0) error = errno;
  }
  ::close(file);
  if (error != 0) return refused(error);
  if (size > kFileMax) return ConfigError{"has more than 1MiB"};
  text.resize(size);
  return {boost::system::in_place_value, std::move(text)};
}

Parsed<std::vector<Setting>> parse_config_file(std::string_view text, std::string_view path) try {
  const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
  if (documents.empty()) return std::vector<Setting>();
  if (documents.size() > 1) return ConfigError{place(path, documents[1].Mark()) + ": a second document begins"};
  return settings_of(documents.front(), path);
} catch (const YAML::Exception& error) {
  return ConfigError{place(path, error.mark) + ": " + printable(error.msg)};
} catch (const std::exception& error) {
  return ConfigError{printable(path) + ": " + printable(error.what())};
}

}  // namespace fluxor::services
