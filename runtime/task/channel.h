#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/result.h"
#include "runtime/loop/loop_affinity.h"
#include "runtime/task/wait.h"
#include "runtime/task/wait_queue.h"

namespace fluxor::runtime {

// Hands values from tasks to tasks of one loop, in order, and lets the quick wait for the slow: at most `capacity`
// values are on their way.
//
//     while (Result<Order> order = co_await orders.receive()) ship(*order);      // until it is closed, and drained
//
// Senders wait in a line, and so do receivers.  A value is handed over in the moment it can be: while somebody waits to
// receive the buffer is empty, and while somebody waits to send it is full.  So nobody overtakes, and a task that was
// woken has what it waited for, whatever happens before it runs.  With a capacity of 0 a value goes from hand to hand.
//
// Thread:  loop.  To another loop, post.
// Owns:    the values in its buffer; a value that waits for room is its sender's.  The channel outlives those who wait
//          (checked); once it is closed, those it has woken do not need it any more.
// Cost:    no allocation after construction.
template <typename T>
class Channel {
  static_assert(std::is_nothrow_move_constructible_v<T>,
                "a value on its way to another task is moved, and cannot fail");

 public:
  // What co_await send(...) waits on.
  class [[nodiscard]] Sending final : private Wait, public WaitPlace<Sending> {
   public:
    Sending(Channel& channel, T&& value) noexcept : channel_(channel), value_(std::move(value)) {}
    bool await_ready() const noexcept { return false; }
    template <TaskPromise P>
    bool await_suspend(std::coroutine_handle<P> awaiting) noexcept {
      if (awaiting.promise().task().cancelled()) return suspend(awaiting);
      const Offer offer = channel_.offer(value_);
      closed_ = offer == Offer::closed;
      if (offer != Offer::full) return false;
      channel_.senders_.push_back(*this);
      return waited_ = suspend(awaiting);
    }
    Result<void> await_resume() const {
      if (interrupted()) {
        if (!waited_) throw_if_interrupted();
        return interruption();
      }
      if (closed_) return Errc::closed;
      return {};
    }

   private:
    friend Channel;
    Ends on_cancel() noexcept override {
      channel_.senders_.remove(*this);
      return Ends::yes;
    }
    const char* what() const noexcept override { return "room in a channel"; }

    Channel& channel_;
    T value_;
    bool waited_ = false;
    bool closed_ = false;
  };

  // What co_await receive() waits on.
  class [[nodiscard]] Receiving final : private Wait, public WaitPlace<Receiving> {
   public:
    explicit Receiving(Channel& channel) noexcept : channel_(channel) {}
    bool await_ready() const noexcept { return false; }
    template <TaskPromise P>
    bool await_suspend(std::coroutine_handle<P> awaiting) noexcept {
      if (awaiting.promise().task().cancelled()) return suspend(awaiting);
      if (channel_.take(value_) || channel_.closed_) return false;
      channel_.receivers_.push_back(*this);
      return waited_ = suspend(awaiting);
    }
    Result<T> await_resume() {
      if (interrupted()) {
        if (!waited_) throw_if_interrupted();
        return interruption();
      }
      if (!value_) return Errc::closed;
      return *std::move(value_);
    }

   private:
    friend Channel;
    Ends on_cancel() noexcept override {
      channel_.receivers_.remove(*this);
      return Ends::yes;
    }
    const char* what() const noexcept override { return "a value of a channel"; }

    Channel& channel_;
    std::optional<T> value_;
    bool waited_ = false;
  };

  // Errors: std::bad_alloc.
  explicit Channel(std::size_t capacity)
      : capacity_(capacity), slots_(capacity == 0 ? nullptr : std::allocator<T>().allocate(capacity)) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel() {
    FLUXOR_CHECK(senders_.empty() && receivers_.empty(), "a channel outlives those who wait in it, or is closed");
    while (size_ != 0) drop_first();
    if (slots_ != nullptr) std::allocator<T>().deallocate(slots_, capacity_);
  }

  // Hands the value over, or waits for room.
  //
  // Errors:  Errc::closed; Errc::cancelled and Errc::deadline while it waits; then nobody gets the value, and it ends
  //          with the call: who wants it back tries try_send().  Throws Cancelled in a task that was told to stop
  //          before.
  Sending send(T value) noexcept { return Sending(*this, std::move(value)); }

  // Errors: Errc::overloaded (there is no room, and nobody waits to receive), Errc::closed; then nothing was moved
  // from.
  [[nodiscard]] Result<void> try_send(T&& value) noexcept {
    const Offer offer = this->offer(value);
    if (offer == Offer::full) return Errc::overloaded;
    if (offer == Offer::closed) return Errc::closed;
    return {};
  }

  // The oldest value, or waits for one.
  //
  // Errors:  Errc::closed once it is closed and the buffer is empty; Errc::cancelled and Errc::deadline while it waits.
  //          Throws Cancelled in a task that was told to stop before; the values stay.
  Receiving receive() noexcept { return Receiving(*this); }

  // Errors: Errc::try_again (there is none), Errc::closed.
  [[nodiscard]] Result<T> try_receive() noexcept {
    std::optional<T> value;
    if (take(value)) return *std::move(value);
    return closed_ ? Errc::closed : Errc::try_again;
  }

  // Takes no more values: those who wait to send are told closed, those who receive get what is in the buffer and then
  // the same.  A second call does nothing.
  void close() noexcept {
    affinity_.check();
    closed_ = true;
    while (Sending* const sender = senders_.pop_front()) {
      sender->closed_ = true;
      sender->wake();
    }
    while (Receiving* const receiver = receivers_.pop_front()) receiver->wake();
  }
  bool closed() const noexcept { return closed_; }

  // In the buffer.
  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }

 private:
  enum class Offer : std::uint8_t { taken, full, closed };

  // Moves from the value only if it is taken.
  Offer offer(T& value) noexcept {
    affinity_.check();
    if (closed_) return Offer::closed;
    if (Receiving* const receiver = receivers_.pop_front()) {
      receiver->value_.emplace(std::move(value));
      receiver->wake();
      return Offer::taken;
    }
    if (size_ == capacity_) return Offer::full;
    put_last(std::move(value));
    return Offer::taken;
  }
  // Whether there was a value.
  bool take(std::optional<T>& value) noexcept {
    affinity_.check();
    if (size_ != 0) {
      value.emplace(std::move(slots_[first_]));
      drop_first();
      if (Sending* const sender = senders_.pop_front()) {
        put_last(std::move(sender->value_));
        sender->wake();
      }
      return true;
    }
    Sending* const sender = senders_.pop_front();  // of a channel without a buffer
    if (sender == nullptr) return false;
    value.emplace(std::move(sender->value_));
    sender->wake();
    return true;
  }

  void put_last(T&& value) noexcept {
    const std::size_t place = first_ + size_ < capacity_ ? first_ + size_ : first_ + size_ - capacity_;
    std::construct_at(slots_ + place, std::move(value));
    ++size_;
  }
  void drop_first() noexcept {
    std::destroy_at(slots_ + first_);
    first_ = first_ + 1 == capacity_ ? 0 : first_ + 1;
    --size_;
  }

  const std::size_t capacity_;
  T* const slots_;  // `capacity_` places, `size_` of them built from `first_` on, round and round
  std::size_t first_ = 0;
  std::size_t size_ = 0;
  bool closed_ = false;
  WaitQueue<Sending> senders_;
  WaitQueue<Receiving> receivers_;
  LoopAffinity affinity_;
};

}  // namespace fluxor::runtime
