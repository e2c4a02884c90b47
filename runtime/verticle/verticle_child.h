#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "runtime/verticle/incarnation.h"
#include "runtime/verticle/supervised_child.h"
#include "runtime/verticle/supervisor_spec.h"

namespace fluxor::runtime {

class EventLoop;
class VerticleSystem;

// A verticle as the child of a supervisor: one incarnation after another, all on the same loop.
//
// Thread:  the loop of its supervisor, "home".
class VerticleChild final : public SupervisedChild, private IncarnationOwner {
 public:
  // `first` is the verticle to begin with; null: the factory makes it when it starts.
  // `index`: which of the instances of the spec it is.
  VerticleChild(VerticleSystem& system, std::shared_ptr<const ChildSpec> spec, std::size_t index, EventLoop& loop,
                EventLoop& home, std::unique_ptr<Verticle> first) noexcept;

  [[nodiscard]] std::optional<ExitReason> start(ChildListener& listener) override;
  void stop() override;
  void kill() override;
  // Nobody waits for it any more: on_child_exited() does not come; it cleans up behind itself if it ever ends.
  void abandon();

  EventLoop& loop() const noexcept { return loop_; }
  // With several instances "name#0", "name#1", …; empty if the spec has none.
  std::string name() const;
  // Null unless it runs, or is about to.
  const Incarnation* incarnation() const noexcept { return incarnation_; }

 private:
  void on_started() override { listener_->on_child_started(*this); }
  void on_ending() override { listener_->on_child_ending(*this); }
  void on_exited(const ExitReason& reason) override;

  VerticleSystem& system_;
  const std::shared_ptr<const ChildSpec> spec_;
  const std::size_t index_;
  EventLoop& loop_;
  EventLoop& home_;
  std::unique_ptr<Verticle> first_;
  ChildListener* listener_ = nullptr;
  Incarnation* incarnation_ = nullptr;  // owns itself
};

}  // namespace fluxor::runtime
