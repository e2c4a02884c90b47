#pragma once

#include <coroutine>
#include <cstddef>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/result.h"
#include "runtime/loop/loop_affinity.h"
#include "runtime/task/wait.h"
#include "runtime/task/wait_queue.h"

namespace fluxor::runtime {

// A number of places that tasks of one loop take and give back: at most `places` are taken at any time.
//
//     const AsyncSemaphore::Permit permit = co_await connections.acquire();
//
// First come, first served, also where requests differ in size: one for many that waits is not overtaken by small ones,
// so it gets its turn.  Places are handed to whoever waits in the moment they are given back.
//
// Thread:  loop.
// Owns:    nothing; it outlives its permits and those who wait (checked).
// Cost:    no allocation.
class AsyncSemaphore {
 public:
  // Places that are taken, given back at its end.  May be moved to whoever is to hold it.
  class [[nodiscard]] Permit {
   public:
    Permit(Permit&& other) noexcept
        : semaphore_(std::exchange(other.semaphore_, nullptr)), count_(std::exchange(other.count_, 0)) {}
    Permit& operator=(Permit&& other) noexcept {
      if (this != &other) {
        give_back();
        semaphore_ = std::exchange(other.semaphore_, nullptr);
        count_ = std::exchange(other.count_, 0);
      }
      return *this;
    }
    ~Permit() { give_back(); }

    // 0 after it was moved from.
    std::size_t count() const noexcept { return count_; }

   private:
    friend AsyncSemaphore;
    Permit(AsyncSemaphore& semaphore, std::size_t count) noexcept : semaphore_(&semaphore), count_(count) {}
    void give_back() noexcept {
      if (semaphore_ != nullptr) semaphore_->release(count_);
    }

    AsyncSemaphore* semaphore_;
    std::size_t count_;
  };

  // What co_await acquire() waits on.
  class [[nodiscard]] Acquiring final : private Wait, public WaitPlace<Acquiring> {
   public:
    Acquiring(AsyncSemaphore& semaphore, std::size_t count) noexcept : semaphore_(semaphore), count_(count) {}
    bool await_ready() const noexcept { return false; }
    template <TaskPromise P>
    bool await_suspend(std::coroutine_handle<P> awaiting) noexcept {
      if (awaiting.promise().task().cancelled()) return suspend(awaiting);
      if (semaphore_.take(count_)) return false;
      semaphore_.waiting_.push_back(*this);
      return suspend(awaiting);
    }
    Permit await_resume() const {
      throw_if_interrupted();
      return Permit(semaphore_, count_);
    }

   private:
    friend AsyncSemaphore;
    Ends on_cancel() noexcept override {
      semaphore_.waiting_.remove(*this);
      semaphore_.grant();  // it may have been the one that was too large
      return Ends::yes;
    }
    const char* what() const noexcept override { return "a semaphore"; }

    AsyncSemaphore& semaphore_;
    const std::size_t count_;
  };

  explicit AsyncSemaphore(std::size_t places) noexcept : places_(places), available_(places) {}
  AsyncSemaphore(const AsyncSemaphore&) = delete;
  AsyncSemaphore& operator=(const AsyncSemaphore&) = delete;
  ~AsyncSemaphore() {
    FLUXOR_CHECK(available_ == places_ && waiting_.empty(), "an AsyncSemaphore outlives its permits");
  }

  // Takes `count` places, between 1 and all of them, or waits for them.
  // Errors: Cancelled, before or while it waits; then none is taken.
  Acquiring acquire(std::size_t count = 1) noexcept {
    check(count);
    return Acquiring(*this, count);
  }

  // Errors: Errc::overloaded if there are not so many, or others wait.
  [[nodiscard]] Result<Permit> try_acquire(std::size_t count = 1) noexcept {
    check(count);
    if (!take(count)) return Errc::overloaded;
    return Permit(*this, count);
  }

  std::size_t places() const noexcept { return places_; }
  std::size_t available() const noexcept { return available_; }

 private:
  void check(std::size_t count) const noexcept {
    FLUXOR_CHECK(count > 0 && count <= places_,
                 "who asks an AsyncSemaphore for no place, or for more than it has, waits forever");
  }
  bool take(std::size_t count) noexcept {
    affinity_.check();
    if (count > available_ || !waiting_.empty()) return false;
    available_ -= count;
    return true;
  }
  void release(std::size_t count) noexcept {
    affinity_.check();
    available_ += count;
    grant();
  }
  void grant() noexcept {
    for (Acquiring* first = waiting_.front(); first != nullptr && first->count_ <= available_;
         first = waiting_.front()) {
      available_ -= first->count_;
      waiting_.remove(*first);
      first->wake();
    }
  }

  const std::size_t places_;
  std::size_t available_;
  WaitQueue<Acquiring> waiting_;
  LoopAffinity affinity_;
};

}  // namespace fluxor::runtime
