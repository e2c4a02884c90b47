#pragma once

#include <array>
#include <atomic>
#include <cstddef>

#include "runtime/verticle/directory.h"

namespace fluxor::runtime {

// How many verticles of one loop are in which state: kept while they change, so that nobody has to count them.
//
// Thread:  any; each number is exact, together they are not a snapshot.
// Cost:    two atomic additions for each change of state, on a line of the loop's own.
class alignas(64) VerticleCounts {
 public:
  // A verticle that starts.
  void enter() noexcept { of(VerticleState::starting).fetch_add(1, std::memory_order_relaxed); }
  void leave(VerticleState from) noexcept { of(from).fetch_sub(1, std::memory_order_relaxed); }
  // One that has ended is counted no more.
  void change(VerticleState from, VerticleState to) noexcept {
    if (to != VerticleState::ended) of(to).fetch_add(1, std::memory_order_relaxed);
    leave(from);
  }

  // A request about them is to be signalled to the loop; false if too many wait there, which is held by something.
  bool begin_request() noexcept {
    if (requests_.fetch_add(1, std::memory_order_relaxed) < kRequestsMax) return true;
    end_request();
    return false;
  }
  void end_request() noexcept { requests_.fetch_sub(1, std::memory_order_relaxed); }
  static constexpr std::size_t kRequestsMax = 4096;

  // A verticle that was abandoned holds what it holds until it ends after all, if it ever does.
  void abandon() noexcept { abandoned_.fetch_add(1, std::memory_order_relaxed); }
  void recover() noexcept { abandoned_.fetch_sub(1, std::memory_order_relaxed); }
  std::size_t abandoned() const noexcept { return abandoned_.load(std::memory_order_relaxed); }

  std::size_t count(VerticleState state) const noexcept {
    return counts_[static_cast<std::size_t>(state)].load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::size_t>& of(VerticleState state) noexcept { return counts_[static_cast<std::size_t>(state)]; }

  std::array<std::atomic<std::size_t>, static_cast<std::size_t>(VerticleState::ended)> counts_{};
  std::atomic<std::size_t> requests_{0};
  std::atomic<std::size_t> abandoned_{0};
};

}  // namespace fluxor::runtime
