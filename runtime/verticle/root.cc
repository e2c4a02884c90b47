#include "runtime/verticle/root.h"

#include <utility>

#include "runtime/loop/event_loop.h"

namespace fluxor::runtime {

Root::Root(VerticleSystem& system, EventLoop& loop, VerticleFactory main, Duration shutdown, Callbacks callbacks)
    : system_(system),
      loop_(loop),
      shutdown_(shutdown),
      callbacks_(std::move(callbacks)),
      child_(system, std::make_shared<const ChildSpec>(ChildSpec{.factory = std::move(main)}), 0, loop, loop, nullptr) {
}

void Root::on_begin() {
  if (const auto refusal = child_.start(*this)) on_child_exited(child_, *refusal);
}

void Root::on_stop() {
  if (std::exchange(stopping_, true) || ended_) return;
  loop_.arm_after(patience_, shutdown_);
  child_.stop();
}

void Root::on_kill() {
  if (ended_ || killed_) return;
  stopping_ = true;
  time_is_over();
}

void Root::time_is_over() {
  if (!std::exchange(killed_, true)) {
    // Twice, so that those below are abandoned one by one, each with its name, before all of them are.
    loop_.arm_after(patience_, system_.options().kill_grace * 2);
    child_.kill();
    return;
  }
  child_.abandon();
  on_child_exited(child_, {.kind = ExitKind::abandoned});
}

void Root::on_child_started(SupervisedChild&) {
  if (callbacks_.started) callbacks_.started();
}

void Root::on_child_ending(SupervisedChild&) {
  if (!stopping_) loop_.arm_after(patience_, shutdown_);
}

void Root::on_child_exited(SupervisedChild&, const ExitReason& reason) {
  ended_ = true;
  loop_.cancel(patience_);
  if (callbacks_.exited) callbacks_.exited(reason);
}

}  // namespace fluxor::runtime
