#include "runtime/base/random.h"

#include <sys/random.h>

#include <cstddef>
#include <limits>

#include "runtime/base/check.h"
#include "runtime/base/xoshiro256.h"

namespace fluxor::runtime {
namespace {

Xoshiro256 seeded_by_kernel() noexcept {
  Xoshiro256::State state{};
  // Neither cut short nor interrupted up to 256 bytes; it waits only while the machine has just begun to boot.
  const ssize_t count = ::getrandom(state.data(), sizeof(state), 0);
  FLUXOR_CHECK(count == static_cast<ssize_t>(sizeof(state)), "the kernel gives random bytes");
  return Xoshiro256(state);
}

}  // namespace

// Daniel Lemire, "Fast Random Integer Generation in an Interval", 2019: the upper half of bound * draw, where those
// draws are thrown away that would make some results likelier; whether there is any is seen without a division.
std::uint64_t Random::below(std::uint64_t bound) noexcept {
  FLUXOR_CHECK(bound != 0, "a number is drawn from at least one");
  __extension__ using Wide = unsigned __int128;
  Wide product = static_cast<Wide>(next()) * bound;
  if (static_cast<std::uint64_t>(product) < bound) {
    const std::uint64_t surplus = (0 - bound) % bound;  // 2^64 modulo bound
    while (static_cast<std::uint64_t>(product) < surplus) product = static_cast<Wide>(next()) * bound;
  }
  return static_cast<std::uint64_t>(product >> 64);
}

Duration Random::between(Duration first, Duration last) noexcept {
  FLUXOR_CHECK(first <= last, "a duration is drawn from an interval");
  const auto from = static_cast<std::uint64_t>(first.count());
  const std::uint64_t width = static_cast<std::uint64_t>(last.count()) - from;  // unsigned: it may not fit a Duration
  const std::uint64_t offset = width == std::numeric_limits<std::uint64_t>::max() ? next() : below(width + 1);
  return Duration(static_cast<Duration::rep>(from + offset));
}

bool Random::chance(double probability) noexcept {
  // 53 bits are what a double holds exactly, so the draw is below 1.
  return static_cast<double>(next() >> 11) * 0x1p-53 < probability;
}

std::uint64_t SystemRandom::next() noexcept {
  thread_local Xoshiro256 generator = seeded_by_kernel();
  return generator.next();
}

}  // namespace fluxor::runtime
