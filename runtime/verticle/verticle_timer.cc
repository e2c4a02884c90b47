#include "runtime/verticle/verticle_timer.h"

#include <exception>

#include "runtime/verticle/context.h"

namespace fluxor::runtime {

void VerticleTimer::cancel() noexcept {
  if (timers_ != nullptr) timers_->end(*this);
}

void VerticleTimer::on_timer() {
  // The next tick first: the function may cancel it.
  if (period_ > Duration::zero()) {
    const Instant now = scope_.loop().now();
    Instant next = later(deadline(), period_);
    if (next <= now) {
      const auto missed = static_cast<std::uint64_t>((now - next) / period_) + 1;
      skipped_ += missed;
      next += period_ * static_cast<Duration::rep>(missed);
    }
    scope_.loop().arm(*this, next);
    if (!begin_task()) ++skipped_;
    return;
  }
  acquire();
  timers_->end(*this);
  begin_task();
  release();
}

// A tick that cannot even begin, for lack of memory or because what it calls cannot be copied, is not just left out.
bool VerticleTimer::begin_task() noexcept {
  try {
    return fire();
  } catch (...) {
    static_cast<Context*>(scope_.owner())->crash(std::current_exception());
    return true;
  }
}

void VerticleTimers::begin(VerticleTimer& timer, Instant due) noexcept {
  timer.timers_ = this;
  timer.next_ = first_;
  if (first_ != nullptr) first_->previous_ = &timer;
  first_ = &timer;
  ++size_;
  timer.scope_.loop().arm(timer, due);
}

void VerticleTimers::end(VerticleTimer& timer) noexcept {
  (timer.previous_ == nullptr ? first_ : timer.previous_->next_) = timer.next_;
  if (timer.next_ != nullptr) timer.next_->previous_ = timer.previous_;
  timer.previous_ = timer.next_ = nullptr;
  timer.timers_ = nullptr;
  --size_;
  timer.scope_.loop().cancel(timer);
  timer.release();
}

void VerticleTimers::cancel_all() noexcept {
  while (first_ != nullptr) end(*first_);
}

}  // namespace fluxor::runtime
