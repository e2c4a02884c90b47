#pragma once

#include <cstdint>

#include "runtime/base/random.h"
#include "runtime/base/xoshiro256.h"

namespace fluxor::runtime {

// Chance that a test can have again: the same seed gives the same draws on every platform (xoshiro256**).
//
// Thread:  owner.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) noexcept : seed_(seed), generator_(Xoshiro256::seeded(seed)) {}
  std::uint64_t next() noexcept override { return generator_.next(); }
  // To be printed when a test fails.
  std::uint64_t seed() const noexcept { return seed_; }

 private:
  const std::uint64_t seed_;
  Xoshiro256 generator_;
};

}  // namespace fluxor::runtime
