#pragma once

#include <thread>

#include "runtime/base/check.h"

namespace fluxor::runtime {

// Remembers the thread an object of a loop belongs to: the one that calls check() first.
//
// Checked in debug and test builds; in release builds check() is empty.
class LoopAffinity {
 public:
  void check() const noexcept {
#ifndef NDEBUG
    if (home_ == std::thread::id()) home_ = std::this_thread::get_id();
    FLUXOR_CHECK(home_ == std::this_thread::get_id(), "an object of a loop is used on its own loop only");
#endif
  }

  // Gives the object to whichever thread calls check() next.  Thread: owner, with the hand-over synchronised by it.
  void release() noexcept { home_ = {}; }

 private:
  mutable std::thread::id home_;
};

}  // namespace fluxor::runtime
