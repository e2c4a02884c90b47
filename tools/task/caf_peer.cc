// Actors of CAF 0.17 that do what the cases of compare.py ask for, on one thread of its scheduler.
//
// Reads lines "case milliseconds" and answers each with nanoseconds per operation.  Built by compare.py.
#include <caf/all.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Tick = caf::atom_constant<caf::atom("tick")>;

constexpr int kBatch = 100;       // spawned together, as in BM_SpawnAndJoin/100
constexpr int kHopsPerLook = 64;  // between two looks at the clock
constexpr int kMass = 100'000;    // as in BM_DeployAndUndeploy

struct Window {
  Clock::time_point end;
  std::uint64_t operations = 0;
  int left = 0;
};

caf::behavior nothing(caf::event_based_actor*) { return {}; }
caf::behavior idle(caf::event_based_actor*) {
  return {[](Tick) {}};
}

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

// Throws as soon as it runs; its parent spawns the next.
caf::behavior mayfly(caf::event_based_actor* self) {
  // Its own handler would write a line for each.
  self->set_exception_handler([](std::exception_ptr&) -> caf::error { return caf::exit_reason::unhandled_exception; });
  self->send(self, Tick::value);
  return {[](Tick) { throw std::runtime_error("boom"); }};
}

caf::behavior spawn_after_each_crash(caf::event_based_actor* self, Window* window) {
  self->set_down_handler([self, window](const caf::down_msg&) {
    if (++window->operations % kHopsPerLook == 0 && Clock::now() >= window->end) {
      self->quit();
    } else {
      self->spawn<caf::monitored>(mayfly);
    }
  });
  self->spawn<caf::monitored>(mayfly);
  return {[](Tick) {}};
}

// Spawns many, and when all are there ends all and waits for it.
void mass(caf::actor_system& system, Window& window) {
  caf::scoped_actor self{system};
  do {
    std::vector<caf::actor> actors;
    actors.reserve(kMass);
    for (int i = 0; i < kMass; ++i) actors.push_back(self->spawn(idle));
    for (const caf::actor& actor : actors) self->send_exit(actor, caf::exit_reason::user_shutdown);
    self->wait_for(actors);
    window.operations += kMass;
  } while (Clock::now() < window.end);
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
  } else if (name == "restart") {
    self->wait_for(self->spawn(spawn_after_each_crash, &window));
  } else if (name == "mass") {
    mass(system, window);
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
