// Actors of CAF 0.17 that do what the cases of compare.py ask for, on one thread of its scheduler.
//
// Reads lines "case milliseconds" and answers each with nanoseconds per operation.  Built by compare.py.
#include <caf/all.hpp>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Tick = caf::atom_constant<caf::atom("tick")>;

constexpr int kBatch = 100;       // spawned together, as in BM_SpawnAndJoin/100
constexpr int kHopsPerLook = 64;  // between two looks at the clock

struct Window {
  Clock::time_point end;
  std::uint64_t operations = 0;
  int left = 0;
};

caf::behavior nothing(caf::event_based_actor*) { return {}; }

void spawn_batch(caf::event_based_actor* self, Window* window) {
  window->left = kBatch;
  for (int i = 0; i < kBatch; ++i) self->spawn<caf::monitored>(nothing);
}

// Joins a batch by monitors before it spawns the next.
caf::behavior spawn_and_join(caf::event_based_actor* self, Window* window) {
  self->set_down_handler([self, window](const caf::down_msg&) {
    ++window->operations;
    if (--window->left > 0) return;
    if (Clock::now() < window->end) {
      spawn_batch(self, window);
    } else {
      self->quit();
    }
  });
  spawn_batch(self, window);
  return {[](Tick) {}};
}

caf::behavior hop(caf::event_based_actor* self, Window* window) {
  self->send(self, Tick::value);
  return {[self, window](Tick) {
    if (++window->operations % kHopsPerLook == 0 && Clock::now() >= window->end) {
      window->left = 0;
    }
    if (window->left == 0) {
      self->quit();
    } else {
      self->send(self, Tick::value);
    }
  }};
}

// Nanoseconds per operation; negative if there is no such case.
double measure(caf::actor_system& system, const std::string& name, std::chrono::milliseconds duration) {
  Window window;
  const Clock::time_point begin = Clock::now();
  window.end = begin + duration;
  caf::scoped_actor self{system};
  if (name == "spawn_join") {
    self->wait_for(self->spawn(spawn_and_join, &window));
  } else if (name == "hop_1" || name == "hop_16") {
    window.left = 1;
    std::vector<caf::actor> actors;
    for (int i = name == "hop_1" ? 1 : 16; i > 0; --i) actors.push_back(self->spawn(hop, &window));
    self->wait_for(actors);
  } else {
    return -1;
  }
  const std::chrono::duration<double, std::nano> took = Clock::now() - begin;
  return took.count() / static_cast<double>(window.operations);
}

}  // namespace

int main() {
  caf::actor_system_config config;
  config.set("scheduler.max-threads", std::size_t{1});
  caf::actor_system system{config};
  std::string name;
  for (std::int64_t milliseconds = 0; std::cin >> name >> milliseconds;) {
    std::cout << measure(system, name, std::chrono::milliseconds(milliseconds)) << std::endl;
  }
}
