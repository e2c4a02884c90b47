#pragma once

#include <cstdint>

#include "runtime/base/errc.h"

namespace fluxor::runtime {

// Why a task was told to stop.
enum class CancelReason : std::uint8_t {
  cancelled,  // somebody asked for it: a scope, a sibling that failed, an undeploy
  deadline    // the time of its scope is over
};

constexpr Errc errc_of(CancelReason reason) noexcept {
  return reason == CancelReason::deadline ? Errc::deadline : Errc::cancelled;
}

// Thrown out of co_await in a task that was told to stop, to unwind it.
//
// It is no failure, and so no std::exception: `catch (const std::exception&)` lets it pass.  Who catches it all the
// same gains nothing, since each further wait of the task throws again; clean-up that has to wait belongs into
// shield().
//
// What returns a Result answers Errc::cancelled or Errc::deadline instead when it is interrupted while it waits; the
// next wait throws.
struct Cancelled {
  CancelReason reason = CancelReason::cancelled;
};

}  // namespace fluxor::runtime
