#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/loop/loop_activity.h"
#include "runtime/loop/loop_stats.h"
#include "runtime/verticle/deployment_options.h"
#include "runtime/verticle/directory.h"
#include "runtime/verticle/supervisor.h"
#include "runtime/verticle/supervisor_spec.h"

namespace fluxor::runtime {

// What inspect() answers: plain data, which refers to nothing but literals of the program.
//
// Lists are cut where they get long; a `…_count` beside a list always says how many there are.

struct InspectedTask {
  std::source_location site{};  // where it was spawned
  // What it waits for: a literal; null while it runs, or is about to.
  const char* waits_for = nullptr;
  std::string_view role{};  // "start()", "stop()": what a verticle itself began
  bool cancelled = false;
  Instant deadline = kNever;
  // In the scope that it waits in, if it does.
  std::vector<InspectedTask> tasks{};
  std::size_t tasks_count = 0;
};

struct InspectedTimer {
  std::source_location site{};
  Instant due{};
  Duration period{0};         // zero: it fires once
  std::uint64_t skipped = 0;  // ticks left out
};

// The incarnation that runs.
struct InspectedVerticle {
  VerticleId id{};
  std::size_t loop = 0;  // EventLoop::id()
  VerticleState state = VerticleState::starting;
  // Whether its loop has told what follows.  If not, it is held by something: see InspectedLoop.
  bool answered = false;
  std::vector<InspectedTask> tasks{};
  std::size_t tasks_count = 0;  // without those in scopes of tasks
  std::vector<InspectedTimer> timers{};
  std::size_t timers_count = 0;
  std::size_t resources = 0;
};

struct InspectedSupervisor {
  Strategy strategy = Strategy::one_for_one;
  std::uint64_t restarts = 0;  // of all its children
  bool running = false;
};

// A place in the tree: a verticle, through all restarts, or a supervisor.
struct InspectedNode {
  std::string name{};
  SlotState slot = SlotState::up;  // as its supervisor sees it
  std::uint64_t restarts = 0;
  std::string last_exit{};  // empty if it has not ended yet
  std::optional<InspectedVerticle> verticle{};
  std::optional<InspectedSupervisor> supervisor{};
  std::vector<InspectedNode> children{};
  std::size_t children_count = 0;
};

struct InspectedLoop {
  std::size_t id = 0;
  bool worker = false;
  bool parked = false;
  // What it does now.
  Stage stage = Stage::idle;
  std::string handler{};  // its type; empty if the stage does not know it
  std::string label{};
  EventLoopStats stats{};
  std::array<std::size_t, 4> verticles{};  // by VerticleState; `ended` left out
  std::size_t abandoned = 0;               // verticles that still hold it, although nobody waits for them any more
  std::size_t unanswered = 0;              // verticles of the tree that it has not told of in time
};

struct Inspection {
  Instant taken{};
  Duration took{0};
  std::vector<InspectedLoop> loops{};
  std::array<std::size_t, 4> verticles{};  // of all loops
  std::uint64_t restarts = 0;
  std::uint64_t crashes = 0;
  std::uint64_t abandoned = 0;
  // Whether every loop that was asked has answered in time.
  bool complete = false;
  InspectedNode root{};
};

}  // namespace fluxor::runtime
