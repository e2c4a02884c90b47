#include <algorithm>
#include <limits>
#include <optional>
#include <typeinfo>

#include "runtime/base/check.h"
#include "runtime/loop/asio_reactor.h"
#include "runtime/loop/current_loop.h"
#include "runtime/loop/event_loop.h"

// An EventLoop unit by unit, for a scheduler that has several loops on one thread: the same stages, in the same order,
// with the same bounds as a turn, but between any two units others may run.
namespace fluxor::runtime {

bool EventLoop::run_unit() {
  affinity_.check();
  FLUXOR_CHECK(current() != this, "turns of a loop do not nest");
  const CurrentLoop here(*this);
  look();
  // One round through all stages, from the one where we are to the same one entered anew.
  for (int entered = 0;;) {
    const std::uint64_t before = processed();
    if (unit_stage_left_ != 0) {
      --unit_stage_left_;
      if (!run_one(unit_stage_)) unit_stage_left_ = 0;
      // What got a place in the ring just now is found in the next round.
      if (unit_stage_ == Stage::ring && grant_room() != 0) entered = 0;
    } else if (entered++ < kUnitStages) {
      enter_next_stage();
    } else {
      activity_.enter(Stage::idle);
      publish_stats();
      return false;
    }
    if (processed() != before) {
      publish_stats();
      return true;
    }
  }
}

void EventLoop::enter_next_stage() {
  constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();
  switch (unit_stage_) {
    case Stage::idle:
    case Stage::io:
    case Stage::asio:
      turns_.add();
      unit_stage_ = Stage::control;
      control_.take();
      unit_stage_left_ = kAll;
      break;
    case Stage::control:
      unit_stage_ = Stage::ring;
      unit_stage_left_ = options_.stage_units_max;
      break;
    case Stage::ring:
      unit_stage_ = Stage::ready;
      unit_stage_left_ = std::min(ready_.size(), options_.stage_units_max);
      break;
    case Stage::ready:
      unit_stage_ = Stage::work;
      unit_stage_left_ = options_.stage_units_max;
      break;
    case Stage::work:
      unit_stage_ = Stage::timers;
      unit_stage_due_ = now_;
      unit_stage_left_ = options_.stage_units_max;
      break;
    case Stage::timers:
      unit_stage_ = Stage::io;
      if (asio_ != nullptr) guarded([this] { asio_->poll(); });
      poller_->wait(Duration::zero());
      last_io_ = now_;
      unit_stage_left_ = options_.stage_units_max;
      break;
  }
  activity_.enter(unit_stage_);
}

// Runs one unit of the stage, or steps over what is none; false if there is nothing left in it.
bool EventLoop::run_one(Stage stage) {
  bool more = true;  // what throws has run
  guarded([&] {
    switch (stage) {
      case Stage::control:
        more = control_.run_one([this](const ControlNode& node) { activity_.handle(typeid(node)); });
        break;
      case Stage::ring: more = run_ring(1) != 0; break;
      case Stage::ready: more = run_ready(1) != 0; break;
      case Stage::work:
        more = run_work(1) != 0;
        work_.measured(look());
        break;
      case Stage::timers: more = run_timers(unit_stage_due_, 1) != 0; break;
      case Stage::io: more = poller_->dispatch(1) != 0; break;
      case Stage::idle:
      case Stage::asio: more = false; break;
    }
  });
  return more;
}

}  // namespace fluxor::runtime
