#include "runtime/inspect/inspection_json.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <source_location>
#include <string_view>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/inspect/inspection_words.h"

namespace fluxor::runtime {
namespace {

namespace json = boost::json;

std::int64_t microseconds(Duration duration) noexcept {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

json::object states_of(const std::array<std::size_t, 4>& counts) {
  json::object object;
  for (std::size_t state = 0; state < counts.size(); ++state) {
    object[verticle_state_name(static_cast<VerticleState>(state))] = counts[state];
  }
  return object;
}

class Writer {
 public:
  explicit Writer(const Inspection& inspection) noexcept : inspection_(inspection) {}

  json::object all() const {
    json::array loops;
    for (const InspectedLoop& each : inspection_.loops) loops.push_back(loop(each));
    return {{"complete", inspection_.complete},
            {"took_microseconds", microseconds(inspection_.took)},
            {"verticles", states_of(inspection_.verticles)},
            {"restarts", inspection_.restarts},
            {"crashes", inspection_.crashes},
            {"abandoned", inspection_.abandoned},
            {"loops", std::move(loops)},
            {"root", node(inspection_.root)}};
  }

 private:
  static json::object loop(const InspectedLoop& loop) {
    const EventLoopStats& stats = loop.stats;
    json::object object{
        {"id", loop.id},
        {"worker", loop.worker},
        {"parked", loop.parked},
        {"stage", stage_name(loop.stage)},
    };
    if (!loop.handler.empty()) object["handler"] = utf8_of(loop.handler);
    if (!loop.label.empty()) object["label"] = utf8_of(loop.label);
    object["unanswered"] = loop.unanswered;
    object["verticles"] = states_of(loop.verticles);
    object["abandoned"] = loop.abandoned;
    object["queue_length"] = stats.queue_length;
    object["ring_capacity"] = stats.ring_capacity;
    object["ring_refused_total"] = stats.ring_refused;
    object["ring_dropped_total"] = stats.ring_dropped;
    object["ring_waits_total"] = stats.ring_waits;
    object["timers_armed"] = stats.timers_armed;
    object["processed_total"] = stats.processed();
    object["failures_total"] = stats.failures;
    object["turns_total"] = stats.turns;
    object["parks_total"] = stats.parks;
    return object;
  }

  json::object node(const InspectedNode& node) const {
    json::object object{
        {"name", utf8_of(node.name)}, {"slot", slot_state_name(node.slot)}, {"restarts", node.restarts}};
    if (!node.last_exit.empty()) object["last_exit"] = utf8_of(node.last_exit);
    if (node.verticle) object["verticle"] = verticle(*node.verticle);
    if (node.supervisor) {
      object["supervisor"] = {{"strategy", strategy_name(node.supervisor->strategy)},
                              {"restarts", node.supervisor->restarts},
                              {"running", node.supervisor->running}};
    }
    if (node.children_count != 0) {
      json::array children;
      for (const InspectedNode& child : node.children) children.push_back(this->node(child));
      object["children_count"] = node.children_count;
      object["children"] = std::move(children);
    }
    return object;
  }

  json::object verticle(const InspectedVerticle& verticle) const {
    json::object object{{"id", static_cast<std::uint64_t>(verticle.id)},
                        {"loop", verticle.loop},
                        {"state", verticle_state_name(verticle.state)},
                        {"answered", verticle.answered}};
    if (!verticle.answered) return object;
    add_tasks(object, verticle.tasks, verticle.tasks_count);
    object["timers_count"] = verticle.timers_count;
    if (!verticle.timers.empty()) {
      json::array timers;
      for (const InspectedTimer& each : verticle.timers) timers.push_back(timer(each));
      object["timers"] = std::move(timers);
    }
    object["resources"] = verticle.resources;
    return object;
  }

  void add_tasks(json::object& object, const std::vector<InspectedTask>& tasks, std::size_t count) const {
    object["tasks_count"] = count;
    if (tasks.empty()) return;
    json::array array;
    for (const InspectedTask& each : tasks) array.push_back(task(each));
    object["tasks"] = std::move(array);
  }

  json::object task(const InspectedTask& task) const {
    json::object object = site(task.site);
    if (!task.role.empty()) object["role"] = task.role;
    if (task.waits_for != nullptr) object["waits_for"] = utf8_of(task.waits_for);
    if (task.cancelled) object["cancelled"] = true;
    if (task.deadline != kNever) object["deadline_in_microseconds"] = microseconds(task.deadline - inspection_.taken);
    if (task.tasks_count != 0) add_tasks(object, task.tasks, task.tasks_count);
    return object;
  }

  json::object timer(const InspectedTimer& timer) const {
    json::object object = site(timer.site);
    object["due_in_microseconds"] = microseconds(timer.due - inspection_.taken);
    if (timer.period > Duration::zero()) {
      object["period_microseconds"] = microseconds(timer.period);
      object["skipped_total"] = timer.skipped;
    }
    return object;
  }

  static json::object site(const std::source_location& site) {
    return {{"file", utf8_of(site.file_name())}, {"line", site.line()}, {"function", utf8_of(site.function_name())}};
  }

  const Inspection& inspection_;
};

}  // namespace

std::string to_json(const Inspection& inspection) { return json::serialize(Writer(inspection).all()); }

}  // namespace fluxor::runtime
