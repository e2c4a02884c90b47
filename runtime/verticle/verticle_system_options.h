#pragma once

#include <chrono>
#include <cstdint>

#include "runtime/base/clock.h"
#include "runtime/verticle/backoff.h"
#include "runtime/verticle/restart_intensity.h"

namespace fluxor::runtime {

// What the root supervisor does when a subtree fails too often.
enum class OnGivingUp : std::uint8_t {
  restart,  // starts it anew, with backoff, for ever
  exit      // ends the process, with a report of the tree
};

struct VerticleSystemOptions {
  BackoffOptions backoff{};  // of what has no supervisor of its own
  OnGivingUp on_giving_up = OnGivingUp::restart;
  // With OnGivingUp::exit, of what has no supervisor of its own.
  IntensityOptions intensity{.restarts_max = 5, .period = std::chrono::minutes(1)};
  // What a verticle that was cancelled, because it did not stop in its time, has until it is abandoned.
  Duration kill_grace = std::chrono::milliseconds(500);
};

}  // namespace fluxor::runtime
