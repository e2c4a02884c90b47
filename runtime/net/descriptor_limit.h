#pragma once

#include <cstddef>

#include "runtime/base/result.h"

namespace fluxor::runtime {

// Raises this process's limit on open descriptors (RLIMIT_NOFILE) as far as it may, and says what it is now.
//
// Thread:  any; for start-up.
// Errors:  what the kernel says.
Result<std::size_t> raise_descriptor_limit() noexcept;

}  // namespace fluxor::runtime
