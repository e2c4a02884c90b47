#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/verticle/backoff.h"
#include "runtime/verticle/deployment_options.h"
#include "runtime/verticle/restart_intensity.h"

namespace fluxor::runtime {

// Who else is started anew when a child has failed, as in OTP.
enum class Strategy : std::uint8_t {
  one_for_one,   // nobody
  one_for_all,   // everybody
  rest_for_one,  // those that were started after it
  dynamic        // nobody; children come and go at run time and have no order
};

// When the end of significant children ends their supervisor, too.
enum class AutoShutdown : std::uint8_t {
  never,
  any_significant,  // the first of them
  all_significant   // the last of them
};

struct SupervisorSpec;

// A child of a supervisor: a verticle, or a supervisor of its own.
struct ChildSpec {
  DeploymentOptions options{};
  VerticleFactory factory{};
  std::shared_ptr<const SupervisorSpec> supervisor{};  // instead of a factory
};

struct SupervisorSpec {
  std::string name{};
  Strategy strategy = Strategy::one_for_one;
  // With more restarts than this it gives up: it stops its children and fails upward.
  IntensityOptions intensity{};
  AutoShutdown auto_shutdown = AutoShutdown::never;
  // Waits before a restart; without, each is at once.
  std::optional<BackoffOptions> backoff{};
  // In the order in which they start; they stop in the reverse one.
  std::vector<ChildSpec> children{};
  // As a child itself.
  Restart restart = Restart::permanent;
  bool significant = false;

  // Fluent, for code that reads like the tree it makes.
  template <typename V, typename... Args>
  SupervisorSpec& child(DeploymentOptions options, Args... args) {
    children.push_back({.options = std::move(options), .factory = [args...] { return std::make_unique<V>(args...); }});
    return *this;
  }
  SupervisorSpec& child(SupervisorSpec spec) {
    DeploymentOptions options;
    options.name = spec.name;
    options.restart = spec.restart;
    options.significant = spec.significant;
    options.shutdown = Duration::max();  // its children have bounds of their own
    children.push_back(
        {.options = std::move(options), .supervisor = std::make_shared<const SupervisorSpec>(std::move(spec))});
    return *this;
  }
};

}  // namespace fluxor::runtime
