#pragma once

#include <vector>

#include "services/server/option_value.h"
#include "services/server/setting.h"

namespace fluxor::services {

// The options in an environment: an array of `NAME=value` that ends with null, or null.  Only names that begin with
// FLUXOR_ are looked at.
//
// Thread:  any.
// Errors:  one line: a FLUXOR_ name that belongs to no option, or to one that is for the command line only.
Parsed<std::vector<Setting>> parse_environment(const char* const* environment);

}  // namespace fluxor::services
