#pragma once

#include <any>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "runtime/base/clock.h"
#include "runtime/verticle/backoff.h"
#include "runtime/verticle/verticle.h"

namespace fluxor::runtime {

// Of one incarnation of a verticle: never used again.
enum class VerticleId : std::uint64_t {};
// Of what one deploy() has made, through all restarts.
enum class DeploymentId : std::uint64_t {};

using VerticleFactory = std::function<std::unique_ptr<Verticle>()>;

// When a child is started again after it has ended, as in OTP.
enum class Restart : std::uint8_t {
  permanent,  // always
  transient,  // if it ended abnormally
  temporary   // never, also not because of a sibling
};

struct DeploymentOptions {
  // What it is called, in reports and in the registry of names; with several instances "name#0", "name#1", …
  // Empty: it has no name to be found by.
  std::string name{};
  std::size_t instances = 1;
  // Where: each loop in turn, or, unless it is empty, the loop of this key, the same for the same key …
  std::string loop_key{};
  // … or one of those for code that blocks, which holds nobody up but others of its kind.
  bool worker = false;
  // Handed to each incarnation; see make_config().
  std::shared_ptr<const std::any> config{};
  Restart restart = Restart::permanent;
  // How long it may take to stop; then it is cancelled, and abandoned if it does not end even so.
  Duration shutdown = std::chrono::seconds(5);
  // For Supervisor: its end counts for AutoShutdown.
  bool significant = false;
};

template <typename T>
std::shared_ptr<const std::any> make_config(T value) {
  return std::make_shared<const std::any>(std::move(value));
}

}  // namespace fluxor::runtime
