#pragma once

#include "runtime/task/task.h"

namespace fluxor::runtime {

class Context;

// The unit of deployment: what lives on one loop, and so runs one thing at a time.
//
//     class PriceVerticle final : public Verticle {
//       Task<> start(Context& context) override {
//         context.spawn(&PriceVerticle::poll, this);   // ends with the verticle, and crashes it if it throws
//         co_return;
//       }
//     };
//
// An exception out of start() fails the deployment; out of a task, a timer or a message handler it crashes this
// instance: then stop() is not called, and a supervisor decides what follows.  Whatever was begun through the context
// is over before the verticle is destroyed.
//
// Thread:  made by the factory on the loop of who deploys it; from start() on, and destroyed, on its own loop.
class Verticle {
 public:
  Verticle() = default;
  Verticle(const Verticle&) = delete;
  Verticle& operator=(const Verticle&) = delete;
  virtual ~Verticle() = default;

  // The verticle is deployed when this returns.  `context` is valid until the verticle is destroyed.
  virtual Task<> start(Context& context) = 0;
  // After its children have stopped, before its tasks are told to stop.  Not called if start() failed, or after a
  // crash.
  virtual Task<> stop() { co_return; }
};

}  // namespace fluxor::runtime
