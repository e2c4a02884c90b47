#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace fluxor::web {

class Gate;

// The right to be in flight; given back exactly once, when it is destroyed.
//
// Thread:  owner.
class Permit {
 public:
  Permit(Permit&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
  Permit& operator=(Permit&& other) noexcept {
    std::swap(gate_, other.gate_);
    return *this;
  }
  ~Permit();

 private:
  friend class Gate;
  explicit Permit(Gate& gate) noexcept : gate_(&gate) {}
  Gate* gate_;
};

// The one exact count of requests in flight in this process: never over its bound, never reset, 0 when idle.
//
// Thread:  any.
// Owns:    nothing; it must outlive its permits.
// Cost:    one CAS to enter, one subtraction to leave.
class Gate {
 public:
  explicit Gate(std::size_t in_flight_max) noexcept : in_flight_max_(in_flight_max) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Nothing when the bound is reached: to be refused, at once.
  [[nodiscard]] std::optional<Permit> try_enter() noexcept {
    std::size_t in_flight = in_flight_.load(std::memory_order_relaxed);
    do {
      if (in_flight >= in_flight_max_) {
        refused_.fetch_add(1, std::memory_order_relaxed);
        return std::nullopt;
      }
    } while (!in_flight_.compare_exchange_weak(in_flight, in_flight + 1, std::memory_order_relaxed));
    return Permit(*this);
  }

  std::size_t in_flight_max() const noexcept { return in_flight_max_; }
  std::size_t in_flight() const noexcept { return in_flight_.load(std::memory_order_relaxed); }
  std::uint64_t refused() const noexcept { return refused_.load(std::memory_order_relaxed); }
  // 0…1.
  double utilization() const noexcept { return static_cast<double>(in_flight()) / static_cast<double>(in_flight_max_); }

 private:
  friend class Permit;
  const std::size_t in_flight_max_;
  alignas(64) std::atomic<std::size_t> in_flight_{0};
  std::atomic<std::uint64_t> refused_{0};
};

inline Permit::~Permit() {
  if (gate_ != nullptr) gate_->in_flight_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace fluxor::web
