#pragma once

#include <cstdint>

#include "runtime/base/clock.h"

namespace fluxor::runtime {

// Where chance comes from: jitter, identifiers, the order of ties.  Nothing in Fluxor draws by itself, so that a test
// can run a whole system again from its seed.  Not for secrets.
//
// Thread:  each implementation says; what serves several loops is `any`.
class Random {
 public:
  virtual ~Random() = default;
  // 64 bits, each as likely 0 as 1.
  virtual std::uint64_t next() noexcept = 0;

  // One of 0 … bound - 1, all equally likely, also if `bound` does not divide 2^64.  `bound` is not 0.
  // Cost: mostly one draw and one multiplication.
  std::uint64_t below(std::uint64_t bound) noexcept;
  // One of the nanoseconds from `first` to `last`, both included.
  Duration between(Duration first, Duration last) noexcept;
  // True with this probability: never at 0, always at 1.
  bool chance(double probability) noexcept;
};

// A generator per thread, seeded by the kernel when the thread draws first; it has no state of its own.  A process that
// is forked, without exec, repeats what its parent draws.
//
// Thread:  any, without a lock.
// Cost:    about 2 ns; one system call per thread.
class SystemRandom final : public Random {
 public:
  std::uint64_t next() noexcept override;
};

}  // namespace fluxor::runtime
