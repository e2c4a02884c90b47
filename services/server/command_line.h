#pragma once

#include <span>
#include <vector>

#include "services/server/option_value.h"
#include "services/server/setting.h"

namespace fluxor::services {

// Takes the words after the program's name apart: `--name=value`, `--name value`, and `--name` for those that need no
// value, in any order.  The value may be empty (`--address=`), so this is our own: CLI11 2.1 takes the word after
// `--address=` for its value, and removes the brackets of `[::1]`.
//
// Thread:  any.
// Errors:  one line: a word that is no flag, an unknown flag, a flag given twice, a missing value.
Parsed<std::vector<Setting>> parse_command_line(std::span<const char* const> words);

}  // namespace fluxor::services
