#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>

namespace fluxor::runtime {

// How many connections there are, in all and on each loop; where a new one goes, and when there are enough.
//
// Loops accept from one socket, and the kernel gives more to whoever is less busy; so who has accepted keeps a
// connection only while it has not many more than the loop with the fewest, and hands it over otherwise.
//
// Thread:  any.
class AcceptBalance {
 public:
  AcceptBalance(std::size_t loops, std::size_t connections_max)
      : connections_max_(connections_max), loops_(loops), on_loop_(new OnLoop[loops]) {}

  // Counts a connection that `self` has accepted and says which loop shall have it; nothing when there are enough.
  std::optional<std::size_t> place(std::size_t self) noexcept {
    std::size_t total = total_.load(std::memory_order_relaxed);
    do {
      if (total >= connections_max_) return std::nullopt;
    } while (!total_.compare_exchange_weak(total, total + 1, std::memory_order_relaxed));
    std::size_t fewest = self;
    for (std::size_t i = 0; i < loops_; ++i) {
      if (count(i) < count(fewest)) fewest = i;
    }
    const std::size_t chosen = count(self) <= count(fewest) + kSlack + count(fewest) / 16 ? self : fewest;
    on_loop_[chosen].connections.fetch_add(1, std::memory_order_relaxed);
    return chosen;
  }

  // The connection goes to another loop than was said.
  void move(std::size_t from, std::size_t to) noexcept {
    on_loop_[from].connections.fetch_sub(1, std::memory_order_relaxed);
    on_loop_[to].connections.fetch_add(1, std::memory_order_relaxed);
  }

  void remove(std::size_t loop) noexcept {
    on_loop_[loop].connections.fetch_sub(1, std::memory_order_relaxed);
    total_.fetch_sub(1, std::memory_order_relaxed);
  }

  std::size_t connections_max() const noexcept { return connections_max_; }
  std::size_t total() const noexcept { return total_.load(std::memory_order_relaxed); }
  std::size_t count(std::size_t loop) const noexcept {
    return on_loop_[loop].connections.load(std::memory_order_relaxed);
  }
  bool full() const noexcept { return total() >= connections_max_; }
  // Below 95 %: there is room enough to begin accepting again.
  bool has_room() const noexcept { return total() < connections_max_ - connections_max_ / 20; }

 private:
  static constexpr std::size_t kSlack = 1;
  struct alignas(64) OnLoop {
    std::atomic<std::size_t> connections{0};
  };

  const std::size_t connections_max_;
  const std::size_t loops_;
  const std::unique_ptr<OnLoop[]> on_loop_;
  alignas(64) std::atomic<std::size_t> total_{0};
};

}  // namespace fluxor::runtime
