#include "runtime/inspect/inspection_text.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

TEST(InspectionText, IsAnIndentedTree) {
  const Instant taken = Instant(1h);
  Inspection inspection{.taken = taken, .verticles = {0, 3, 1, 0}, .restarts = 1, .crashes = 1};
  inspection.loops.push_back(
      {.id = 0, .parked = true, .stats = {.ring_capacity = 64, .timers_armed = 1}, .verticles = {0, 3, 0, 0}});
  inspection.loops.push_back({.id = 1,
                              .worker = true,
                              .stage = Stage::ready,
                              .handler = "Poll",
                              .stats = {.queue_length = 5, .ring_capacity = 64},
                              .verticles = {0, 0, 1, 0},
                              .unanswered = 1});
  inspection.root.verticle = {.id = VerticleId(1), .state = VerticleState::running, .answered = true};
  inspection.root.children_count = 2;
  InspectedNode& supervisor = inspection.root.children.emplace_back();
  supervisor.name = "prices";
  supervisor.supervisor = {.strategy = Strategy::one_for_all, .restarts = 4, .running = true};
  supervisor.children_count = 3;
  supervisor.children.push_back(
      {.name = "feed\nless",
       .restarts = 2,
       .last_exit = "crashed: disk on fire",
       .verticle = InspectedVerticle{.id = VerticleId(7),
                                     .loop = 0,
                                     .state = VerticleState::running,
                                     .answered = true,
                                     .tasks = {{.waits_for = "its scope",
                                                .tasks = {{.cancelled = true, .deadline = taken + 1500us}},
                                                .tasks_count = 3}},
                                     .tasks_count = 1,
                                     .timers = {{.due = taken + 20ms, .period = 1s, .skipped = 1}},
                                     .timers_count = 3,
                                     .resources = 2}});
  supervisor.children.push_back(
      {.name = "held",
       .verticle = InspectedVerticle{.id = VerticleId(8), .loop = 1, .state = VerticleState::stopping}});
  inspection.root.children.push_back(
      {.name = "again", .slot = SlotState::waiting, .restarts = 1, .last_exit = "crashed: no"});
  EXPECT_EQ(
      to_text(inspection),
      "1 restart, 1 crash, 0 abandoned; verticles: 3 running 1 stopping\n"
      "loop 0: sleeps; 0 wait, ring of 64, 1 timer, verticles: 3 running\n"
      "worker loop 1: in ready queue, runs Poll; 5 wait, ring of 64, 0 timers, verticles: 1 stopping; does not answer\n"
      "verticle 1, loop 0, running\n"
      "  supervisor \"prices\" one_for_all, up, 4 restarts below\n"
      "    verticle 7 \"feed\xEF\xBF\xBDless\", loop 0, running, 2 restarts, last crashed: disk on fire\n"
      "      task :0 () waits for its scope\n"
      "        task :0 () runs, cancelled, deadline in 1.500 ms\n"
      "        … and 2 more tasks\n"
      "      timer :0 () due in 20 ms, every 1000 ms, 1 skipped\n"
      "      … and 2 more timers\n"
      "      2 resources\n"
      "    verticle 8 \"held\", loop 1, stopping, its loop does not answer\n"
      "    … and 1 more child\n"
      "  verticle \"again\", waiting, 1 restart, last crashed: no\n");
}

}  // namespace
}  // namespace fluxor::runtime
