#include "runtime/inspect/tree_reader.h"

#include <utility>

#include "runtime/loop/event_loop.h"
#include "runtime/task/scope_state.h"
#include "runtime/task/task_state.h"
#include "runtime/task/wait.h"
#include "runtime/verticle/incarnation.h"
#include "runtime/verticle/supervisor.h"
#include "runtime/verticle/verticle_child.h"
#include "runtime/verticle/verticle_timer.h"

namespace fluxor::runtime {
namespace {

// What is nested deeper, in the tree or in scopes, is counted and not listed: who reads it may use the stack.
constexpr std::size_t kDepthMax = 64;

// What is known of a verticle wherever one is.
InspectedVerticle verticle_of(const Incarnation& incarnation) {
  return {.id = incarnation.id(), .loop = incarnation.loop().id(), .state = incarnation.state()};
}

}  // namespace

TreeReader::TreeReader(Collection& collection) noexcept : collection_(collection), here_(EventLoop::current()) {}

Collection::Part TreeReader::read(const VerticleChild& root) {
  part_.items.emplace_back();
  read_child(0, root, 0);
  return std::move(part_);
}

Collection::Part TreeReader::read(const Incarnation& incarnation, std::size_t depth) {
  part_.items.emplace_back();
  read_incarnation(0, incarnation, depth);
  return std::move(part_);
}

bool TreeReader::may_list(std::size_t listed) noexcept {
  return listed < collection_.options().list_max && collection_.take_entry();
}

void TreeReader::read_child(std::size_t at, const VerticleChild& child, std::size_t depth) {
  const Incarnation* const incarnation = child.incarnation();
  if (incarnation == nullptr) return;
  part_.items[at].loop = &child.loop();
  if (&child.loop() == here_) return read_incarnation(at, *incarnation, depth);
  part_.items[at].node.verticle = verticle_of(*incarnation);
  part_.away.push_back({.at = at, .depth = depth, .incarnation = incarnation, .loop = &child.loop()});
}

void TreeReader::read_incarnation(std::size_t at, const Incarnation& incarnation, std::size_t depth) {
  InspectedVerticle verticle = verticle_of(incarnation);
  verticle.answered = true;
  verticle.tasks = tasks_of(incarnation.scope(), &incarnation, depth);
  verticle.tasks_count = incarnation.scope().size();
  verticle.timers = timers_of(incarnation);
  verticle.timers_count = incarnation.timers().size();
  verticle.resources = incarnation.resources();
  part_.items[at].node.verticle = std::move(verticle);
  if (const Supervisor* const children = incarnation.supervisor_if_any()) read_children(at, *children, depth);
}

void TreeReader::read_children(std::size_t at, const Supervisor& supervisor, std::size_t depth) {
  part_.items[at].node.children_count = supervisor.size();
  if (depth == kDepthMax) return;
  std::size_t listed = 0;
  for (const SupervisorSlot* slot = supervisor.first(); slot != nullptr && may_list(listed); slot = slot->next()) {
    read_slot(*slot, at, depth + 1);
    ++listed;
  }
}

void TreeReader::read_slot(const SupervisorSlot& slot, std::size_t parent, std::size_t depth) {
  const std::size_t at = part_.items.size();
  part_.items[parent].children.push_back(at);
  InspectedNode& node = part_.items.emplace_back().node;
  node.slot = slot.state();
  node.restarts = slot.restarts();
  if (slot.has_exited()) node.last_exit = slot.last_exit().text();
  if (slot.spec().supervisor == nullptr) {
    const auto& child = static_cast<const VerticleChild&>(slot.child());
    node.name = child.name();
    return read_child(at, child, depth);
  }
  const auto& supervisor = static_cast<const Supervisor&>(slot.child());
  node.name = supervisor.name();
  node.supervisor = {
      .strategy = supervisor.strategy(), .restarts = supervisor.restarts(), .running = supervisor.running()};
  read_children(at, supervisor, depth);
}

std::vector<InspectedTask> TreeReader::tasks_of(const ScopeState& scope, const Incarnation* whose, std::size_t depth) {
  std::vector<InspectedTask> tasks;
  if (depth == kDepthMax) return tasks;
  scope.each_task_while([&](const TaskState& task) {
    if (!may_list(tasks.size())) return false;
    InspectedTask& inspected = tasks.emplace_back(
        InspectedTask{.site = task.site(), .cancelled = task.cancelled(), .deadline = task.deadline()});
    if (whose != nullptr) inspected.role = whose->role_of(task);
    const Wait* const wait = task.waiting();
    if (wait == nullptr) return true;
    inspected.waits_for = wait->what();
    if (const ScopeState* const inner = wait->scope()) {
      inspected.tasks_count = inner->size();
      inspected.tasks = tasks_of(*inner, nullptr, depth + 1);
    }
    return true;
  });
  return tasks;
}

std::vector<InspectedTimer> TreeReader::timers_of(const Incarnation& incarnation) {
  std::vector<InspectedTimer> timers;
  incarnation.timers().each_while([&](const VerticleTimer& timer) {
    if (!may_list(timers.size())) return false;
    timers.push_back({.site = timer.site(), .due = timer.due(), .period = timer.period(), .skipped = timer.skipped()});
    return true;
  });
  return timers;
}

}  // namespace fluxor::runtime
