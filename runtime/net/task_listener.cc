#include "runtime/net/task_listener.h"

#include "runtime/base/check.h"

namespace fluxor::runtime {

Result<std::unique_ptr<TaskListener>> TaskListener::listen(Poller& poller, const ListeningSocket& socket) {
  std::unique_ptr<TaskListener> made(new TaskListener);
  auto listener = poller.listen(socket, *made);
  if (!listener) return listener.error();
  made->listener_ = std::move(*listener);
  made->listener_->pause();
  return made;
}

TaskListener::~TaskListener() { FLUXOR_CHECK(acceptor_ == nullptr, "who accepts goes before the listener"); }

void TaskListener::on_accept(Socket connection) {
  FLUXOR_CHECK(acceptor_ != nullptr, "nothing is accepted while nobody asks");
  Accept& acceptor = *std::exchange(acceptor_, nullptr);
  acceptor.result_ = std::move(connection);
  // At once: who accepts on finds the listener as it was, and costs no system call.
  const DestructionMark::Watch watch(mark_);
  acceptor.resume_now();
  if (!watch.destroyed() && acceptor_ == nullptr) listener_->pause();
}

void TaskListener::on_accept_failed(error_code reason) {
  if (acceptor_ == nullptr) return;
  Accept& acceptor = *std::exchange(acceptor_, nullptr);
  acceptor.result_ = reason;
  acceptor.wake();
}

void TaskListener::Accept::begin() {
  FLUXOR_CHECK(listener_.acceptor_ == nullptr, "one task at a time accepts");
  begun_ = true;
  listener_.acceptor_ = this;
  listener_.listener_->resume();
}

Wait::Ends TaskListener::Accept::on_cancel() noexcept {
  listener_.acceptor_ = nullptr;
  listener_.listener_->pause();
  return Ends::yes;
}

}  // namespace fluxor::runtime
