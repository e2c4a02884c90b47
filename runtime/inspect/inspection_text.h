#pragma once

#include <string>

#include "runtime/inspect/inspection.h"

namespace fluxor::runtime {

// The same for people: loops, then the tree, indented, a line for each entry; for the report of a process that ends.
// What would break a line, or is no UTF-8, becomes U+FFFD.
//
//     loop 1: in ready queue, runs shop::poll; 5 wait, ring of 4096, 1 timer, verticles: 3 running; does not answer
//     supervisor "prices" one_for_one, up, 3 restarts below
//       verticle 7 "feed", loop 1, running, 3 restarts, last crashed: disk on fire
//         task feed.cc:12 (poll) waits for a timer
//       … and 1 more child
//
// Thread:  any.
std::string to_text(const Inspection& inspection);

}  // namespace fluxor::runtime
