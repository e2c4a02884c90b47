#pragma once

#include <string>

#include "runtime/inspect/inspection.h"

namespace fluxor::runtime {

// One object: {"complete": …, "verticles": {"running": …}, "loops": [{"id": 0, …}], "root": {"name": …, "children":
// […]}}.  What is not there (no deadline, no verticle, an empty list) has no member; times are whole microseconds,
// those to come from when the inspection was taken.  Always valid: bytes that are no UTF-8 become U+FFFD.
//
// Thread:  any.  Cost: about 2 µs for each entry.
std::string to_json(const Inspection& inspection);

}  // namespace fluxor::runtime
