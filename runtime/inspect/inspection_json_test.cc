#include "runtime/inspect/inspection_json.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <string>

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

Inspection example() {
  const Instant taken = Instant(1h);
  Inspection inspection{
      .taken = taken, .took = 2ms, .verticles = {0, 2, 1, 0}, .restarts = 3, .crashes = 2, .complete = true};
  inspection.loops.push_back({.id = 4,
                              .parked = true,
                              .stage = Stage::ready,
                              .handler = "fluxor::Some<\"type\">",
                              .stats = {.ring_events = 5, .queue_length = 6, .ring_capacity = 64, .timers_armed = 7},
                              .verticles = {0, 2, 1, 0}});
  inspection.root.verticle = {.id = VerticleId(1),
                              .loop = 4,
                              .state = VerticleState::running,
                              .answered = true,
                              .tasks = {{.waits_for = "its scope",
                                         .role = "start()",
                                         .deadline = taken + 5ms,
                                         .tasks = {{.cancelled = true}},
                                         .tasks_count = 9}},
                              .tasks_count = 1,
                              .timers = {{.due = taken - 1us, .period = 1s, .skipped = 2}, {.due = taken + 3s}},
                              .timers_count = 2,
                              .resources = 3};
  inspection.root.children_count = 12;
  inspection.root.children.push_back(
      {.name = "held",
       .slot = SlotState::stopping,
       .restarts = 1,
       .last_exit = "crashed: a\n\"b\"\\",
       .verticle = InspectedVerticle{.id = VerticleId(2), .state = VerticleState::stopping}});
  inspection.root.children.push_back(
      {.name = "s", .supervisor = InspectedSupervisor{.strategy = Strategy::dynamic, .restarts = 8, .running = true}});
  return inspection;
}

TEST(InspectionJson, SaysAllOfIt) {
  const json::value expected = json::parse(R"JSON({
    "complete": true, "took_microseconds": 2000, "restarts": 3, "crashes": 2, "abandoned": 0,
    "verticles": {"starting": 0, "running": 2, "stopping": 1, "failing": 0},
    "loops": [{
      "id": 4, "worker": false, "parked": true, "stage": "ready queue", "handler": "fluxor::Some<\"type\">",
      "unanswered": 0, "verticles": {"starting": 0, "running": 2, "stopping": 1, "failing": 0}, "abandoned": 0,
      "queue_length": 6, "ring_capacity": 64, "ring_refused_total": 0, "ring_dropped_total": 0, "ring_waits_total": 0,
      "timers_armed": 7, "processed_total": 5, "failures_total": 0, "turns_total": 0, "parks_total": 0
    }],
    "root": {
      "name": "", "slot": "up", "restarts": 0,
      "verticle": {
        "id": 1, "loop": 4, "state": "running", "answered": true, "tasks_count": 1, "timers_count": 2, "resources": 3,
        "tasks": [{
          "file": "", "line": 0, "function": "", "role": "start()", "waits_for": "its scope",
          "deadline_in_microseconds": 5000, "tasks_count": 9,
          "tasks": [{"file": "", "line": 0, "function": "", "cancelled": true}]
        }],
        "timers": [
          {"file": "", "line": 0, "function": "", "due_in_microseconds": -1, "period_microseconds": 1000000,
           "skipped_total": 2},
          {"file": "", "line": 0, "function": "", "due_in_microseconds": 3000000}
        ]
      },
      "children_count": 12,
      "children": [
        {"name": "held", "slot": "stopping", "restarts": 1, "last_exit": "crashed: a\n\"b\"\\",
         "verticle": {"id": 2, "loop": 0, "state": "stopping", "answered": false}},
        {"name": "s", "slot": "up", "restarts": 0,
         "supervisor": {"strategy": "dynamic", "restarts": 8, "running": true}}
      ]
    }
  })JSON");
  EXPECT_EQ(json::parse(to_json(example())), expected) << to_json(example());
}

TEST(InspectionJson, IsValidWhateverNamesAreMadeOf) {
  const auto name_of = [](std::string name) {
    Inspection inspection;
    inspection.root.name = std::move(name);
    return std::string(json::parse(to_json(inspection)).at("root").at("name").as_string());
  };
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(name_of("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"), "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
  EXPECT_EQ(name_of(std::string("a\0b\x1F", 4)), std::string("a\0b\x1F", 4));
  EXPECT_EQ(name_of("a\xFFz"), "a" + bad + "z");
  EXPECT_EQ(name_of("\xE2\x82"), bad + bad) << "cut short";
  EXPECT_EQ(name_of("\xC0\xAF"), bad + bad) << "overlong";
  EXPECT_EQ(name_of("\xE0\x9F\xBF"), bad + bad + bad) << "overlong";
  EXPECT_EQ(name_of("\xED\xA0\x80"), bad + bad + bad) << "a surrogate";
  EXPECT_EQ(name_of("\xF4\x90\x80\x80"), bad + bad + bad + bad) << "beyond Unicode";
  EXPECT_EQ(name_of("\xF0\x8F\xBF\xBF"), bad + bad + bad + bad) << "overlong";
  EXPECT_EQ(name_of("\xC3(\x80"), bad + "(" + bad);
}

}  // namespace
}  // namespace fluxor::runtime
