#pragma once

#include <cstddef>
#include <vector>

#include "runtime/inspect/collection.h"
#include "runtime/inspect/inspection.h"

namespace fluxor::runtime {

class EventLoop;
class Incarnation;
class ScopeState;
class Supervisor;
class SupervisorSlot;
class VerticleChild;

// Reads what lives on one loop of the tree of verticles, in one unit of it.  Inside runtime/inspect only.
//
// Thread:  loop.
class TreeReader {
 public:
  explicit TreeReader(Collection& collection) noexcept;

  // From the root on; its home is this loop.
  Collection::Part read(const VerticleChild& root);
  // Of a verticle of this loop, so many verticles and supervisors below the root.
  Collection::Part read(const Incarnation& incarnation, std::size_t depth);

 private:
  void read_child(std::size_t at, const VerticleChild& child, std::size_t depth);
  void read_incarnation(std::size_t at, const Incarnation& incarnation, std::size_t depth);
  void read_slot(const SupervisorSlot& slot, std::size_t parent, std::size_t depth);
  void read_children(std::size_t at, const Supervisor& supervisor, std::size_t depth);
  std::vector<InspectedTask> tasks_of(const ScopeState& scope, const Incarnation* whose, std::size_t depth);
  std::vector<InspectedTimer> timers_of(const Incarnation& incarnation);
  bool may_list(std::size_t listed) noexcept;

  Collection& collection_;
  const EventLoop* const here_;
  Collection::Part part_;
};

}  // namespace fluxor::runtime
