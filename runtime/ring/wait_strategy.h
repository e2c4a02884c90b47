#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <variant>

#include <xmmintrin.h>

namespace fluxor::runtime {

// What a consumer shall do after a poll that found nothing.
enum class Idle { poll_again, park };

// How a consumer spends the time until its next event is published.
//
// A strategy trades latency for CPU and decides nothing else: it never sees the ring, never allocates, and learns only
// "nothing yet" or "so many".  It has let the time between two polls pass when it answers; to sleep is the consumer's
// own business, since only that knows by what it is woken.  So a new strategy needs no new proof of the ring.
//
// Thread:  one instance per consumer, called on that consumer's thread only.
template <typename W>
concept WaitStrategy = requires(W wait) {
  { wait.idle() } noexcept -> std::same_as<Idle>;  // after each poll that found nothing
  { wait.found(std::size_t{1}) } noexcept;         // after each poll that found ring events; not for sockets or timers
};

// The processor as strategies use it; tests put a counting one in its place.
struct ThisProcessor {
  static void pause() noexcept { _mm_pause(); }
  static void yield() noexcept { std::this_thread::yield(); }
};

// How long the time between two polls is: one pause, but more of them between the last event and the first look for the
// next, as long as that pays.
//
// Who looks as often as it can takes a busy producer's cache line away for each event, and slows down both.  So in a
// stream it pays to come back a little later: each pause more that brings an event more is worth it, up to 63 of them,
// about a microsecond.  Where events come one at a time, as in a dialogue of two, there is one pause and no more.
template <typename Processor>
class PollPace {
 public:
  static constexpr std::uint32_t kExtraPausesMax = 63;

  void pass() noexcept {
    const std::uint32_t pauses = fruitless_ ? 1 : 1 + extra_pauses_;
    for (std::uint32_t i = 0; i < pauses; ++i) Processor::pause();
    fruitless_ = true;
  }
  void found(std::size_t events) noexcept {
    if (!fruitless_) return;  // did not wait: nothing to learn
    fruitless_ = false;
    extra_pauses_ = events > extra_pauses_ + 1 ? std::min(2 * extra_pauses_ + 1, kExtraPausesMax) : extra_pauses_ / 2;
  }

 private:
  std::uint32_t extra_pauses_ = 0;
  bool fruitless_ = false;  // since the last event
};

// Polls for ever: a hand-over between two cores takes well under a microsecond, and the core is never given away.
template <typename Processor = ThisProcessor>
class BasicBusySpin {
 public:
  Idle idle() noexcept {
    pace_.pass();
    return Idle::poll_again;
  }
  void found(std::size_t events) noexcept { pace_.found(events); }

 private:
  PollPace<Processor> pace_;
};

// Polls for ever, and after 100 fruitless polls lets others run between two: for more busy threads than cores.
template <typename Processor = ThisProcessor>
class BasicYield {
 public:
  static constexpr std::uint32_t kSpinPolls = 100;

  Idle idle() noexcept {
    if (spun_ < kSpinPolls) {
      ++spun_;
      pace_.pass();
    } else {
      Processor::yield();
    }
    return Idle::poll_again;
  }
  void found(std::size_t events) noexcept {
    spun_ = 0;
    pace_.found(events);
  }

 private:
  PollPace<Processor> pace_;
  std::uint32_t spun_ = 0;
};

// Polls a bounded number of times after ring events, then parks.
//
// To wake a sleeping thread costs tens of microseconds, a hand-over to a spinning one a fraction of one; who has just
// sent is likely to send again soon.  Work of another kind does not begin a spin: with sockets alone it never spins,
// and an idle consumer uses no CPU.
template <typename Processor = ThisProcessor>
class BasicAdaptive {
 public:
  // A few microseconds, if a poll is some loads and a pause.
  static constexpr std::uint32_t kSpinPolls = 200;

  // `spin_polls` 0: parks at once.
  explicit BasicAdaptive(std::uint32_t spin_polls = kSpinPolls) noexcept : spin_polls_(spin_polls) {}

  Idle idle() noexcept {
    if (left_ == 0) return Idle::park;
    --left_;
    pace_.pass();
    return Idle::poll_again;
  }
  void found(std::size_t events) noexcept {
    left_ = spin_polls_;
    pace_.found(events);
  }

 private:
  PollPace<Processor> pace_;
  std::uint32_t spin_polls_;
  std::uint32_t left_ = 0;
};

using BusySpin = BasicBusySpin<>;
using Yield = BasicYield<>;
using Adaptive = BasicAdaptive<>;
static_assert(WaitStrategy<BusySpin> && WaitStrategy<Yield> && WaitStrategy<Adaptive>);

enum class WaitKind { busy_spin, yield, adaptive };

// The strategy that a configuration names.
class Waiter {
 public:
  // `spin_polls` is Adaptive's; the others have none to set.
  explicit Waiter(WaitKind kind = WaitKind::adaptive, std::uint32_t spin_polls = Adaptive::kSpinPolls) noexcept {
    switch (kind) {
      case WaitKind::busy_spin: strategy_.emplace<BusySpin>(); break;
      case WaitKind::yield: strategy_.emplace<Yield>(); break;
      case WaitKind::adaptive: strategy_.emplace<Adaptive>(spin_polls); break;
    }
  }

  Idle idle() noexcept {
    return std::visit([](auto& strategy) noexcept { return strategy.idle(); }, strategy_);
  }
  void found(std::size_t events) noexcept {
    std::visit([events](auto& strategy) noexcept { strategy.found(events); }, strategy_);
  }

 private:
  std::variant<BusySpin, Yield, Adaptive> strategy_;
};
static_assert(WaitStrategy<Waiter>);

}  // namespace fluxor::runtime
