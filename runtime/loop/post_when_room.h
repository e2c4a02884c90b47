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

namespace fluxor::runtime {

// What co_await post_when_room(...) waits on; see there.
template <typename F>
class PostWhenRoom {
 public:
  PostWhenRoom(EventLoop& to, F callable) noexcept : to_(to), callable_(std::move(callable)) {}
  PostWhenRoom(const PostWhenRoom&) = delete;
  PostWhenRoom& operator=(const PostWhenRoom&) = delete;

  bool await_ready() noexcept {
    result_ = to_.post(std::move(callable_));  // moves only if it is accepted
    return *result_ || result_->error() != Errc::overloaded;
  }
  bool await_suspend(std::coroutine_handle<> awaiting) {
    EventLoop* const home = EventLoop::current();
    FLUXOR_CHECK(home != nullptr, "who waits for room lives on an event loop");
    std::unique_ptr<RoomWaiter> waiter = std::make_unique<Waiter>(*this, *home, awaiting);
    if (to_.await_room(waiter)) return true;
    result_ = Errc::closed;
    return false;
  }
  Result<void> await_resume() const noexcept { return *result_; }  // NOLINT(bugprone-unchecked-optional-access)

 private:
  class Waiter final : public RoomWaiter {
   public:
    Waiter(PostWhenRoom& post, EventLoop& home, std::coroutine_handle<> awaiting) noexcept
        : post_(post), home_(home), awaiting_(awaiting), callable_(std::move(post.callable_)) {}

   private:
    void build(RingBuffer<Event>::Claim& claim) noexcept override { claim.emplace(std::move(callable_)); }
    bool tell() noexcept override { return home_.signal(*this); }
    void on_control() override {
      const std::unique_ptr<Waiter> self(this);
      post_.result_ = state() == State::accepted ? Result<void>() : Result<void>(Errc::closed);
      const std::coroutine_handle<> awaiting = awaiting_;
      awaiting.resume();
    }

    PostWhenRoom& post_;
    EventLoop& home_;
    const std::coroutine_handle<> awaiting_;
    F callable_;
  };

  EventLoop& to_;
  F callable_;
  std::optional<Result<void>> result_;
};

// `co_await post_when_room(loop, callable)`: posts, and waits for room if the ring is full, first come, first served.
// The coroutine goes on, on its own loop, when the event has its place in the ring (not when it has run).  Also for a
// loop's own full ring: it goes on consuming meanwhile.
//
// Thread:  loop.
// Errors:  Errc::closed, at once or while it waits.
// Cost:    that of a post; one allocation if it has to wait.
template <typename F>
  requires EventCallable<F> && std::is_nothrow_move_constructible_v<F>
[[nodiscard]] PostWhenRoom<F> post_when_room(EventLoop& to, F callable) noexcept {
  return {to, std::move(callable)};
}

}  // namespace fluxor::runtime
