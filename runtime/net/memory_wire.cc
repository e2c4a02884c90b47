#include "runtime/net/memory_wire.h"

#include <algorithm>
#include <cerrno>
#include <memory>

#include "runtime/base/check.h"
#include "runtime/net/memory_socket.h"

namespace fluxor::runtime {
namespace {

constexpr std::uint16_t kFirstFreePort = 49152;  // RFC 6335: from here on they are for whoever needs one

// `pattern` with port 0 stands for every port.
bool matches(const Endpoint& pattern, const Endpoint& endpoint) noexcept {
  return pattern.same_host(endpoint) && (pattern.port() == 0 || pattern.port() == endpoint.port());
}

}  // namespace

bool MemoryWire::Direction::covers(const Direction& other) const noexcept {
  return matches(from, other.from) && matches(to, other.to);
}

MemoryWire::~MemoryWire() {
  FLUXOR_CHECK(ends_.empty() && acceptors_.empty() && pollers_ == 0, "a network outlives what it made");
}

MemoryWire::EndId MemoryWire::enter(MemoryEnd& end) {
  ends_.emplace(next_end_, &end);
  return next_end_++;
}

void MemoryWire::leave(EndId id) noexcept { ends_.erase(id); }

MemoryEnd* MemoryWire::find(EndId id) const noexcept {
  const auto found = ends_.find(id);
  return found == ends_.end() ? nullptr : found->second;
}

MemoryAcceptor* MemoryWire::find(const Endpoint& endpoint) const noexcept {
  const auto found = std::ranges::find_if(acceptors_, [&](const auto* a) { return a->endpoint() == endpoint; });
  return found == acceptors_.end() ? nullptr : *found;
}

MemoryAcceptor* MemoryWire::listening_for(const Endpoint& endpoint) const noexcept {
  if (MemoryAcceptor* const exact = find(endpoint)) return exact;
  if (endpoint.is_unix()) return nullptr;
  if (endpoint.family() == AF_INET) {
    if (MemoryAcceptor* const any = find(Endpoint::any_v4(endpoint.port()))) return any;
  }
  return find(Endpoint::any_v6(endpoint.port()));
}

Endpoint MemoryWire::with_free_port(const Endpoint& host) noexcept {
  Endpoint candidate;
  do {
    last_port_ = last_port_ < kFirstFreePort || last_port_ == UINT16_MAX ? kFirstFreePort : last_port_ + 1;
    candidate = host.with_port(last_port_);
  } while (find(candidate) != nullptr);
  return candidate;
}

MemoryWire::Direction MemoryWire::direction_of(const Arrival& arrival) const {
  if (const MemoryEnd* const from = find(arrival.from)) return {from->local(), from->peer()};
  if (const MemoryEnd* const to = find(arrival.to)) return {to->peer(), to->local()};
  return {};
}

void MemoryWire::schedule(Instant due, Arrival arrival) {
  on_the_way_.emplace(std::pair(due, next_order_++), std::move(arrival));
}

void MemoryWire::send(Kind kind, EndId from, EndId to, std::string_view bytes) {
  Arrival arrival{.kind = kind, .from = from, .to = to, .bytes = std::string(bytes)};
  const Direction way = direction_of(arrival);
  Instant due = later(now(), std::max(Duration::zero(), model_.delay(way.from, way.to)));
  if (MemoryEnd* const receiver = find(to)) {
    due = std::max(due, receiver->last_due());
    receiver->set_last_due(due);
  }
  schedule(due, std::move(arrival));
}

void MemoryWire::send_connect(MemoryEnd& from) {
  if (may_leave(from)) send(Kind::connect, from.id(), 0);
}

bool MemoryWire::may_leave(MemoryEnd& from) {
  switch (model_.fate(from.local(), from.peer())) {
    case NetworkModel::Fate::arrives: return true;
    case NetworkModel::Fate::cut: cut(from); return false;
    case NetworkModel::Fate::lost: lose(from); return false;
  }
  return true;
}

void MemoryWire::deliver_due() {
  const Instant now = clock_.now();
  while (!on_the_way_.empty() && on_the_way_.begin()->first.first <= now) {
    auto first = on_the_way_.extract(on_the_way_.begin());
    Arrival& arrival = first.mapped();
    if (lost(arrival)) continue;
    if (held(arrival)) {
      held_.push_back(std::move(arrival));
    } else {
      moment_ = first.key().first;
      deliver(arrival);
      moment_.reset();
    }
  }
}

bool MemoryWire::held(const Arrival& arrival) const {
  if (partitions_.empty()) return false;
  const Direction way = direction_of(arrival);
  return std::ranges::any_of(partitions_, [&](const Direction& partition) { return partition.covers(way); });
}

bool MemoryWire::lost(const Arrival& arrival) const noexcept {
  const MemoryEnd* const from = find(arrival.from);
  const MemoryEnd* const to = find(arrival.to);
  return (from != nullptr && from->lost()) || (to != nullptr && to->lost());
}

void MemoryWire::deliver(Arrival& arrival) {
  if (arrival.kind == Kind::connect) return deliver_connect(arrival.from);
  MemoryEnd* const to = find(arrival.to);
  if (to == nullptr) {
    // Nobody is there any more: who sent bytes, or has just become connected, hears of it.
    const bool answered = arrival.kind == Kind::bytes || arrival.kind == Kind::connected;
    if (answered && find(arrival.from) != nullptr) send(Kind::reset, arrival.to, arrival.from);
    return;
  }
  switch (arrival.kind) {
    case Kind::connect: return;
    case Kind::connected: return to->connect_to(arrival.from);
    case Kind::refused: return to->take_reset(ECONNREFUSED);
    case Kind::bytes: return to->take_bytes(arrival.bytes);
    case Kind::end: return to->take_end();
    case Kind::reset: return to->take_reset(ECONNRESET);
  }
}

void MemoryWire::deliver_connect(EndId id) {
  const MemoryEnd* const from = find(id);
  if (from == nullptr) return;  // it has given up
  MemoryAcceptor* const acceptor = listening_for(from->peer());
  if (acceptor == nullptr || !acceptor->takes_another()) return send(Kind::refused, 0, id);
  auto end = std::make_unique<MemoryEnd>(*this, from->peer(), from->local(), buffer_bytes_);
  end->connect_to(id);
  send(Kind::connected, end->id(), id);
  acceptor->take(Socket(std::move(end)));
}

void MemoryWire::cut(MemoryEnd& end) {
  MemoryEnd* const peer = find(end.peer_id());
  end.take_reset(ECONNRESET);
  if (peer != nullptr) peer->take_reset(ECONNRESET);
}

void MemoryWire::lose(MemoryEnd& end) {
  MemoryEnd* const peer = find(end.peer_id());
  end.lose();
  if (peer != nullptr) peer->lose();
}

std::vector<MemoryWire::EndId> MemoryWire::between(const Endpoint& a, const Endpoint& b) const {
  std::vector<EndId> found;
  for (const auto& [id, end] : ends_) {
    const Direction way{end->local(), end->peer()};
    if (Direction{a, b}.covers(way) || Direction{b, a}.covers(way)) found.push_back(id);
  }
  return found;
}

void MemoryWire::cut(const Endpoint& a, const Endpoint& b) {
  affinity_.check();
  for (const EndId id : between(a, b)) cut(*find(id));
}

void MemoryWire::lose(const Endpoint& a, const Endpoint& b) {
  affinity_.check();
  for (const EndId id : between(a, b)) lose(*find(id));
}

void MemoryWire::partition(const Endpoint& from, const Endpoint& to) {
  affinity_.check();
  partitions_.push_back({from, to});
}

void MemoryWire::heal(const Endpoint& from, const Endpoint& to) {
  affinity_.check();
  deliver_due();  // what is held back still goes before what is sent from now on
  std::erase(partitions_, Direction{from, to});
  for (Arrival& arrival : std::exchange(held_, {})) {
    if (held(arrival)) {
      held_.push_back(std::move(arrival));
    } else {
      schedule(clock_.now(), std::move(arrival));
    }
  }
}

}  // namespace fluxor::runtime
