#pragma once

#include <string>

#include "services/server/option_table.h"

namespace fluxor::services {

// What somebody wrote for one option, not yet looked at, and where.
struct Setting {
  const Option* option;  // never null; a row of the table
  std::string source;    // how an error begins: `--port`, `FLUXOR_PORT`, `fluxor.yml:3: port`
  std::string value;
};

}  // namespace fluxor::services
