#pragma once

#include <cstddef>

#include "runtime/base/clock.h"
#include "runtime/net/endpoint.h"

namespace fluxor::runtime {

// What a MemoryNetwork does to what is sent over it.  This one does nothing to it: all arrives whole and at once.
// Derive from it to have delays, odd pieces and faults; draw them from a seed, and a run can be repeated.
//
// Thread:  the network's.
class NetworkModel {
 public:
  virtual ~NetworkModel() = default;

  // How long something sent now is on its way: bytes, an end, a reset, a request to connect or its answer.  Nothing
  // overtakes what was sent before it in the same direction of the same connection.
  virtual Duration delay(const Endpoint& from, const Endpoint& to) {
    static_cast<void>(from);
    static_cast<void>(to);
    return Duration::zero();
  }

  // How many of the `offered` bytes travel together, and arrive at one time: 1 to `offered`.  Asked again for the rest.
  virtual std::size_t piece(std::size_t offered) { return offered; }

  // What becomes of the connection with this sending (a write, or the wish to connect).
  enum class Fate {
    arrives,
    cut,   // as MemoryNetwork::cut()
    lost,  // as MemoryNetwork::lose()
  };
  virtual Fate fate(const Endpoint& from, const Endpoint& to) {
    static_cast<void>(from);
    static_cast<void>(to);
    return Fate::arrives;
  }
};

}  // namespace fluxor::runtime
