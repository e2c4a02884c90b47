#pragma once

namespace fluxor::runtime {

// How a process ends.
enum class ExitCode : int {
  clean = 0,
  cannot_start = 1,  // one line on standard error says why
  left_behind = 2,   // something did not end in its time; the log names it
  gave_up = 3        // the root supervisor has given up, or the root verticle crashed; the log has the tree
};

}  // namespace fluxor::runtime
