#pragma once

#include <string>
#include <variant>

#include "services/server/server_config.h"

namespace fluxor::services {

struct PrintAndExit {  // standard output, exit status 0
  std::string text;    // with its line ends
};

struct RefusalToStart {  // standard error, exit status 1
  std::string line;      // one, without its end; it begins with where the mistake was made
};

using ConfigOutcome = std::variant<ServerConfig, PrintAndExit, RefusalToStart>;

// Makes the configuration of a server of what main() is given.
//
// Flags win over `environment` (ends with null; only FLUXOR_ names are looked at), the environment over the file that
// --config or FLUXOR_CONFIG names, the file over the defaults.  Nothing wrong is passed over, not even where something
// else wins: it would wait there for the day when the winner is removed.  --help and --version are answered before
// environment and file are looked at.
//
// Thread:  any; reads the file.
// Errors:  RefusalToStart.
ConfigOutcome load_config(int argc, const char* const* argv, const char* const* environment);

}  // namespace fluxor::services
