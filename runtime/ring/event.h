#pragma once

#include <concepts>
#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace fluxor::runtime {

// What fits into an event without allocation: with the ring's sequence and the event's own pointer it fills exactly
// one cache line.
inline constexpr std::size_t kEventPayloadBytes = 48;

template <typename F>
concept EventCallable = std::invocable<F&> && sizeof(F) <= kEventPayloadBytes && alignof(F) <= alignof(void*) &&
                        std::is_nothrow_move_constructible_v<F>;

// One piece of work on its way to a loop: a callable stored inline, run once, on the loop, or destroyed unrun.
//
// It never allocates, and it neither copies nor moves: it is built in the ring slot where it will run.  A callable that
// is too large does not compile; put what it carries behind a unique_ptr.
//
// Thread:  built on any thread, run and destroyed on the consumer's; the ring orders the two.
class Event {
 public:
  template <typename F>
    requires EventCallable<std::remove_cvref_t<F>> && (!std::same_as<std::remove_cvref_t<F>, Event>)
  explicit Event(F&& callable) noexcept(std::is_nothrow_constructible_v<std::remove_cvref_t<F>, F>)
      : act_(&act<std::remove_cvref_t<F>>) {
    ::new (static_cast<void*>(payload_)) std::remove_cvref_t<F>(std::forward<F>(callable));
  }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { act_(payload_, Action::destroy); }

  // Runs the callable; what it throws passes through.  Cost: one indirect call.
  void operator()() { act_(payload_, Action::run); }

 private:
  enum class Action : bool { run, destroy };

  template <typename F>
  static void act(void* payload, Action action) {
    F& callable = *std::launder(static_cast<F*>(payload));
    if (action == Action::run) {
      callable();
    } else {
      callable.~F();
    }
  }

  void (*act_)(void* payload, Action action);
  alignas(void*) std::byte payload_[kEventPayloadBytes];
};

}  // namespace fluxor::runtime
