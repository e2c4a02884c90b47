#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "runtime/net/endpoint.h"
#include "runtime/net/listening_socket.h"
#include "runtime/net/memory_network.h"
#include "runtime/net/stream.h"
#include "runtime/net/task_listener.h"
#include "runtime/net/task_stream.h"
#include "runtime/task/frame_pool.h"
#include "runtime/task/scope.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/testing/explore.h"
#include "runtime/testing/sim_group.h"

// The rules of streams for tasks between loops, under a thousand interleavings.
namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kSeeds = 1000;
constexpr std::size_t kBytes = 6000;
constexpr StreamOptions kSmallMarks{.unsent_high_bytes = 1500, .unsent_low_bytes = 500};

char byte_at(std::size_t position) { return static_cast<char>('a' + position % 23); }

// Reads or writes until it is told to stop; a call that was cut has done nothing.
struct Side {
  SimGroup& sim;
  std::unique_ptr<TaskStream> stream;
  std::size_t sent = 0;
  std::size_t received = 0;
  bool in_order = true;
  bool ended = false;
  bool failed = false;
  int cuts = 0;
};

Task<> read_some(Side* side) {
  std::string buffer(1 + side->sim.random().below(900), '\0');
  const Result<std::size_t> read = co_await side->stream->read_some(buffer);
  if (!read) {
    if (read.error() == Errc::deadline) {
      ++side->cuts;
    } else {
      side->failed = true;
    }
    co_return;
  }
  side->ended = *read == 0;
  for (std::size_t i = 0; i < *read; ++i) side->in_order = side->in_order && buffer[i] == byte_at(side->received + i);
  side->received += *read;
}

Task<> write_some(Side* side) {
  std::string bytes(std::min(kBytes - side->sent, 1 + side->sim.random().below(900)), '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = byte_at(side->sent + i);
  const Result<void> written = co_await side->stream->write(bytes);
  if (written) {
    side->sent += bytes.size();
  } else if (written.error() == Errc::deadline) {
    ++side->cuts;
  } else {
    side->failed = true;
  }
}

// Each call has little time, so that many are cut.
Task<> cut_short(Side* side, Task<> (*call)(Side*)) {
  try {
    co_await with_scope(within(side->sim.random().between(0ms, 3ms)), [&](Scope&) { return call(side); });
  } catch (const std::exception&) {
  }
}

Task<> read_all(Side* side) {
  while (!side->ended && !side->failed) co_await cut_short(side, read_some);
}
Task<> write_all(Side* side) {
  while (side->sent < kBytes && !side->failed) co_await cut_short(side, write_some);
  side->stream->finish();
}
Task<> both(Side* side) {
  co_await with_scope([&](Scope& scope) -> Task<> {
    scope.spawn(read_all, side);
    scope.spawn(write_all, side);
    co_return;
  });
}

Task<> client(Side* side, Endpoint to) {
  auto stream = co_await TaskStream::connect(side->sim.at(0).poller(), to, kSmallMarks);
  if (!stream) co_return;
  side->stream = std::move(*stream);
  co_await both(side);
}

Task<> server(Side* side, const ListeningSocket* socket) {
  auto listener = TaskListener::listen(side->sim.at(1).poller(), *socket).value();
  auto connection = co_await listener->accept();
  side->stream = TaskStream::over(side->sim.at(1).poller().adopt(std::move(*connection), kSmallMarks)).value();
  co_await both(side);
}

TEST(TaskStreamSim, CarriesEveryByteOnceAndInOrderThoughCallsAreCutAtAnyMoment) {
  const SimOptions options{
      .loops = 2, .ring_capacity = 16, .faults = {.loop_stalls = 0.02, .bytes_split = 0.3, .network_delay_max = 3ms}};
  const auto frames_before = live_frames();
  int cuts = 0;
  explore(kSeeds, options, [&](SimGroup& sim) {
    const auto socket = sim.network().listen(Endpoint::parse("127.0.0.1", 0).value());
    Side left{.sim = sim, .stream = nullptr}, right{.sim = sim, .stream = nullptr};
    auto serving = sim.start(1, server(&right, &*socket));
    auto asking = sim.start(0, client(&left, socket->local_endpoint()));
    EXPECT_TRUE(sim.run_until([&] { return serving.ready() && asking.ready(); }, 60s));
    for (const Side* side : {&left, &right}) {
      EXPECT_EQ(side->received, kBytes);
      EXPECT_TRUE(side->in_order && side->ended && !side->failed);
      cuts += side->cuts;
    }
    EXPECT_EQ(live_frames(), frames_before);
    sim.run_for(1s);
    left.stream.reset();
    right.stream.reset();
  });
  EXPECT_GT(cuts, 1000);
}

// Once the connection breaks, both hear of it and nobody waits for ever.
TEST(TaskStreamSim, EndsBothSidesWhenTheConnectionBreaks) {
  const SimOptions options{
      .loops = 2, .ring_capacity = 16, .faults = {.stream_cut = 0.05, .bytes_split = 0.3, .network_delay_max = 3ms}};
  const auto frames_before = live_frames();
  explore(kSeeds, options, [&](SimGroup& sim) {
    auto [here, there] = sim.network().make_pair(2000);
    Side left{.sim = sim, .stream = TaskStream::over(sim.at(0).poller().adopt(std::move(here), kSmallMarks)).value()};
    Side right{.sim = sim, .stream = TaskStream::over(sim.at(1).poller().adopt(std::move(there), kSmallMarks)).value()};
    auto first = sim.start(0, both(&left));
    auto second = sim.start(1, both(&right));
    EXPECT_TRUE(sim.run_until([&] { return first.ready() && second.ready(); }, 60s));
    EXPECT_TRUE(left.in_order && right.in_order);
    EXPECT_TRUE(left.failed || left.received == kBytes || right.failed);
    EXPECT_EQ(live_frames(), frames_before);
    sim.run_for(1s);
    left.stream.reset();
    right.stream.reset();
  });
}

}  // namespace
}  // namespace fluxor::runtime
