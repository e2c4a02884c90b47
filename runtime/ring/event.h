#pragma once

#include <concepts>
#include <cstddef>
#include <new>
#include <type_traits>
#include <typeinfo>
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
      : type_(&kType<std::remove_cvref_t<F>>) {
    ::new (static_cast<void*>(payload_)) std::remove_cvref_t<F>(std::forward<F>(callable));
  }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() {
    if (type_->destroy != nullptr) type_->destroy(payload_);
  }

  // Runs the callable; what it throws passes through.  Cost: one indirect call.
  void operator()() { type_->run(payload_); }

  // The callable's type, to name it in reports.
  const std::type_info& callable() const noexcept { return type_->info; }

 private:
  struct Type {
    void (*run)(void* payload);
    void (*destroy)(void* payload) noexcept;  // null where there is nothing to do
    const std::type_info& info;
  };

  template <typename F>
  static F& as(void* payload) noexcept {
    return *std::launder(static_cast<F*>(payload));
  }
  template <typename F>
  static void run(void* payload) {
    as<F>(payload)();
  }
  template <typename F>
  static void destroy(void* payload) noexcept {
    as<F>(payload).~F();
  }
  template <typename F>
  static constexpr Type kType{&run<F>, std::is_trivially_destructible_v<F> ? nullptr : &destroy<F>, typeid(F)};

  const Type* type_;
  alignas(void*) std::byte payload_[kEventPayloadBytes];
};

}  // namespace fluxor::runtime
