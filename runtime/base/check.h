#pragma once

#include "runtime/base/compiler.h"

namespace fluxor::runtime {

// Ends the process with one line on standard error: file, line, condition, reason.  Only FLUXOR_CHECK calls it.
[[noreturn]] void check_failed(const char* file, int line, const char* condition, const char* why) noexcept;

}  // namespace fluxor::runtime

// Stops the process, in every build, when `condition` does not hold: for our own bugs only.
//
// What is part of normal life (full, absent, late, closed) is a Result instead, and what a user of the process got
// wrong is one clear line from main.  `why` is a string literal that says which rule was broken.
#define FLUXOR_CHECK(condition, why) \
  ((condition) ? static_cast<void>(0) : ::fluxor::runtime::check_failed(__FILE__, __LINE__, #condition, why))
