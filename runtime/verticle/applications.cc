#include "runtime/verticle/applications.h"

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <unordered_map>
#include <utility>

#include "runtime/loop/event_loop.h"
#include "runtime/task/cancelled.h"
#include "runtime/task/scope.h"
#include "runtime/task/shield.h"

namespace fluxor::runtime {
namespace {

// Longer than any application may take to stop: each has a bound of its own.
constexpr Duration kUndoPatience = Duration::max();

struct Plan {
  struct Node {
    ApplicationSpec spec;
    std::vector<std::size_t> needs;      // what it depends on
    std::vector<std::size_t> needed_by;  // what depends on it
    std::size_t missing = 0;             // of those it needs, not yet started
  };
  std::vector<Node> nodes;
  std::vector<DeploymentId> started;  // in order
};

// The way round, if the nodes that can be reached from `at` and are not `done` have one: "a -> b -> a".
bool find_cycle(const Plan& plan, std::size_t at, std::vector<char>& state, std::vector<std::size_t>& way) {
  constexpr char kOnTheWay = 1, kDone = 2;
  state[at] = kOnTheWay;
  way.push_back(at);
  for (const std::size_t next : plan.nodes[at].needs) {
    if (state[next] == kDone) continue;
    if (state[next] == kOnTheWay) {
      way.erase(way.begin(), std::find(way.begin(), way.end(), next));
      way.push_back(next);
      return true;
    }
    if (find_cycle(plan, next, state, way)) return true;
  }
  state[at] = kDone;
  way.pop_back();
  return false;
}

Plan make_plan(std::vector<ApplicationSpec> applications) {
  Plan plan;
  std::unordered_map<std::string, std::size_t> by_name;
  for (ApplicationSpec& spec : applications) {
    if (spec.name.empty()) throw ApplicationError("an application has no name");
    if (!by_name.emplace(spec.name, plan.nodes.size()).second) {
      throw ApplicationError("there are two applications called " + spec.name);
    }
    spec.options.name = spec.name;
    plan.nodes.push_back({.spec = std::move(spec), .needs = {}, .needed_by = {}});
  }
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    for (const std::string& name : plan.nodes[i].spec.depends_on) {
      const auto found = by_name.find(name);
      if (found == by_name.end()) {
        throw ApplicationError("application " + plan.nodes[i].spec.name + " depends on " + name + ", which is none");
      }
      plan.nodes[i].needs.push_back(found->second);
      plan.nodes[found->second].needed_by.push_back(i);
      ++plan.nodes[i].missing;
    }
  }
  std::vector<char> state(plan.nodes.size());
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    std::vector<std::size_t> way;
    if (state[i] != 0 || !find_cycle(plan, i, state, way)) continue;
    std::string text = "applications depend on each other in a cycle:";
    for (const std::size_t node : way)
      text += (node == way.front() && text.back() == ':' ? " " : " -> ") + plan.nodes[node].spec.name;
    throw ApplicationError(text);
  }
  return plan;
}

Task<> start_one(Context* root, Plan* plan, std::size_t index, Scope* scope) {
  Plan::Node& node = plan->nodes[index];
  const Result<DeploymentId> deployed = co_await root->deploy(node.spec.factory, node.spec.options);
  if (!deployed) throw boost::system::system_error(deployed.error(), "application " + node.spec.name);
  plan->started.push_back(*deployed);
  for (const std::size_t next : node.needed_by) {
    if (--plan->nodes[next].missing == 0) scope->spawn(start_one, root, plan, next, scope);
  }
}

Task<> stop_all(Context* root, const Plan* plan) {
  for (auto id = plan->started.rbegin(); id != plan->started.rend(); ++id) {
    try {
      static_cast<void>(co_await root->undeploy(*id));
    } catch (const Cancelled&) {
      throw;
    } catch (...) {
      // It failed to stop, and is gone; what failed first is what is thrown.
      root->loop().report(std::current_exception());
    }
  }
}

}  // namespace

Task<std::vector<DeploymentId>> start_applications(Context& root, std::vector<ApplicationSpec> applications) {
  Plan plan = make_plan(std::move(applications));
  std::exception_ptr failure;
  try {
    co_await with_scope([&](Scope& scope) -> Task<> {
      for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
        if (plan.nodes[i].needs.empty()) scope.spawn(start_one, &root, &plan, i, &scope);
      }
      co_return;
    });
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure == nullptr) co_return std::move(plan.started);
  co_await shield(kUndoPatience, stop_all, &root, &plan);
  std::rethrow_exception(failure);
}

}  // namespace fluxor::runtime
