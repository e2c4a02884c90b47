#pragma once

#include "runtime/ring/event.h"
#include "runtime/ring/ring_buffer.h"

namespace fluxor::runtime {

class EventLoop;

// What can go wrong at a loop's inbox, made to happen: a simulation implements it (//runtime/testing), production has
// none.
//
// Thread:  the posting one, but for before_event(): loop.
class LoopFaults {
 public:
  // A post to `loop` finds the ring full.
  virtual bool refuses_post(const EventLoop& loop) noexcept = 0;
  // The producer is suspended between claim and publish.  Takes the claim, to publish it later, or leaves it.
  virtual void may_hold(const EventLoop& loop, RingBuffer<Event>::Claim& claim) noexcept = 0;
  // Called before each event of the ring; what it throws, the event throws, without having run.
  virtual void before_event(const EventLoop& loop) = 0;

 protected:
  ~LoopFaults() = default;
};

}  // namespace fluxor::runtime
