#include "runtime/loop/work_queue.h"

#include <algorithm>
#include <limits>

#include "runtime/base/check.h"

namespace fluxor::runtime {
namespace {

// What a span may take beyond four times what was expected: the kernel may have had other work.
constexpr Duration kOverrun = std::chrono::microseconds(20);

}  // namespace

WorkSource::~WorkSource() {
  if (queue_ != nullptr) queue_->remove(*this);
}

WorkQueue::~WorkQueue() {
  while (first_ != nullptr) remove(*first_);
}

void WorkQueue::push(WorkSource& source) noexcept {
  if (source.queue_ != nullptr) return;
  // With nobody else waiting there is nobody to pay back to.
  if (first_ == nullptr) source.credit_ = Duration::zero();
  source.queue_ = this;
  link_back(source);
  ++size_;
}

void WorkQueue::remove(WorkSource& source) noexcept {
  if (source.queue_ == nullptr) return;
  FLUXOR_CHECK(source.queue_ == this, "a source is removed from the queue that holds it");
  unlink(source);
  source.queue_ = nullptr;
  --size_;
  if (running_ == &source) running_ = nullptr;
  if (alone_ == &source) alone_ = nullptr;
}

void WorkQueue::begin_span() noexcept {
  if (++span_ == 0) span_ = 1;
  units_in_span_ = 0;
  expected_ = Duration::zero();
  cheap_span_ = true;
  alone_ = nullptr;
}

// The source whose unit is next, or null when the span ends here.
WorkSource* WorkQueue::next_of_span() noexcept {
  if (first_ == nullptr || units_in_span_ == kSpanUnitsMax || !cheap_span_) return nullptr;
  WorkSource& source = choose();
  return units_in_span_ == 0 || known_cheap(source) ? &source : nullptr;
}

// Whose round it is.  A source comes to the front with no credit left, or in debt: then it pays back a quantum, and the
// round is the next one's.
WorkSource& WorkQueue::choose() noexcept {
  for (;;) {
    WorkSource& source = *first_;
    if (source.credit_ > Duration::zero()) return source;
    source.credit_ += quantum_;
    if (source.credit_ > Duration::zero()) return source;
    unlink(source);
    link_back(source);
  }
}

void WorkQueue::run_unit(WorkSource& source) {
  struct Running {
    WorkQueue& queue;
    ~Running() { queue.running_ = nullptr; }
  };
  alone_ = units_in_span_ == 0 || alone_ == &source ? &source : nullptr;
  cheap_span_ = known_cheap(source);
  source.span_ = span_;
  const Duration cost(cheap_span_ ? source.unit_cost_ : 0);
  expected_ += cost;
  ++units_in_span_;
  ++ran_;
  running_ = &source;
  const Running running{*this};
  const WorkSource::More more = source.work();
  if (running_ == nullptr) return;
  if (more == WorkSource::More::no) {
    WorkSource* const alone = alone_;
    remove(source);
    alone_ = alone;  // it is there still, and its cost can be learned
  }
  if (cheap_span_) charge(source, cost);
}

void WorkQueue::charge(WorkSource& source, Duration time) noexcept {
  source.credit_ = std::max(source.credit_ - std::max(time, quantum_ / kRoundUnitsMax), -kDebtQuantaMax * quantum_);
  if (source.queue_ == nullptr || source.credit_ > Duration::zero()) return;
  unlink(source);
  link_back(source);
}

void WorkQueue::measured(Duration span) noexcept {
  if (units_in_span_ == 0) return;
  if (cheap_span_ && span > 4 * expected_ + kOverrun) overrun_span_ = span_;
  if (alone_ == nullptr) return;
  const auto cost = static_cast<std::uint64_t>(std::max(span, Duration::zero()).count()) / units_in_span_;
  alone_->unit_cost_ =
      static_cast<std::uint32_t>(std::clamp<std::uint64_t>(cost, 1, std::numeric_limits<std::uint32_t>::max()));
  // What it was charged already is what was expected.
  if (span > expected_) charge(*alone_, span - expected_);
}

void WorkQueue::link_back(WorkSource& source) noexcept {
  source.previous_ = last_;
  source.next_ = nullptr;
  (last_ == nullptr ? first_ : last_->next_) = &source;
  last_ = &source;
}

void WorkQueue::unlink(WorkSource& source) noexcept {
  (source.previous_ == nullptr ? first_ : source.previous_->next_) = source.next_;
  (source.next_ == nullptr ? last_ : source.next_->previous_) = source.previous_;
}

}  // namespace fluxor::runtime
