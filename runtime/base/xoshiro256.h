#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace fluxor::runtime {

// xoshiro256** 1.0 by David Blackman and Sebastiano Vigna (https://prng.di.unimi.it): 64 random bits in about a
// nanosecond, 32 bytes of state, a period of 2^256 - 1.  The same state gives the same sequence on every platform.
// What it has told lets one compute what it will tell: not for secrets.
//
// Thread:  owner.
class Xoshiro256 {
 public:
  using State = std::array<std::uint64_t, 4>;

  // Not all four may be 0.
  constexpr explicit Xoshiro256(const State& state) noexcept : state_(state) {}

  // Spreads one number over the state by SplitMix64 (Steele, Lea and Flood, 2014), as its authors advise.
  static constexpr Xoshiro256 seeded(std::uint64_t seed) noexcept {
    State state{};
    for (std::uint64_t& word : state) {
      seed += 0x9e3779b97f4a7c15;
      word = seed;
      word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
      word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
      word ^= word >> 31;
    }
    return Xoshiro256(state);
  }

  constexpr std::uint64_t next() noexcept {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

 private:
  State state_;
};

}  // namespace fluxor::runtime
