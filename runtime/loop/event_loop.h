#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/base/counter.h"
#include "runtime/base/result.h"
#include "runtime/loop/control_lane.h"
#include "runtime/loop/loop_activity.h"
#include "runtime/loop/loop_affinity.h"
#include "runtime/loop/ready_queue.h"
#include "runtime/loop/timer_wheel.h"
#include "runtime/net/poller.h"
#include "runtime/ring/event.h"
#include "runtime/ring/ring_buffer.h"

namespace boost::asio {
class io_context;
}

namespace fluxor::runtime {

class AsioReactor;

struct EventLoopOptions {
  std::size_t id = 0;
  std::size_t ring_capacity = 4096;    // events; a power of two
  std::size_t ring_turn_budget = 256;  // events run in one turn before timers and I/O have theirs
  WakeWatcher* watcher = nullptr;      // told when the loop has slept; outlives it
};

// What a loop has done since it was made; every unit it dispatched is in exactly one of the first five.
struct EventLoopStats {
  std::uint64_t ring_events = 0;
  std::uint64_t control_signals = 0;
  std::uint64_t ready_runs = 0;
  std::uint64_t timers_fired = 0;
  std::uint64_t io_events = 0;
  std::uint64_t ring_refused = 0;  // posts that were told overloaded or closed
  std::uint64_t failures = 0;      // exceptions that came out of any of the above, or of the failure handler
  std::uint64_t turns = 0;
  std::uint64_t parks = 0;       // turns that ended asleep
  std::uint64_t wake_ups = 0;    // times another thread had to wake it
  std::size_t queue_length = 0;  // events in the ring and nodes in the ready queue, now
  std::size_t timers_armed = 0;

  std::uint64_t processed() const noexcept {
    return ring_events + control_signals + ready_runs + timers_fired + io_events;
  }
};

// One thread of work: what other threads send (ring, control lane), what is ready here, what is due, what the kernel
// has.  Everything that lives on it runs one at a time and takes no lock.
//
// A turn: control lane; ring, up to its budget; what is ready; what is due; I/O.  When nothing is left, it parks in the
// poller until the next deadline or until it is woken.  Once somebody has asked for the io_context it parks in Asio,
// with the poller's descriptor registered there, because a foreign thread's post to Asio could not wake our poller.
//
// Parking: the loop stores `parked_` and then looks into ring and lane; a producer publishes and then looks at
// `parked_`.  Both pairs are seq_cst (RingBuffer::Claim::publish and ControlLane::push on the other side), so at least
// one sees the other: no event waits for a loop that sleeps.
//
// Thread:  the words at each function; "loop" is the thread that called run(), or the one that makes the turns.
// Owns:    its poller; nothing that is posted, armed or queued, except events on their way.
class EventLoop {
 public:
  // Called on the loop with every exception that came out of an event, a timer, a node or a stream's handler.
  // What it throws itself is counted, and told nobody.
  using FailureHandler = std::function<void(EventLoop& loop, const std::exception_ptr& failure)>;

  // `clock` must outlive the loop.
  EventLoop(const EventLoopOptions& options, const Clock& clock, std::unique_ptr<Poller> poller,
            FailureHandler on_failure);
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  std::size_t id() const noexcept { return options_.id; }

  // The loop whose turn runs on this thread, or null.  Thread: any.
  static EventLoop* current() noexcept;

  // Runs `callable` on the loop, in order of the posts of one thread.  Never inline, also from the loop itself.
  //
  // Thread:  any.
  // Errors:  Errc::overloaded (the ring is full), Errc::closed (after stop()); then `callable` was not moved from.
  // Cost:    one CAS and one exchange; an eventfd write only if the loop is parked; no allocation.
  template <typename F>
    requires EventCallable<std::remove_cvref_t<F>> && std::is_nothrow_constructible_v<std::remove_cvref_t<F>, F>
  [[nodiscard]] Result<void> post(F&& callable) noexcept {
    auto claim = ring_.try_next();
    if (!claim) {
      ring_refused_.fetch_add(1, std::memory_order_relaxed);
      return claim.error();
    }
    claim->emplace(std::forward<F>(callable));
    claim->publish();
    wake_if_parked();
    return {};
  }

  // Signals a node that lives on this loop.  Cannot be refused; after the loop has ended there is nobody to hear it.
  // Thread: any.
  void signal(ControlNode& node) noexcept {
    if (control_.push(node)) wake_if_parked();
  }

  // Asks the loop to end: nothing more is accepted, what was accepted before is run, then run() returns.  Thread: any.
  void stop() noexcept;

  // Runs the loop on this thread until stop().
  void run();

  // One turn without waiting; returns how many units it dispatched.  For tests and for whoever drives a loop by hand.
  // Thread: loop.
  std::size_t run_turn();
  // Turns until one finds nothing to do.  Thread: loop.
  std::size_t run_until_idle();

  // All below: thread loop.

  // Time as of this turn, or of waking up in it: one read of the clock serves all that runs.
  Instant now() const noexcept {
    if (now_is_old_) read_clock();
    return now_;
  }
  const Clock& clock() const noexcept { return clock_; }
  void arm(Timer& timer, Instant deadline) noexcept { timers_.arm(timer, deadline); }
  void arm_after(Timer& timer, Duration delay) noexcept { timers_.arm(timer, later(now(), delay)); }
  void cancel(Timer& timer) noexcept { timers_.cancel(timer); }
  void make_ready(ReadyNode& node) noexcept { ready_.push(node); }
  Poller& poller() noexcept { return *poller_; }

  // For what is written for Asio: its handlers run on this loop.  Made at the first call, which also changes where the
  // loop parks; that costs two more system calls per sleep, so a loop whose work needs no Asio never pays.
  boost::asio::io_context& io_context();

  // What it is doing now.  Thread: any.
  const LoopActivity& activity() const noexcept { return activity_; }
  LoopActivity& activity() noexcept { return activity_; }
  // Whether it sleeps, or is about to.  Thread: any.
  bool parked() const noexcept { return parked_.load(std::memory_order_seq_cst); }

  // Thread: any; each number is exact, together they are not a snapshot.
  EventLoopStats stats() const noexcept;

 private:
  class StopNode final : public ControlNode {
   public:
    explicit StopNode(EventLoop& loop) noexcept : loop_(loop) {}

   private:
    void on_control() override { loop_.ring_.close(); }
    EventLoop& loop_;
  };

  void wake_if_parked() noexcept {
    if (parked_.load(std::memory_order_seq_cst)) wake_slowly();
  }
  void wake_slowly() noexcept;

  enum class Waiting { no, yes };
  void turn(Waiting waiting);
  void run_ring();
  void do_io(Waiting waiting);
  void read_clock() const noexcept;
  Duration time_to_sleep() const noexcept;
  bool has_work() const noexcept;
  // Runs `stage` and reports what it throws; the other stages go on.
  template <typename Stage>
  void guarded(Stage&& stage);
  void publish_stats() noexcept;

  const EventLoopOptions options_;
  const Clock& clock_;
  const FailureHandler on_failure_;
  const std::unique_ptr<Poller> poller_;
  RingBuffer<Event> ring_;
  StopNode stop_{*this};
  ControlLane control_;
  ReadyQueue ready_;
  mutable Instant now_;
  mutable bool now_is_old_ = false;  // we slept; whoever asks first reads the clock
  Instant last_io_;
  TimerWheel timers_;
  std::unique_ptr<AsioReactor> asio_;
  LoopAffinity affinity_;
  LoopActivity activity_;

  Counter ring_events_, control_signals_, ready_runs_, timers_fired_, io_events_, failures_, turns_, parks_;
  Counter ready_length_, timers_armed_;
  alignas(64) std::atomic<bool> parked_{false};
  std::atomic<std::uint64_t> ring_refused_{0};
  std::atomic<std::uint64_t> wake_ups_{0};
};

}  // namespace fluxor::runtime
