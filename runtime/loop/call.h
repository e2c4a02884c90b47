#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "runtime/base/result.h"
#include "runtime/loop/event_loop.h"

namespace fluxor::runtime {
namespace detail {

// Where a thread waits for what it called; on its stack.  The lock is a leaf.
template <typename T>
class CallSlot {
 public:
  using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

  template <typename... Args>
  void set_value(Args&&... args) {
    const std::lock_guard lock(mutex_);
    value_.emplace(std::forward<Args>(args)...);
    finish();
  }
  void set_failure(std::exception_ptr failure) noexcept {
    const std::lock_guard lock(mutex_);
    failure_ = std::move(failure);
    finish();
  }
  void set_closed() noexcept {
    const std::lock_guard lock(mutex_);
    finish();
  }

  Result<T> wait() {
    std::unique_lock lock(mutex_);
    finished_.wait(lock, [this] { return is_finished_; });
    if (failure_ != nullptr) std::rethrow_exception(failure_);
    if (!value_) return {boost::system::in_place_error, Errc::closed};
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return {boost::system::in_place_value, std::move(*value_)};
    }
  }

 private:
  // Told under the lock: who waits destroys this object as soon as it knows.
  void finish() noexcept {
    is_finished_ = true;
    finished_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable finished_;
  bool is_finished_ = false;
  std::optional<Value> value_;
  std::exception_ptr failure_;
};

}  // namespace detail

// Runs `function` on the loop and waits for what it returns: the way in for a thread that is none of ours, such as a
// test's, or that of a library.  (Without waiting, post() and signal() are open to every thread.)
//
// Thread:  any but a loop's, which must not wait: on one, Errc::invalid.
// Owns:    `function` stays the caller's, and is used on the loop during the call.
// Errors:  Errc::overloaded, Errc::closed, as post() says, and Errc::closed if the loop was destroyed without running
// it.
//          What `function` throws is thrown here.  Waits for ever if nobody runs the loop.
// Cost:    a wake-up of two threads.
template <typename F>
auto call(EventLoop& loop, F&& function) -> Result<std::invoke_result_t<F&>> {
  using T = std::invoke_result_t<F&>;
  if (EventLoop::current() != nullptr) return {boost::system::in_place_error, Errc::invalid};
  detail::CallSlot<T> slot;
  // Tells exactly once, also when it is destroyed unrun.
  class Call {
   public:
    Call(std::remove_reference_t<F>& function, detail::CallSlot<T>& slot) noexcept
        : function_(function), slot_(&slot) {}
    Call(Call&& other) noexcept : function_(other.function_), slot_(std::exchange(other.slot_, nullptr)) {}
    Call& operator=(Call&&) = delete;
    ~Call() {
      if (slot_ != nullptr) slot_->set_closed();
    }
    void forget() noexcept { slot_ = nullptr; }
    void operator()() noexcept {
      detail::CallSlot<T>& slot = *std::exchange(slot_, nullptr);
      try {
        if constexpr (std::is_void_v<T>) {
          function_();
          slot.set_value();
        } else {
          slot.set_value(function_());
        }
      } catch (...) {
        slot.set_failure(std::current_exception());
      }
    }

   private:
    std::remove_reference_t<F>& function_;
    detail::CallSlot<T>* slot_;
  };
  Call call(function, slot);
  if (const auto posted = loop.post(std::move(call)); !posted) {
    call.forget();
    return {boost::system::in_place_error, posted.error()};
  }
  return slot.wait();
}

}  // namespace fluxor::runtime
