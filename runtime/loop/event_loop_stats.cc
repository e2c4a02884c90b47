#include "runtime/loop/event_loop.h"

#include "runtime/loop/asio_reactor.h"

// What an EventLoop tells of itself.
namespace fluxor::runtime {

std::uint64_t EventLoop::processed() const noexcept {
  return ring_events_.get() + control_.ran() + ready_.ran() + work_.ran() + timers_.fired() + poller_->told() +
         (asio_ == nullptr ? 0 : asio_->ran());
}

void EventLoop::publish_stats() noexcept {
  control_signals_.set(control_.ran());
  ready_runs_.set(ready_.ran());
  work_units_.set(work_.ran());
  timers_fired_.set(timers_.fired());
  io_events_.set(poller_->told() + (asio_ == nullptr ? 0 : asio_->ran()));
  waiting_here_.set(ready_.size() + work_.size());
  timers_armed_.set(timers_.armed_count());
}

EventLoopStats EventLoop::stats() const noexcept {
  EventLoopStats stats;
  stats.ring_events = ring_events_.get();
  stats.control_signals = control_signals_.get();
  stats.ready_runs = ready_runs_.get();
  stats.work_units = work_units_.get();
  stats.timers_fired = timers_fired_.get();
  stats.io_events = io_events_.get();
  stats.ring_refused = ring_refused_.load(std::memory_order_relaxed);
  stats.ring_dropped = ring_dropped_.load(std::memory_order_relaxed);
  stats.ring_waits = ring_waits_.get();
  stats.failures = failures_.get();
  stats.turns = turns_.get();
  stats.parks = parks_.get();
  stats.wake_ups = wake_ups_.load(std::memory_order_relaxed);
  stats.queue_length = queue_length();
  stats.ring_capacity = ring_.capacity();
  stats.timers_armed = static_cast<std::size_t>(timers_armed_.get());
  return stats;
}

std::size_t EventLoop::queue_length() const noexcept {
  return ring_.size() + room_.size() + static_cast<std::size_t>(waiting_here_.get());
}

EventLoopLatency EventLoop::latency() const { return {wait_.snapshot(), service_.snapshot(), held_.snapshot()}; }

}  // namespace fluxor::runtime
