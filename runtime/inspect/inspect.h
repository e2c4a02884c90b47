#pragma once

#include <chrono>
#include <cstddef>

#include "runtime/base/clock.h"
#include "runtime/inspect/inspection.h"
#include "runtime/task/task.h"
#include "runtime/verticle/root.h"

namespace fluxor::runtime {

struct InspectOptions {
  // After this the answer is what has been heard by then.
  Duration timeout = std::chrono::milliseconds(100);
  // Verticles, supervisors, tasks and timers in all; what is beyond is only counted.  At most kEntriesMost.
  std::size_t entries_max = 1000;
  // Of one list: the children of one verticle or supervisor, its tasks, its timers.
  std::size_t list_max = 100;

  static constexpr std::size_t kEntriesMost = 4000;
};

// The tree below `root` as it is now: who runs, in which state, what its tasks wait for; and what the loops do.
//
// Each part of the tree is read by the loop that it lives on, top down.  It is no snapshot: parts are of different
// moments, a few microseconds apart.  A loop that is held does not answer in time; its verticles are listed with what
// is known without it, and `answered` false.
//
// Thread:  inspect(): any loop, as a task of it.  inspect_from_thread(): any thread but a loop's; it waits for real
//          time.
// Owns:    `root` outlives it, and what it may have left on its way when it timed out: one run of the control lane of
//          the loop of the root.
// Errors:  inspect(): Cancelled.
// Cost:    bounded by entries_max, however many verticles there are: about 0.2 µs for each entry, more where an
// exception
//          is to be put into words (last_exit); and one signal for each verticle listed that lives on another loop than
//          the one above it.
Task<Inspection> inspect(const Root& root, InspectOptions options = {});
Inspection inspect_from_thread(const Root& root, const InspectOptions& options = {});

}  // namespace fluxor::runtime
