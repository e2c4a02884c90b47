#include "runtime/testing/sim_group.h"

#include <algorithm>
#include <array>

#include "runtime/testing/test_loop.h"

namespace fluxor::runtime {
namespace {

constexpr std::uint64_t kHeldStepsMax = 30;
// Some runs change the loop after every unit, some let one run on for a while: bugs hide behind both.
constexpr std::array<std::uint64_t, 4> kBursts{1, 2, 5, 20};

}  // namespace

SimGroup::SimGroup(std::uint64_t seed, const SimOptions& options)
    : options_(options),
      random_(seed),
      test_random_(~seed),
      network_(clock_, *this),
      loops_(options.loops),
      burst_max_(kBursts[random_.below(kBursts.size())]) {
  for (std::size_t id = 0; id < loops_.size(); ++id) {
    EventLoopOptions loop_options;
    loop_options.id = id;
    loop_options.ring_capacity = options.ring_capacity;
    loop_options.faults = this;
    loops_[id].loop = std::make_unique<EventLoop>(loop_options, clock_, network_.make_poller(),
                                                  [this](EventLoop&, const std::exception_ptr& failure) {
                                                    try {
                                                      std::rethrow_exception(failure);
                                                    } catch (const InjectedCrash&) {
                                                      ++crashes_;
                                                    } catch (...) {
                                                      failures_.push_back(TestLoop::text_of(failure));
                                                    }
                                                  });
  }
}

SimGroup::~SimGroup() {
  faults_on_ = false;
  held_.clear();  // claims end before their rings
}

void SimGroup::run_until_idle() {
  for (;;) {
    while (step()) {
    }
    // A loop that is stalled goes on later, which is no other thing to wait for.
    Instant next = kNever;
    for (const SimLoop& loop : loops_) {
      if (loop.stalled_until > clock_.now()) next = std::min(next, loop.stalled_until);
    }
    if (next == kNever) return;
    clock_.advance(next - clock_.now());
  }
}

bool SimGroup::run_until(const std::function<bool()>& done, Duration limit) {
  const Instant end = later(clock_.now(), limit);
  while (!done()) {
    if (step()) continue;
    const Instant next = next_due();
    if (next > end) return false;
    clock_.advance(next - clock_.now());
  }
  return true;
}

void SimGroup::run_for(Duration duration) {
  const Instant end = later(clock_.now(), duration);
  for (;;) {
    while (clock_.now() < end && step()) {
    }
    const Instant next = std::min(next_due(), end);
    if (next > clock_.now()) {
      clock_.advance(next - clock_.now());
      continue;
    }
    run_until_idle();
    return;
  }
}

bool SimGroup::step() {
  ++steps_;
  release_held(false);
  // From a random one on, the first that has something to do.
  const std::size_t everybody = loops_.size() + actors_.size();
  const std::size_t first = random_.below(everybody);
  for (std::size_t i = 0; i < everybody; ++i) {
    const std::size_t who = (first + i) % everybody;
    if (who < loops_.size() ? run_loop(who) : run_actor(who - loops_.size())) return true;
  }
  if (held_.empty()) return false;
  release_held(true);  // everybody waits for the producers that are suspended
  return true;
}

bool SimGroup::run_loop(std::size_t index) {
  SimLoop& sim = loops_[index];
  if (sim.stalled_until > clock_.now()) return false;
  const std::uint64_t burst = 1 + random_.below(burst_max_);
  std::uint64_t ran = 0;
  while (ran < burst && sim.loop->run_unit()) {
    ++ran;
    ++units_;
    remember(index);
    if (options_.faults.unit_time_max > Duration::zero()) {
      clock_.advance(random_.between(Duration::zero(), options_.faults.unit_time_max));
    }
  }
  if (ran != 0 && happens(options_.faults.loop_stalls)) {
    sim.stalled_until = later(clock_.now(), random_.between(Duration(1), options_.faults.stall_max));
  }
  return ran != 0;
}

bool SimGroup::run_actor(std::size_t index) {
  if (actors_[index].due > clock_.now()) return false;
  remember(loops_.size() + index);
  Actor actor = std::move(actors_[index]);  // it may add others
  if (actor.step()) {
    actors_[index] = std::move(actor);
  } else {
    actors_.erase(actors_.begin() + static_cast<std::ptrdiff_t>(index));
  }
  return true;
}

void SimGroup::release_held(bool all) noexcept {
  std::erase_if(held_, [&](Held& held) {
    if (!all && faults_on_ && held.until_step > steps_) return false;
    held.claim.publish();
    return true;
  });
}

Instant SimGroup::next_due() const noexcept {
  // What is due waits for a loop that runs: a timer for its own, bytes for any.
  Instant next = kNever;
  Instant first_runs = kNever;
  for (const SimLoop& sim : loops_) {
    next = std::min(next, std::max(sim.loop->next_expiry(), sim.stalled_until));
    if (sim.stalled_until > clock_.now()) next = std::min(next, sim.stalled_until);
    first_runs = std::min(first_runs, sim.stalled_until);
  }
  for (const Actor& actor : actors_) next = std::min(next, actor.due);
  return std::max({std::min(next, std::max(network_.next_due(), first_runs)), clock_.now()});
}

// FNV-1a over who ran.
void SimGroup::remember(std::uint64_t who) noexcept { schedule_ = (schedule_ ^ who) * 0x100000001b3; }

bool SimGroup::refuses_post(const EventLoop&) noexcept { return happens(options_.faults.post_refused); }

void SimGroup::may_hold(const EventLoop&, RingBuffer<Event>::Claim& claim) noexcept {
  if (!happens(options_.faults.post_held)) return;
  held_.push_back({std::move(claim), steps_ + 1 + random_.below(kHeldStepsMax)});
}

void SimGroup::before_event(const EventLoop&) {
  if (happens(options_.faults.event_crashes)) throw InjectedCrash();
}

Duration SimGroup::delay(const Endpoint&, const Endpoint&) {
  return random_.between(Duration::zero(), options_.faults.network_delay_max);
}

std::size_t SimGroup::piece(std::size_t offered) {
  return offered > 1 && happens(options_.faults.bytes_split) ? 1 + random_.below(offered - 1) : offered;
}

NetworkModel::Fate SimGroup::fate(const Endpoint&, const Endpoint&) {
  if (happens(options_.faults.stream_cut)) return Fate::cut;
  if (happens(options_.faults.stream_lost)) return Fate::lost;
  return Fate::arrives;
}

}  // namespace fluxor::runtime
