#pragma once

#include <cstddef>
#include <cstdint>

namespace fluxor::runtime {

// Position of an event since its ring was made.  It never wraps: 2^61 events at 10^9/s are 73 years.
using Sequence = std::uint64_t;
inline constexpr Sequence kNoSequence = ~Sequence{0};

inline constexpr std::size_t kCacheLineBytes = 64;

// What different threads write lies this far apart: processors fetch cache lines in pairs.
inline constexpr std::size_t kApartBytes = 2 * kCacheLineBytes;

}  // namespace fluxor::runtime
