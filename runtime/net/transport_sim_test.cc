#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/loop/event_loop.h"
#include "runtime/loop/ready_queue.h"
#include "runtime/net/listener.h"
#include "runtime/net/memory_network.h"
#include "runtime/net/socket.h"
#include "runtime/net/stream.h"
#include "runtime/testing/explore.h"
#include "runtime/testing/sim_group.h"

// The rules of streams and listeners between loops, under a thousand interleavings each.
namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kSeeds = 1000;
constexpr std::size_t kBytes = 4000;
constexpr std::size_t kClients = 6;
constexpr StreamOptions kSmallMarks{.unsent_high_bytes = 3000, .unsent_low_bytes = 1000};

char byte_at(std::size_t position) { return static_cast<char>('a' + position % 23); }

// One end of a connection: writes so many bytes as room allows, ends its half, and checks what comes.
class End final : public StreamHandler, private ReadyNode {
 public:
  End(SimGroup& sim, std::size_t loop, std::size_t bytes) : sim_(sim), loop_(loop), left_(bytes) {}

  void begin(Socket socket) {
    stream = sim_.at(loop_).poller().adopt(std::move(socket), kSmallMarks);
    EXPECT_TRUE(stream->start(*this));
    write();
  }
  void begin(const Endpoint& to) {
    auto connected = sim_.at(loop_).poller().connect(to, kSmallMarks);
    ASSERT_TRUE(connected);
    stream = std::move(*connected);
    EXPECT_TRUE(stream->start(*this));
    write();
  }

  std::unique_ptr<Stream> stream;
  std::size_t received = 0;
  bool in_order = true;
  bool ended = false;
  int closes = 0;
  error_code reason;

 private:
  void write() {
    while (left_ != 0) {
      std::string piece(std::min<std::size_t>(left_, 1 + sim_.random().below(900)), '\0');
      for (char& byte : piece) byte = byte_at(sent_++);
      left_ -= piece.size();
      if (stream->write(piece) == WriteState::congested) return;
    }
    stream->finish();
  }

  std::size_t on_data(std::span<char> bytes) override {
    EXPECT_FALSE(ended);
    const std::size_t used = sim_.random().chance(0.2) ? sim_.random().below(bytes.size() + 1) : bytes.size();
    for (std::size_t i = 0; i < used; ++i) in_order = in_order && bytes[i] == byte_at(received + i);
    received += used;
    if (used != bytes.size() || sim_.random().chance(0.1)) {
      stream->pause_reading();
      sim_.at(loop_).make_ready(*this);
    }
    return used;
  }
  void on_ready() override { stream->resume_reading(); }
  void on_end() override {
    EXPECT_FALSE(ended);
    ended = true;
  }
  void on_drained() override { write(); }
  void on_closed(error_code why) override {
    ++closes;
    reason = why;
  }

  SimGroup& sim_;
  const std::size_t loop_;
  std::size_t sent_ = 0;
  std::size_t left_;
};

TEST(TransportSim, CarriesEveryByteInOrderBothWaysThroughPausesAndFullBuffers) {
  const SimOptions options{
      .loops = 2, .ring_capacity = 64, .faults = {.loop_stalls = 0.02, .bytes_split = 0.3, .network_delay_max = 3ms}};
  explore(kSeeds, options, [](SimGroup& sim) {
    End left(sim, 0, kBytes);
    End right(sim, 1, kBytes);
    auto [here, there] = sim.network().make_pair(2000);
    left.begin(std::move(here));
    right.begin(std::move(there));
    EXPECT_TRUE(sim.run_until([&] { return left.ended && right.ended; }, 60s));
    EXPECT_EQ(left.received, kBytes);
    EXPECT_EQ(right.received, kBytes);
    EXPECT_TRUE(left.in_order && right.in_order);
    sim.run_for(1s);
    left.stream.reset();
    right.stream.reset();
    sim.run_for(1s);
  });
}

TEST(TransportSim, TellsBothEndsOnceWhenAConnectionBreaks) {
  const SimOptions options{
      .loops = 2, .ring_capacity = 64, .faults = {.stream_cut = 0.1, .bytes_split = 0.3, .network_delay_max = 3ms}};
  explore(kSeeds, options, [](SimGroup& sim) {
    End left(sim, 0, 4000);
    End right(sim, 1, 4000);
    auto [here, there] = sim.network().make_pair(2000);
    left.begin(std::move(here));
    right.begin(std::move(there));
    sim.run_for(60s);
    EXPECT_EQ(left.closes, 1);
    EXPECT_EQ(right.closes, 1);
    EXPECT_EQ(left.reason.failed(), right.reason.failed());
    if (!left.reason.failed()) EXPECT_EQ(left.received + right.received, 8000U);
    left.stream.reset();
    right.stream.reset();
  });
}

// Accepts on each loop, and hands every second connection to the other.
class Door final : public ListenerHandler {
 public:
  Door(SimGroup& sim, std::size_t loop, std::array<std::vector<std::unique_ptr<End>>, 2>& ends)
      : sim_(sim), loop_(loop), ends_(ends) {}
  std::unique_ptr<Listener> listener;

 private:
  void on_accept(Socket connection) override {
    const std::size_t to = (++accepted_ % 2 == 0) ? 1 - loop_ : loop_;
    struct HandOver {
      Door* door;
      std::size_t to;
      Socket socket;
      void operator()() { door->adopt(to, std::move(socket)); }
    };
    HandOver hand_over{this, to, std::move(connection)};
    if (to == loop_ || !sim_.at(to).post(std::move(hand_over))) adopt(loop_, std::move(hand_over.socket));
  }
  void on_accept_failed(error_code) override { ADD_FAILURE(); }
  void adopt(std::size_t loop, Socket socket) {
    ends_[loop].push_back(std::make_unique<End>(sim_, loop, 300));
    ends_[loop].back()->begin(std::move(socket));
  }

  SimGroup& sim_;
  const std::size_t loop_;
  std::array<std::vector<std::unique_ptr<End>>, 2>& ends_;
  int accepted_ = 0;
};

TEST(TransportSim, ServesEachConnectionOnOneOfTheLoopsThatListen) {
  const SimOptions options{
      .loops = 3, .ring_capacity = 4, .faults = {.post_refused = 0.1, .loop_stalls = 0.02, .network_delay_max = 2ms}};
  explore(kSeeds, options, [](SimGroup& sim) {
    const auto listening = sim.network().listen(Endpoint::parse("127.0.0.1", 0).value());
    ASSERT_TRUE(listening);
    std::array<std::vector<std::unique_ptr<End>>, 2> served;
    std::array<Door, 2> doors{Door(sim, 0, served), Door(sim, 1, served)};
    for (const std::size_t loop : {0, 1}) {
      doors[loop].listener = sim.at(loop).poller().listen(*listening, doors[loop]).value();
    }
    std::vector<std::unique_ptr<End>> clients;
    for (std::size_t i = 0; i < kClients; ++i) {
      clients.push_back(std::make_unique<End>(sim, 2, 300));
      clients.back()->begin(listening->local_endpoint());
    }
    const auto all_served = [&] {
      return std::ranges::all_of(clients, [](const auto& client) { return client->ended; });
    };
    EXPECT_TRUE(sim.run_until(all_served, 60s));
    EXPECT_EQ(served[0].size() + served[1].size(), kClients);
    sim.run_for(1s);
    for (const auto& ends : served) {
      for (const auto& end : ends) EXPECT_TRUE(end->received == 300 && end->in_order);
    }
    for (const auto& client : clients) EXPECT_TRUE(client->received == 300 && client->in_order);
    for (Door& door : doors) door.listener.reset();
  });
}

}  // namespace
}  // namespace fluxor::runtime
