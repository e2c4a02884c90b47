#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "services/server/option_value.h"
#include "services/server/setting.h"

namespace fluxor::services {

// The text of the file `path`.
//
// Thread:  any; blocks.
// Errors:  what a user reads after the path: `cannot be read: No such file or directory`; also if it has more than
//          1 MiB.
Parsed<std::string> read_config_file(const std::string& path);

// The options in the YAML text of the file `path`: one mapping of names to plain values, or nothing at all.
//
// Thread:  any.
// Errors:  one line that begins with `path:line:`: no YAML, a name that is unknown or given twice, a value that is
//          missing or not a single one.
Parsed<std::vector<Setting>> parse_config_file(std::string_view text, std::string_view path);

}  // namespace fluxor::services
