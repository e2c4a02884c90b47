#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/task/task.h"
#include "runtime/verticle/context.h"
#include "runtime/verticle/deployment_options.h"

namespace fluxor::runtime {

// A part of a process that others build on: a verticle whose start() deploys what it consists of.
struct ApplicationSpec {
  std::string name;
  std::vector<std::string> depends_on{};  // by name; they have started before, and stop after
  VerticleFactory factory{};
  DeploymentOptions options{};  // its name is that of the application
};

// What is wrong with a set of applications, in a sentence that names them.
class ApplicationError final : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

// Deploys applications below `root`: each as soon as all it depends on have started, so those that do not depend on
// each other start side by side.  When the root ends they stop one by one, in the reverse order.  When one fails to
// start, those that have started are stopped in that order, too.
//
//     co_await start_applications(context, {
//         {.name = "store", .factory = …},
//         {.name = "web", .depends_on = {"store"}, .factory = …},
//     });
//
// Thread:  loop of `root`, which outlives it.
// Errors:  ApplicationError before anything is started: a cycle (named), a dependency that is none of them, a name
// given
//          twice, none at all.  What a start() throws, as it was thrown; system_error for what deploy() answers.
Task<std::vector<DeploymentId>> start_applications(Context& root, std::vector<ApplicationSpec> applications);

}  // namespace fluxor::runtime
