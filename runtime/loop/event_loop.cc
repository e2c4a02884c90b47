#include "runtime/loop/event_loop.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <optional>
#include <typeinfo>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/loop/asio_reactor.h"
#include "runtime/loop/current_loop.h"

namespace fluxor::runtime {
namespace {

// A busy loop looks at the kernel at least this often, and not on every turn: each look is a system call.
constexpr Duration kIoInterval = std::chrono::microseconds(50);
// A span between two looks at the clock that is worth remembering: nothing else ran meanwhile.
constexpr Duration kHeld = std::chrono::milliseconds(1);
// While it waits for the ring, the loop goes through its other stages at least after so many polls, or so many bursts
// of events.
constexpr int kPollsPerTurn = 256;
constexpr int kBurstsPerTurn = 64;

thread_local EventLoop* current_loop = nullptr;

}  // namespace

EventLoop::EventLoop(const EventLoopOptions& options, const Clock& clock, std::unique_ptr<Poller> poller,
                     FailureHandler on_failure)
    : options_(options),
      clock_(clock),
      on_failure_(std::move(on_failure)),
      poller_(std::move(poller)),
      ring_(options.ring_capacity),
      stamps_(std::bit_ceil(std::max<std::size_t>(options.ring_capacity / kSampledOneIn, 1))),
      posted_at_(new std::atomic<Instant>[stamps_]),
      work_(options.source_quantum),
      now_(clock.now()),
      last_io_(now_),
      timers_(now_, &activity_),
      waiter_(options.wait, options.spin_polls) {}

EventLoop::~EventLoop() = default;

EventLoop* EventLoop::current() noexcept { return current_loop; }

CurrentLoop::CurrentLoop(EventLoop& loop) noexcept : outer_(std::exchange(current_loop, &loop)) {}
CurrentLoop::~CurrentLoop() { current_loop = outer_; }

void EventLoop::stop() noexcept { signal(stop_); }

void EventLoop::run() {
  affinity_.check();
  activity_.begin(static_cast<std::int32_t>(::syscall(SYS_gettid)));
  if (options_.watcher != nullptr) options_.watcher->loop_awake();
  while (!ring_.drained() || has_work() || poller_->has_pending()) turn(Waiting::yes);
  room_.close();
  control_.close();
  activity_.begin(0);  // what has ended makes no progress, and is not held by anything
}

std::size_t EventLoop::run_turn() {
  affinity_.check();
  const std::uint64_t before = processed();
  turn(Waiting::no);
  return static_cast<std::size_t>(processed() - before);
}

std::size_t EventLoop::run_until_idle() {
  std::size_t total = 0;
  for (std::size_t count = 1; count != 0 || has_work(); total += count) count = run_turn();
  return total;
}

void EventLoop::report(const std::exception_ptr& failure) noexcept {
  failures_.add();
  if (!on_failure_) return;
  try {
    on_failure_(*this, failure);
  } catch (...) {
    failures_.add();  // there is nobody left to tell
  }
}

void EventLoop::turn(Waiting waiting) {
  FLUXOR_CHECK(current_loop != this, "turns of a loop do not nest");
  const CurrentLoop current(*this);
  if (look() > options_.stage_budget) {
    // What ran dry in the last turn was not measured, and something in it was slow.
    for (StageMeter* meter : {&ring_meter_, &ready_meter_, &timer_meter_, &io_meter_}) meter->suspect();
  }
  run_control();
  run_ring_stage();
  run_ready_stage();
  if (waiting == Waiting::yes) run_ready_rounds();
  run_work_stage();
  run_timer_stage();
  // With work at hand the kernel is looked at now and then; without, at once, and if it has nothing we sleep there.
  if (has_work()) {
    if (now_ - last_io_ >= kIoInterval) do_io(Waiting::no);
  } else if (waiting == Waiting::no || poller_->has_pending() || !wait_for_the_ring()) {
    do_io(waiting);
  }
  // Also after a turn in vain: a loop that spins for events is not one that is held.
  activity_.enter(Stage::idle);
  turns_.add();
  publish_stats();
}

void EventLoop::run_control() {
  if (control_.empty()) return;
  activity_.enter(Stage::control);
  guarded([this] { control_.run_all([this](const ControlNode& node) { activity_.handle(typeid(node)); }); });
}

template <typename RunSome, typename Measured>
void EventLoop::run_stage(Stage stage, std::size_t units_max, StageMeter* meter, RunSome&& run_some,
                          Measured&& measured) {
  activity_.enter(stage);
  const Instant end = later(now_, options_.stage_budget);
  for (std::size_t left = units_max; left > 0;) {
    std::size_t wanted = std::min(left, meter == nullptr ? units_max : meter->units());
    const bool sampled = until_sample_ == 0;
    if (sampled) {
      wanted = 1;
      look();
    } else {
      wanted = std::min(wanted, until_sample_);
    }
    std::size_t ran = wanted;  // what throws has run, too
    guarded([&] { ran = run_some(wanted); });
    if (ran == 0) return;
    left -= ran;
    until_sample_ = sampled ? kSampledOneIn : until_sample_ - ran;
    // A stage that has run dry is not worth a look at the clock: the next turn looks.
    if (ran < wanted && meter != nullptr) return;
    const Duration span = look();
    if (sampled) service_.observe(span);
    measured(ran, span);
    if (now_ >= end) return;
  }
}

void EventLoop::run_ring_stage() {
  if (ring_.has_published()) {
    const std::uint64_t before = ring_events_.get();
    run_stage(
        Stage::ring, options_.stage_units_max, &ring_meter_, [this](std::size_t limit) { return run_ring(limit); },
        [this](std::size_t ran, Duration span) { ring_meter_.measured(ran, span); });
    waiter_.found(static_cast<std::size_t>(ring_events_.get() - before));
  }
  grant_room();
}

std::size_t EventLoop::grant_room() noexcept {
  if (room_.empty()) return 0;
  const std::size_t granted = room_.grant(ring_);
  ring_waits_.add(granted);
  return granted;
}

std::size_t EventLoop::run_ring(std::size_t limit) {
  return ring_.consume(
      [this](Event& event) {
        ring_events_.add();
        activity_.handle(event.callable());
        const Sequence sequence = ring_.position();
        if (sequence % kSampledOneIn == 0) {
          wait_.observe(clock_.now() - posted_at_[stamp_of(sequence)].load(std::memory_order_relaxed));
        }
        if (options_.faults != nullptr) [[unlikely]]
          options_.faults->before_event(*this);
        event();
      },
      limit);
}

void EventLoop::run_ready_stage() {
  if (ready_.empty()) return;
  // What makes itself ready again waits for the next turn.
  run_stage(
      Stage::ready, std::min(ready_.size(), options_.stage_units_max), &ready_meter_,
      [this](std::size_t limit) { return run_ready(limit); },
      [this](std::size_t ran, Duration span) { ready_meter_.measured(ran, span); });
}

// Where coroutines make each other ready and nothing else is to be done, a turn for each would be a look at the clock
// for each: several rounds, as many units as are known to fit between two looks.  Whoever drives the loop by hand has
// one round a turn.
void EventLoop::run_ready_rounds() {
  std::size_t left = ready_meter_.units();
  while (!ready_.empty() && work_.empty() && control_.empty() && !ring_.has_published()) {
    const std::size_t wanted = std::min({ready_.size(), left, until_sample_});
    if (wanted == 0) return;
    std::size_t ran = wanted;  // what throws has run, too
    guarded([&] { ran = run_ready(wanted); });
    until_sample_ -= ran;
    left -= ran;
  }
}

std::size_t EventLoop::run_ready(std::size_t limit) {
  return ready_.run(limit, [this](const ReadyNode& node, std::optional<Instant> since) {
    activity_.handle(typeid(node));
    if (since) wait_.observe(now_ - *since);
  });
}

void EventLoop::run_work_stage() {
  if (work_.empty()) return;
  run_stage(
      Stage::work, options_.stage_units_max, nullptr, [this](std::size_t limit) { return run_work(limit); },
      [this](std::size_t, Duration span) { work_.measured(span); });
}

std::size_t EventLoop::run_work(std::size_t limit) {
  return work_.run(limit, [this](const WorkSource& source) { activity_.handle(typeid(source)); });
}

void EventLoop::run_timer_stage() {
  const Instant next = timers_.next_expiry();
  if (next > now_) return;
  if (turns_.get() % kSampledOneIn == 0) wait_.observe(now_ - next);
  run_stage(
      Stage::timers, options_.stage_units_max, &timer_meter_,
      [this, due = now_](std::size_t limit) { return run_timers(due, limit); },
      [this](std::size_t ran, Duration span) { timer_meter_.measured(ran, span); });
}

std::size_t EventLoop::run_timers(Instant due, std::size_t limit) { return timers_.advance(due, limit); }

void EventLoop::run_io_stage() {
  if (!poller_->has_pending()) return;
  run_stage(
      Stage::io, options_.stage_units_max, &io_meter_, [this](std::size_t limit) { return poller_->dispatch(limit); },
      [this](std::size_t ran, Duration span) { io_meter_.measured(ran, span); });
}

// Polls ring and lane as the wait strategy says, and serves at once what comes, without the rest of a turn.  Returns
// whether the loop should go on with a turn; otherwise it is time for the kernel.
bool EventLoop::wait_for_the_ring() {
  for (int polls = 0, bursts = 0; bursts < kBurstsPerTurn;) {
    if (!control_.empty() || room_.has_new()) return true;
    if (ring_.has_published()) {
      run_ring_stage();
      if (!ready_.empty() || !work_.empty()) return true;
      ++bursts;
    } else if (waiter_.idle() == Idle::park) {
      return false;
    } else if (++polls == kPollsPerTurn) {
      break;
    }
  }
  // Whoever never parks looks at the kernel without waiting for it.
  return clock_.now() - last_io_ < kIoInterval;
}

void EventLoop::do_io(Waiting waiting) {
  Duration timeout = Duration::zero();
  const bool may_park = waiting == Waiting::yes && options_.wait == WaitKind::adaptive;
  if (may_park) {
    parked_.store(true, std::memory_order_seq_cst);
    if (!has_work() && !ring_.drained() && !poller_->has_pending()) timeout = time_to_sleep();
    if (timeout != Duration::zero()) {
      parks_.add();
      activity_.enter(Stage::idle);
      publish_stats();
    }
  }
  const bool sleeps = timeout != Duration::zero();
  if (asio_ != nullptr) {
    now_is_old_ = sleeps;  // Asio runs a handler before we are awake ourselves
    if (!sleeps) activity_.enter(Stage::asio);
    guarded([&] { sleeps ? asio_->wait(timeout) : asio_->poll(); });
    timeout = Duration::zero();
  }
  poller_->wait(timeout);
  if (may_park) {
    parked_.store(false, std::memory_order_seq_cst);
    // Also if it did not sleep after all: the watcher may have seen it parked, and sleep itself.
    if (options_.watcher != nullptr) options_.watcher->loop_awake();
  }
  if (sleeps) read_clock();
  last_io_ = now_;
  run_io_stage();
}

Duration EventLoop::look() noexcept {
  const Instant before = now_;
  read_clock();
  const Duration span = now_ - before;
  if (span >= kHeld) held_.observe(span);
  return span;
}

void EventLoop::read_clock() const noexcept {
  now_ = clock_.now();
  now_is_old_ = false;
}

Duration EventLoop::time_to_sleep() const noexcept {
  const Instant next = timers_.next_expiry();
  if (next == kNever) return Poller::kForever;
  const Instant now = clock_.now();  // the turn may have taken long
  return next > now ? next - now : Duration::zero();
}

bool EventLoop::has_work() const noexcept {
  return !ready_.empty() || !work_.empty() || !control_.empty() || ring_.has_published() || room_.has_new();
}

void EventLoop::wake_slowly() noexcept {
  // One producer of those that saw it parked pays for the wake-up.
  if (!parked_.exchange(false, std::memory_order_seq_cst)) return;
  wake_ups_.fetch_add(1, std::memory_order_relaxed);
  poller_->wake();
}

bool EventLoop::await_room(std::unique_ptr<RoomWaiter>& waiter) noexcept {
  if (!room_.push(waiter)) return false;
  wake_if_parked();
  return true;
}

boost::asio::io_context& EventLoop::io_context() {
  affinity_.check();
  if (asio_ == nullptr) asio_ = std::make_unique<AsioReactor>(poller_->descriptor());
  return asio_->context();
}

}  // namespace fluxor::runtime
