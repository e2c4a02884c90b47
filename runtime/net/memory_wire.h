#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/loop/loop_affinity.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/network_model.h"

namespace fluxor::runtime {

class MemoryAcceptor;
class MemoryEnd;

// What a MemoryNetwork is inside: everything on its way, who is there to get it, and what listens.
//
// Ends are known by number, never by address: one that has gone cannot be mistaken for another, and what arrives for it
// is answered as a kernel would, with a reset.  No order depends on where an object lies in memory.
//
// Thread:  the network's.
// Owns:    what is on its way.  Ends and acceptors belong to their sockets and enter themselves here.
class MemoryWire {
 public:
  using EndId = std::uint64_t;  // 0: none

  enum class Kind : std::uint8_t {
    connect,    // to what listens; `from` wants to be connected
    connected,  // the answer: `from` is the new end at the other side
    refused,
    bytes,
    end,
    reset,
  };
  struct Arrival {
    Kind kind;
    EndId from;
    EndId to;  // 0: to what listens
    std::string bytes;
  };

  MemoryWire(const Clock& clock, NetworkModel& model, std::size_t buffer_bytes)
      : clock_(clock), model_(model), buffer_bytes_(buffer_bytes) {}
  MemoryWire(const MemoryWire&) = delete;
  MemoryWire& operator=(const MemoryWire&) = delete;
  ~MemoryWire();

  NetworkModel& model() noexcept { return model_; }
  std::size_t buffer_bytes() const noexcept { return buffer_bytes_; }
  const LoopAffinity& affinity() const noexcept { return affinity_; }

  // Users are what must be gone before the wire is: ends, acceptors, pollers.
  EndId enter(MemoryEnd& end);
  void leave(EndId id) noexcept;
  void enter_poller() noexcept { ++pollers_; }
  void leave_poller() noexcept { --pollers_; }
  // Null if it has gone.
  MemoryEnd* find(EndId id) const noexcept;

  void enter(MemoryAcceptor& acceptor) { acceptors_.push_back(&acceptor); }
  void leave(const MemoryAcceptor& acceptor) noexcept { std::erase(acceptors_, &acceptor); }
  // What listens at exactly this endpoint; null if nothing does.
  MemoryAcceptor* find(const Endpoint& endpoint) const noexcept;
  // A port of this host at which nothing listens and that no end has been given lately.
  Endpoint with_free_port(const Endpoint& host) noexcept;

  // Lets it arrive after the model's delay, and never before what was sent to the same end earlier.
  void send(Kind kind, EndId from, EndId to, std::string_view bytes = {});
  // A wish to connect; the model may have it lost or cut.
  void send_connect(MemoryEnd& from);
  // The model's will for a connection; false if what was to be sent does not leave.
  bool may_leave(MemoryEnd& from);

  // Takes in what has arrived by now.
  void deliver_due();
  Instant next_due() const noexcept { return on_the_way_.empty() ? kNever : on_the_way_.begin()->first.first; }

  void cut(const Endpoint& a, const Endpoint& b);
  void lose(const Endpoint& a, const Endpoint& b);
  void partition(const Endpoint& from, const Endpoint& to);
  void heal(const Endpoint& from, const Endpoint& to);

 private:
  struct Direction {
    Endpoint from;
    Endpoint to;
    bool operator==(const Direction&) const = default;
    bool covers(const Direction& other) const noexcept;
  };

  // When what is sent now leaves: what answers an arrival by itself does so at its moment, also if nobody looked then.
  Instant now() const noexcept { return moment_.value_or(clock_.now()); }
  Direction direction_of(const Arrival& arrival) const;
  void schedule(Instant due, Arrival arrival);
  bool held(const Arrival& arrival) const;
  bool lost(const Arrival& arrival) const noexcept;
  void deliver(Arrival& arrival);
  void deliver_connect(EndId from);
  MemoryAcceptor* listening_for(const Endpoint& endpoint) const noexcept;
  void cut(MemoryEnd& end);
  void lose(MemoryEnd& end);
  std::vector<EndId> between(const Endpoint& a, const Endpoint& b) const;

  const Clock& clock_;
  NetworkModel& model_;
  const std::size_t buffer_bytes_;
  LoopAffinity affinity_;
  std::map<std::pair<Instant, std::uint64_t>, Arrival> on_the_way_;  // by moment, then by order of sending
  std::uint64_t next_order_ = 0;
  std::optional<Instant> moment_;  // of the arrival that is being delivered
  std::vector<Arrival> held_;      // by a partition, in order
  std::vector<Direction> partitions_;
  std::map<EndId, MemoryEnd*> ends_;
  EndId next_end_ = 1;
  std::vector<MemoryAcceptor*> acceptors_;
  std::size_t pollers_ = 0;
  std::uint16_t last_port_ = 0;
};

}  // namespace fluxor::runtime
