#pragma once
#include <cstddef>
#include <thread>
namespace fluxor::runtime {
enum class WaitKind { busy_spin, yield, adaptive };
inline constexpr std::size_t kAdaptivePolls = 200;
enum class Idle { poll, park };
class Waiter {
 public:
  Waiter(WaitKind kind, std::size_t polls) : kind_(kind), polls_(polls) {}
  bool may_park() const noexcept { return kind_ == WaitKind::adaptive; }
  Idle idle() noexcept {
    if (kind_ == WaitKind::yield && ++n_ > 100) {
      std::this_thread::yield();
      return Idle::poll;
    }
    if (kind_ == WaitKind::adaptive) {
      if (left_ == 0) return Idle::park;
      --left_;
    }
    __builtin_ia32_pause();
    return Idle::poll;
  }
  void reset() noexcept {
    n_ = 0;
    left_ = polls_;
  }

 private:
  WaitKind kind_;
  std::size_t polls_;
  std::size_t n_ = 0, left_ = 0;
};
}  // namespace fluxor::runtime
