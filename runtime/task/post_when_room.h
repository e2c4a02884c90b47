#pragma once

#include <coroutine>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/result.h"
#include "runtime/loop/event_loop.h"
#include "runtime/loop/room_queue.h"
#include "runtime/task/wait.h"

namespace fluxor::runtime {

// What co_await post_when_room(...) waits on; see there.
template <typename F>
class PostWhenRoom final : private Wait {
 public:
  PostWhenRoom(EventLoop& to, F callable) noexcept : to_(to), callable_(std::move(callable)) {}

  bool await_ready() noexcept {
    result_ = to_.post(std::move(callable_));  // moves only if it is accepted
    return *result_ || result_->error() != Errc::overloaded;
  }
  template <TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> awaiting) {
    auto made = std::make_unique<Waiter>(*this);
    if (!suspend(awaiting)) return false;
    waiter_ = made.get();
    std::unique_ptr<RoomWaiter> waiter = std::move(made);
    if (to_.await_room(waiter)) return true;
    result_ = Errc::closed;
    wake();
    return true;
  }
  Result<void> await_resume() const {
    if (interrupted()) {
      if (waiter_ == nullptr) throw_if_interrupted();
      return interruption();
    }
    return *result_;  // NOLINT(bugprone-unchecked-optional-access): await_ready() set it
  }

 private:
  class Waiter final : public RoomWaiter {
   public:
    explicit Waiter(PostWhenRoom& post) noexcept
        : post_(post), home_(post.home()), callable_(std::move(post.callable_)) {}

   private:
    void build(RingBuffer<Event>::Claim& claim) noexcept override { claim.emplace(std::move(callable_)); }
    bool tell() noexcept override { return home_.signal(*this); }
    void on_control() override {
      const std::unique_ptr<Waiter> self(this);
      post_.result_ = state() == State::accepted ? Result<void>() : Result<void>(Errc::closed);
      post_.resume_now();
    }

    PostWhenRoom& post_;
    EventLoop& home_;
    F callable_;
  };

  static EventLoop& home() noexcept {
    EventLoop* const home = EventLoop::current();
    FLUXOR_CHECK(home != nullptr, "who waits for room lives on an event loop");
    return *home;
  }

  // The place goes back to those behind it; if it was granted just now, the word of that is on its way.
  Ends on_cancel() noexcept override { return waiter_->withdraw() ? Ends::yes : Ends::no; }
  const char* what() const noexcept override { return "room in a ring"; }

  EventLoop& to_;
  F callable_;
  RoomWaiter* waiter_ = nullptr;  // owned by the queue
  std::optional<Result<void>> result_;
};

// `co_await post_when_room(loop, callable)`: posts, and waits for room if the ring is full, first come, first served.
// The coroutine goes on, on its own loop, when the event has its place in the ring (not when it has run).  Also for a
// loop's own full ring: it goes on consuming meanwhile.
//
// Thread:  loop.
// Errors:  Errc::closed, at once or while it waits; Errc::cancelled and Errc::deadline while it waits, then it was not
//          posted.
// Cost:    that of a post; one allocation if it has to wait.
template <typename F>
  requires EventCallable<F> && std::is_nothrow_move_constructible_v<F>
[[nodiscard]] PostWhenRoom<F> post_when_room(EventLoop& to, F callable) noexcept {
  return {to, std::move(callable)};
}

}  // namespace fluxor::runtime
