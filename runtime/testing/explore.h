#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "runtime/testing/sim_group.h"

namespace fluxor::runtime {

struct Exploration {
  std::size_t runs = 0;
  std::size_t interleavings = 0;  // that were distinct
  std::uint64_t units = 0;
};

// Runs `property` in a new SimGroup for each of `seeds` seeds, until one fails (as GoogleTest counts), and prints how
// many runs and distinct interleavings that were, or the seed that failed.
//
//     TEST(Mailbox, KeepsTheOrderOfItsSender) {
//       explore(1000, {.loops = 3, .faults = {.post_held = 0.1}}, [](SimGroup& sim) { … EXPECT_EQ(…); });
//     }
//
// The same seeds in every run, so that a change is to blame for a failure.  Environment: FLUXOR_SEED=N runs that seed
// only; FLUXOR_SEED_FROM=N begins there instead of at 1, to look at others.
Exploration explore(std::size_t seeds, const SimOptions& options, const std::function<void(SimGroup&)>& property);

}  // namespace fluxor::runtime
