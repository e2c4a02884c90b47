#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/clock.h"

namespace fluxor::runtime {

class WorkQueue;

// Something with many units of work of its own, beside which a loop shall serve others: the mailbox of a consumer.  It
// embeds its place in the queue.
//
// Thread:  loop.
// Owns:    whoever derives from it; destroying a queued source takes it out.
class WorkSource {
 public:
  WorkSource() = default;
  WorkSource(const WorkSource&) = delete;
  WorkSource& operator=(const WorkSource&) = delete;
  virtual ~WorkSource();

  bool queued() const noexcept { return queue_ != nullptr; }

 protected:
  enum class More : bool { no, yes };
  // Does one unit of work, and says whether there is more; after More::no it is no longer queued.  It may be removed or
  // destroyed in here.  After an exception it is asked again, and may find nothing to do.
  virtual More work() = 0;

 private:
  friend class WorkQueue;

  WorkQueue* queue_ = nullptr;
  WorkSource* previous_ = nullptr;
  WorkSource* next_ = nullptr;
  Duration credit_{0};           // time it may still take in this round; negative if it took more
  std::uint32_t unit_cost_ = 0;  // nanoseconds, as last measured; 0 if not known
  std::uint32_t span_ = 0;       // the number of the span in which it last ran
};

// Who has work, served by deficit round robin (Shreedhar and Varghese) with time for bytes: in each round a source may
// run for a quantum; what its last unit took beyond that is taken off its next rounds.  So sources get equal shares of
// time, not of units, and a flood at one holds up another by a quantum and one unit at most.
//
// The clock is read between spans of several units, by the caller.  In a span run units of sources that are known to be
// cheap, each charged what its units cost before; a source that is not known or not cheap has a span for each unit.
// When a span took much longer than its units should have, all sources that ran in it are unknown again.
//
// Thread:  loop.
// Cost:    a few ns per unit beside the unit; no allocation; bounded by the sources there are.
class WorkQueue {
 public:
  explicit WorkQueue(Duration quantum) noexcept : quantum_(quantum) {}
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;
  ~WorkQueue();

  // The source has work: queues it, unless it is queued already.
  void push(WorkSource& source) noexcept;
  void remove(WorkSource& source) noexcept;

  bool empty() const noexcept { return first_ == nullptr; }
  std::size_t size() const noexcept { return size_; }
  // Units run since the queue was made.
  std::uint64_t ran() const noexcept { return ran_; }

  // Runs one span: at most `units_max` units, fewer if the sources run dry or the next one wants a span of its own.
  // Returns how many.  What a unit throws passes through; it has run, and ends the span.  `before` is called with each
  // source before its unit.
  template <typename Before>
  std::size_t run(std::size_t units_max, Before&& before) {
    begin_span();
    while (units_in_span_ < units_max) {
      WorkSource* source = next_of_span();
      if (source == nullptr) break;
      before(*source);
      run_unit(*source);
    }
    return units_in_span_;
  }

  // The last span took so long.  To be called after each, also after an exception, before anything else runs.
  void measured(Duration span) noexcept;

 private:
  static constexpr std::uint32_t kCheapNanoseconds = 1000;
  static constexpr std::size_t kSpanUnitsMax = 32;
  // A round ends after so many units however cheap they are, also where time stands still.
  static constexpr int kRoundUnitsMax = 1024;
  // So that one long unit does not shut its source out for seconds.
  static constexpr int kDebtQuantaMax = 64;

  void begin_span() noexcept;
  WorkSource* next_of_span() noexcept;
  void run_unit(WorkSource& source);
  WorkSource& choose() noexcept;
  bool known_cheap(const WorkSource& source) const noexcept {
    return source.unit_cost_ != 0 && source.unit_cost_ <= kCheapNanoseconds && source.span_ != overrun_span_;
  }
  void charge(WorkSource& source, Duration time) noexcept;
  void link_back(WorkSource& source) noexcept;
  void unlink(WorkSource& source) noexcept;

  const Duration quantum_;
  WorkSource* first_ = nullptr;  // whose round it is
  WorkSource* last_ = nullptr;
  std::size_t size_ = 0;
  std::uint64_t ran_ = 0;
  WorkSource* running_ = nullptr;  // null again once it has been removed

  std::uint32_t span_ = 0;  // its number; 0 before the first
  std::uint32_t overrun_span_ = 0;
  std::size_t units_in_span_ = 0;
  Duration expected_{0};         // of this span, from what its units cost before
  bool cheap_span_ = false;      // made of units that are known to be cheap
  WorkSource* alone_ = nullptr;  // the only source of this span; null if there were several, or it has been removed
};

}  // namespace fluxor::runtime
