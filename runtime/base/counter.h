#pragma once

#include <atomic>
#include <cstdint>

namespace fluxor::runtime {

// A number that one thread writes and any thread reads: a plain addition for the writer, no lock and no locked
// instruction.
class Counter {
 public:
  // Thread: owner.
  void add(std::uint64_t by = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void subtract(std::uint64_t by = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) - by, std::memory_order_relaxed);
  }
  void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  // Thread: any.
  std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace fluxor::runtime
