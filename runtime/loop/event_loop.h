#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/base/counter.h"
#include "runtime/base/histogram.h"
#include "runtime/base/result.h"
#include "runtime/loop/control_lane.h"
#include "runtime/loop/loop_activity.h"
#include "runtime/loop/loop_affinity.h"
#include "runtime/loop/loop_faults.h"
#include "runtime/loop/loop_stats.h"
#include "runtime/loop/ready_queue.h"
#include "runtime/loop/room_queue.h"
#include "runtime/loop/stage_meter.h"
#include "runtime/loop/timer_wheel.h"
#include "runtime/loop/work_queue.h"
#include "runtime/net/poller.h"
#include "runtime/ring/event.h"
#include "runtime/ring/ring_buffer.h"
#include "runtime/ring/wait_strategy.h"

namespace boost::asio {
class io_context;
}

namespace fluxor::runtime {

class AsioReactor;

struct EventLoopOptions {
  std::size_t id = 0;
  std::size_t ring_capacity = 4096;  // events; a power of two
  // What each stage of a turn may take before the others have theirs: time, and units, whichever ends first.
  Duration stage_budget = std::chrono::microseconds(200);
  std::size_t stage_units_max = 256;
  // What one source of work may take before the other sources have theirs; see WorkQueue.
  Duration source_quantum = std::chrono::microseconds(100);
  WaitKind wait = WaitKind::adaptive;
  std::uint32_t spin_polls = Adaptive::kSpinPolls;  // of WaitKind::adaptive, before the loop parks
  WakeWatcher* watcher = nullptr;                   // told when the loop has slept; outlives it
  LoopFaults* faults = nullptr;                     // of a simulation; outlives the loop
};

// One thread of work: what other threads send (ring, control lane), what is ready here, what is due, what the kernel
// has.  Everything that lives on it runs one at a time and takes no lock.
//
// A turn: control lane, all of it; ring; what was ready; sources of work; what is due; I/O.  Each stage but the first
// has a budget of time, so that a flood in one of them leaves the others their turn; within the work stage sources
// share time by deficit round robin.  When nothing is left, the loop waits for the ring as its wait strategy says, then
// parks in the poller until the next deadline or until it is woken.  Once somebody has asked for the io_context it
// parks in Asio, with the poller's descriptor registered there, because a foreign thread's post to Asio could not wake
// our poller.
//
// Parking: the loop stores `parked_` and then looks into ring, lane and room queue; a producer publishes and then looks
// at `parked_`.  Both pairs are seq_cst (RingBuffer::Claim::publish, ControlLane::push and RoomQueue::push on the other
// side), so at least one sees the other: no event waits for a loop that sleeps.
//
// Thread:  the words at each function; "loop" is the thread that called run(), or the one that makes the turns.
// Owns:    its poller; nothing that is posted, armed or queued, except events on their way.  When it is destroyed
// nobody
//          may be inside post() or signal(), and none may come.
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
  // What was posted and never run is destroyed unrun; who waits for room is told closed.
  ~EventLoop();

  std::size_t id() const noexcept { return options_.id; }

  // The loop whose turn runs on this thread, or null.  Thread: any.
  static EventLoop* current() noexcept;

  // Runs `callable` on the loop, in order of the posts of one thread.  Never inline, also from the loop itself.
  // Two other answers to a full ring are post_or_drop() and post_when_room().
  //
  // Thread:  any.
  // Errors:  Errc::overloaded (the ring is full), Errc::closed (after stop()); then `callable` was not moved from.
  // Cost:    one CAS and one exchange; an eventfd write only if the loop is parked; no allocation.
  template <typename F>
    requires EventCallable<std::remove_cvref_t<F>> && std::is_nothrow_constructible_v<std::remove_cvref_t<F>, F>
  [[nodiscard]] Result<void> post(F&& callable) noexcept {
    auto posted = try_post(std::forward<F>(callable));
    if (!posted) ring_refused_.fetch_add(1, std::memory_order_relaxed);
    return posted;
  }

  // Posts, or drops `callable` and counts it (ring_dropped), for what is worth nothing late: a statistic, a hint.
  // Thread: any.
  template <typename F>
    requires EventCallable<std::remove_cvref_t<F>> && std::is_nothrow_constructible_v<std::remove_cvref_t<F>, F>
  void post_or_drop(F&& callable) noexcept {
    if (!try_post(std::forward<F>(callable))) ring_dropped_.fetch_add(1, std::memory_order_relaxed);
  }

  // Queues a post until there is room; false, and it is still the caller's, once the loop has ended.  For
  // post_when_room.h.  Thread: any.
  bool await_room(std::unique_ptr<RoomWaiter>& waiter) noexcept;

  // Signals a node that lives on this loop.  Cannot be refused; false after the loop has ended, when there is nobody to
  // hear it.  Thread: any.
  bool signal(ControlNode& node) noexcept {
    const ControlLane::Pushed pushed = control_.push(node);
    if (pushed == ControlLane::Pushed::queued) wake_if_parked();
    return pushed != ControlLane::Pushed::closed;
  }

  // Asks the loop to end: nothing more is accepted, who waits for room is told closed, what was accepted before is run,
  // then run() returns.  Thread: any.
  void stop() noexcept;

  // Runs the loop on this thread until stop().
  void run();

  // One turn without waiting; returns how many units it dispatched.  For tests and for whoever drives a loop by hand.
  // Thread: loop.
  std::size_t run_turn();
  // Turns until one finds nothing to do.  Thread: loop.
  std::size_t run_until_idle();
  // The next unit that a turn would dispatch, and nothing else; false if there is none.  A scheduler that has several
  // loops on one thread interleaves them by this.  Thread: loop.
  bool run_unit();

  // All below: thread loop.

  // Time as of this turn, or of the last look at the clock in it: one read serves many units.
  Instant now() const noexcept {
    if (now_is_old_) read_clock();
    return now_;
  }
  const Clock& clock() const noexcept { return clock_; }
  void arm(Timer& timer, Instant deadline) noexcept { timers_.arm(timer, deadline); }
  void arm_after(Timer& timer, Duration delay) noexcept { timers_.arm(timer, later(now(), delay)); }
  void cancel(Timer& timer) noexcept { timers_.cancel(timer); }
  // When the next timer is due; kNever if none is armed.
  Instant next_expiry() const noexcept { return timers_.next_expiry(); }
  void make_ready(ReadyNode& node) noexcept { ready_.push(node, now_); }
  // The source has work, to be done in turn with that of others.
  void make_ready(WorkSource& source) noexcept { work_.push(source); }
  Poller& poller() noexcept { return *poller_; }

  // For what is written for Asio: its handlers run on this loop.  Made at the first call, which also changes where the
  // loop parks; that costs more system calls per sleep, so a loop whose work needs no Asio never pays.
  boost::asio::io_context& io_context();

  // Counts a failure that has nobody else to answer for it, and tells the failure handler.
  void report(const std::exception_ptr& failure) noexcept;

  // What it is doing now.  Thread: any.
  const LoopActivity& activity() const noexcept { return activity_; }
  LoopActivity& activity() noexcept { return activity_; }
  // Whether it sleeps, or is about to.  Thread: any.
  bool parked() const noexcept { return parked_.load(std::memory_order_seq_cst); }

  // Thread: any; each number is exact, together they are not a snapshot.
  EventLoopStats stats() const noexcept;
  // What waits for the loop: as EventLoopStats::queue_length, without the rest.  Thread: any.
  std::size_t queue_length() const noexcept;
  // Thread: any.  Cost: some thousand loads.
  EventLoopLatency latency() const;

 private:
  class StopNode final : public ControlNode {
   public:
    explicit StopNode(EventLoop& loop) noexcept : loop_(loop) {}

   private:
    void on_control() override { loop_.ring_.close(); }
    EventLoop& loop_;
  };

  template <typename F>
  [[nodiscard]] Result<void> try_post(F&& callable) noexcept {
    if (options_.faults != nullptr && options_.faults->refuses_post(*this)) [[unlikely]]
      return Errc::overloaded;
    auto claim = ring_.try_next();
    if (!claim) return claim.error();
    const Sequence sequence = claim->sequence();
    claim->emplace(std::forward<F>(callable));
    if (sequence % kSampledOneIn == 0) posted_at_[stamp_of(sequence)].store(clock_.now(), std::memory_order_relaxed);
    if (options_.faults != nullptr) [[unlikely]] {
      options_.faults->may_hold(*this, *claim);
      if (!claim->open()) return {};
    }
    claim->publish();
    wake_if_parked();
    return {};
  }
  std::size_t stamp_of(Sequence sequence) const noexcept {
    return static_cast<std::size_t>(sequence / kSampledOneIn) & (stamps_ - 1);
  }

  void wake_if_parked() noexcept {
    if (parked_.load(std::memory_order_seq_cst)) wake_slowly();
  }
  void wake_slowly() noexcept;

  enum class Waiting { no, yes };
  void turn(Waiting waiting);
  void run_control();
  // Runs units of a stage until its budget is used up or it is dry.  `run_some(n)` runs at most n and returns how many;
  // `measured(ran, span)` hears what they took.
  template <typename RunSome, typename Measured>
  void run_stage(Stage stage, std::size_t units_max, StageMeter* meter, RunSome&& run_some, Measured&& measured);
  void run_ring_stage();
  void run_ready_stage();
  void run_ready_rounds();
  void run_work_stage();
  void run_timer_stage();
  void run_io_stage();

  std::size_t run_ring(std::size_t limit);
  std::size_t grant_room() noexcept;
  std::size_t run_ready(std::size_t limit);
  std::size_t run_work(std::size_t limit);
  std::size_t run_timers(Instant due, std::size_t limit);

  bool wait_for_the_ring();
  void do_io(Waiting waiting);
  Duration look() noexcept;
  void read_clock() const noexcept;
  Duration time_to_sleep() const noexcept;
  bool has_work() const noexcept;
  // Runs `stage` and reports what it throws; the other stages go on.
  template <typename Run>
  void guarded(Run&& run) {
    try {
      run();
    } catch (...) {
      report_failure();
    }
  }
  void report_failure() noexcept { report(std::current_exception()); }
  std::uint64_t processed() const noexcept;
  void publish_stats() noexcept;

  // run_unit(): where it is in the turn.
  void enter_next_stage();
  bool run_one(Stage stage);

  static constexpr std::size_t kSampledOneIn = 64;
  static constexpr int kUnitStages = 6;

  const EventLoopOptions options_;
  const Clock& clock_;
  const FailureHandler on_failure_;
  const std::unique_ptr<Poller> poller_;
  RingBuffer<Event> ring_;
  const std::size_t stamps_;  // a power of two
  const std::unique_ptr<std::atomic<Instant>[]> posted_at_;
  StopNode stop_{*this};
  ControlLane control_;
  RoomQueue room_;
  ReadyQueue ready_;
  WorkQueue work_;
  mutable Instant now_;
  mutable bool now_is_old_ = false;  // we slept; whoever asks first reads the clock
  Instant last_io_;
  TimerWheel timers_;
  Waiter waiter_;
  std::unique_ptr<AsioReactor> asio_;
  LoopAffinity affinity_;
  LoopActivity activity_;

  StageMeter ring_meter_, ready_meter_, timer_meter_, io_meter_;
  std::size_t until_sample_ = kSampledOneIn;  // units
  Stage unit_stage_ = Stage::io;              // of run_unit()
  std::size_t unit_stage_left_ = 0;
  Instant unit_stage_due_;

  Counter ring_events_, control_signals_, ready_runs_, work_units_, timers_fired_, io_events_, failures_, turns_,
      parks_, ring_waits_;
  Counter waiting_here_, timers_armed_;
  Histogram wait_, service_, held_;
  alignas(64) std::atomic<bool> parked_{false};
  std::atomic<std::uint64_t> ring_refused_{0};
  std::atomic<std::uint64_t> ring_dropped_{0};
  std::atomic<std::uint64_t> wake_ups_{0};
};

}  // namespace fluxor::runtime
