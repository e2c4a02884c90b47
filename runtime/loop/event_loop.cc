#include "runtime/loop/event_loop.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/loop/asio_reactor.h"

namespace fluxor::runtime {
namespace {

// A busy loop looks at the kernel at least this often, and not on every turn: each look is a system call.
constexpr Duration kIoInterval = std::chrono::microseconds(50);

thread_local EventLoop* current_loop = nullptr;

class CurrentLoop {
 public:
  explicit CurrentLoop(EventLoop& loop) noexcept : outer_(std::exchange(current_loop, &loop)) {}
  CurrentLoop(const CurrentLoop&) = delete;
  CurrentLoop& operator=(const CurrentLoop&) = delete;
  ~CurrentLoop() { current_loop = outer_; }

 private:
  EventLoop* const outer_;
};

}  // namespace

EventLoop::EventLoop(const EventLoopOptions& options, const Clock& clock, std::unique_ptr<Poller> poller,
                     FailureHandler on_failure)
    : options_(options),
      clock_(clock),
      on_failure_(std::move(on_failure)),
      poller_(std::move(poller)),
      ring_(options.ring_capacity),
      now_(clock.now()),
      last_io_(now_),
      timers_(now_) {}

EventLoop::~EventLoop() = default;

EventLoop* EventLoop::current() noexcept { return current_loop; }

void EventLoop::stop() noexcept { signal(stop_); }

void EventLoop::run() {
  affinity_.check();
  activity_.begin(static_cast<std::int32_t>(::syscall(SYS_gettid)));
  while (!ring_.drained() || has_work()) turn(Waiting::yes);
  control_.close();
}

std::size_t EventLoop::run_turn() {
  affinity_.check();
  const std::uint64_t before = stats().processed();
  turn(Waiting::no);
  return static_cast<std::size_t>(stats().processed() - before);
}

std::size_t EventLoop::run_until_idle() {
  std::size_t total = 0;
  while (const std::size_t count = run_turn()) total += count;
  return total;
}

template <typename Stage>
void EventLoop::guarded(Stage&& stage) {
  try {
    stage();
  } catch (...) {
    failures_.add();
    if (!on_failure_) return;
    try {
      on_failure_(*this, std::current_exception());
    } catch (...) {
      failures_.add();  // there is nobody left to tell
    }
  }
}

void EventLoop::turn(Waiting waiting) {
  FLUXOR_CHECK(current_loop != this, "turns of a loop do not nest");
  const CurrentLoop current(*this);
  read_clock();
  activity_.enter(Stage::control);
  guarded([this] { control_.run_all(); });
  activity_.enter(Stage::ring);
  guarded([this] { run_ring(); });
  activity_.enter(Stage::ready);
  guarded([this] { ready_.run_queued(); });
  activity_.enter(Stage::timers);
  guarded([this] { timers_.advance(now_); });
  // With work at hand the kernel is looked at now and then; without, at once, and if it has nothing we sleep there.
  if (!has_work()) {
    do_io(waiting);
  } else if (now_ - last_io_ >= kIoInterval) {
    do_io(Waiting::no);
  }
  turns_.add();
  publish_stats();
}

void EventLoop::run_ring() {
  ring_.consume(
      [this](Event& event) {
        ring_events_.add();
        activity_.handle(event.callable());
        event();
      },
      options_.ring_turn_budget);
}

void EventLoop::do_io(Waiting waiting) {
  Duration timeout = Duration::zero();
  if (waiting == Waiting::yes) {
    parked_.store(true, std::memory_order_seq_cst);
    if (!has_work() && !ring_.drained() && !poller_->has_pending()) timeout = time_to_sleep();
    if (timeout != Duration::zero()) {
      parks_.add();
      publish_stats();
    }
  }
  const bool slept = timeout != Duration::zero();
  if (asio_ != nullptr) {
    now_is_old_ = timeout != Duration::zero();  // Asio runs a handler before we are awake ourselves
    activity_.enter(Stage::asio);
    guarded([&] { timeout == Duration::zero() ? asio_->poll() : asio_->wait(timeout); });
    timeout = Duration::zero();
  }
  poller_->wait(timeout);
  parked_.store(false, std::memory_order_seq_cst);
  if (slept && options_.watcher != nullptr) options_.watcher->loop_awake();
  if (waiting == Waiting::yes) read_clock();
  last_io_ = now_;
  activity_.enter(Stage::io);
  guarded([this] { poller_->dispatch(); });
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

bool EventLoop::has_work() const noexcept { return !ready_.empty() || !control_.empty() || ring_.has_published(); }

void EventLoop::wake_slowly() noexcept {
  // One producer of those that saw it parked pays for the wake-up.
  if (!parked_.exchange(false, std::memory_order_seq_cst)) return;
  wake_ups_.fetch_add(1, std::memory_order_relaxed);
  poller_->wake();
}

boost::asio::io_context& EventLoop::io_context() {
  affinity_.check();
  if (asio_ == nullptr) asio_ = std::make_unique<AsioReactor>(poller_->descriptor());
  return asio_->context();
}

void EventLoop::publish_stats() noexcept {
  control_signals_.set(control_.ran());
  ready_runs_.set(ready_.ran());
  timers_fired_.set(timers_.fired());
  io_events_.set(poller_->told() + (asio_ == nullptr ? 0 : asio_->ran()));
  ready_length_.set(ready_.size());
  timers_armed_.set(timers_.armed_count());
}

EventLoopStats EventLoop::stats() const noexcept {
  EventLoopStats stats;
  stats.ring_events = ring_events_.get();
  stats.control_signals = control_signals_.get();
  stats.ready_runs = ready_runs_.get();
  stats.timers_fired = timers_fired_.get();
  stats.io_events = io_events_.get();
  stats.ring_refused = ring_refused_.load(std::memory_order_relaxed);
  stats.failures = failures_.get();
  stats.turns = turns_.get();
  stats.parks = parks_.get();
  stats.wake_ups = wake_ups_.load(std::memory_order_relaxed);
  stats.queue_length = ring_.size() + static_cast<std::size_t>(ready_length_.get());
  stats.timers_armed = static_cast<std::size_t>(timers_armed_.get());
  return stats;
}

}  // namespace fluxor::runtime
