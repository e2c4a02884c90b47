#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fluxor::runtime {

// Which of `loops` loops what has this key lives on: the same in every process with as many loops.  FNV-1a, then the
// finalizer of MurmurHash3 to spread it, then the upper half scaled to the number of loops (Lemire).
constexpr std::size_t loop_of_key(std::string_view key, std::size_t loops) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : key) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
  return static_cast<std::size_t>(((hash ^ (hash >> 33)) >> 32) * loops >> 32);
}

}  // namespace fluxor::runtime
