#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "services/server/option_value.h"
#include "services/server/server_config.h"

namespace fluxor::services {

// Where an option can be set.
enum class OptionReach {
  everywhere,        // command line, environment, file
  outside_the_file,  // command line, environment
  command_line_only,
};

// One thing a user can decide: a row of the table that makes flags, environment, file and --help.
struct Option {
  std::string_view name;   // `max-ccu`: the flag without its dashes, and the key in the file
  std::string_view group;  // the heading in --help; rows of one group follow each other
  std::string_view value;  // what --help calls the value; empty: a flag that needs none
  std::string_view help;   // one line
  std::string fallback;    // in words, what holds if nobody sets it; empty: nothing to say
  // Sets what the text says, or says what is wrong with it.  Empty for --help and --version, which set nothing.
  std::function<Parsed<void>(ServerConfig&, std::string_view text)> set;
  OptionReach reach = OptionReach::everywhere;
};

// All rows, in the order of --help.  Thread: any.
std::span<const Option> option_table();

// The row with that name, or null.
const Option* find_option(std::string_view name);

// `FLUXOR_MAX_CCU` of `max-ccu`.
std::string environment_name(std::string_view name);

// The text of --help, made of the table.
std::string help_text();

}  // namespace fluxor::services
