#include "runtime/verticle/root.h"

#include <utility>

#include "runtime/loop/event_loop.h"

namespace fluxor::runtime {

Root::Root(VerticleSystem& system, EventLoop& loop, VerticleFactory main, Duration shutdown, Callbacks callbacks)
    : system_(system),
      loop_(loop),
      shutdown_(shutdown),
      callbacks_(std::move(callbacks)),
      child_(system, std::make_shared<const ChildSpec>(ChildSpec{.factory = std::move(main)}), "", loop, loop,
             nullptr) {}

void Root::on_stop() {
  if (std::exchange(stopping_, true)) return;
  loop_.arm_after(patience_, shutdown_);
  child_.stop();
}

void Root::time_is_over() {
  if (!std::exchange(killed_, true)) {
    loop_.arm_after(patience_, system_.options().kill_grace);
    child_.kill();
    return;
  }
  child_.abandon();
  on_child_exited(child_, {.kind = ExitKind::abandoned});
}

void Root::on_child_started(SupervisedChild&) {
  if (callbacks_.started) callbacks_.started();
}

void Root::on_child_exited(SupervisedChild&, const ExitReason& reason) {
  loop_.cancel(patience_);
  if (callbacks_.exited) callbacks_.exited(reason);
}

}  // namespace fluxor::runtime
