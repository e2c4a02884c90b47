#include "runtime/net/memory_network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "runtime/net/recording_handlers.h"
#include "runtime/testing/manual_clock.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

Endpoint host(int number, std::uint16_t port = 0) {
  return Endpoint::parse("10.0.0." + std::to_string(number), port).value();
}

error_code reset() { return {ECONNRESET, boost::system::system_category()}; }
error_code refused() { return {ECONNREFUSED, boost::system::system_category()}; }

// What a test sets.
class TestModel : public NetworkModel {
 public:
  Duration delay_now = Duration::zero();
  Duration delay_grows = Duration::zero();  // with each sending
  std::size_t piece_max = ~std::size_t{0};
  Fate fate_now = Fate::arrives;

  Duration delay(const Endpoint&, const Endpoint&) override { return delay_now += delay_grows; }
  std::size_t piece(std::size_t offered) override { return std::min(offered, piece_max); }
  Fate fate(const Endpoint&, const Endpoint&) override { return fate_now; }
};

// A server on host 1 and clients on host 2, each on a poller of its own.
class MemoryNetworkTest : public testing::Test {
 protected:
  // One turn of both loops, and again while something arrives at this moment.
  void poll() {
    do {
      for (Poller* const poller : {server_poller.get(), client_poller.get()}) {
        poller->wait(Duration::zero());
        poller->dispatch();
      }
    } while (network.next_due() <= clock.now());
    for (Poller* const poller : {server_poller.get(), client_poller.get()}) {
      poller->wait(Duration::zero());
      poller->dispatch();
    }
  }
  void advance(Duration by) {
    clock.advance(by);
    poll();
  }
  // Until nothing is on its way.
  void settle() {
    poll();
    while (network.next_due() != kNever) advance(network.next_due() - clock.now());
  }

  void listen(const ListenOptions& options = {}) {
    socket.emplace(network.listen(host(1, 80), options).value());
    listener = server_poller->listen(*socket, acceptor).value();
    acceptor.accept = [this] {
      served = server_poller->adopt(std::move(acceptor.accepted.back()), {});
      ASSERT_TRUE(served->start(server_recorder));
    };
  }
  std::unique_ptr<Stream> connect(StreamRecorder& recorder) {
    auto made = client_poller->connect(host(1, 80), {}).value();
    EXPECT_TRUE(made->start(recorder));
    return made;
  }
  void connect() {
    listen();
    stream = connect(recorder);
    settle();
    ASSERT_EQ(recorder.connects, 1);
    ASSERT_NE(served, nullptr);
  }

  ManualClock clock;
  TestModel model;
  MemoryNetwork network{clock, model, {.buffer_bytes = 1000}};
  std::unique_ptr<Poller> server_poller = network.make_poller(host(1));
  std::unique_ptr<Poller> client_poller = network.make_poller(host(2));
  std::optional<ListeningSocket> socket;
  AcceptRecorder acceptor;
  std::unique_ptr<Listener> listener;
  StreamRecorder server_recorder;
  std::unique_ptr<Stream> served;
  StreamRecorder recorder;
  std::unique_ptr<Stream> stream;
};

// Names.

TEST_F(MemoryNetworkTest, RefusesAnAddressThatIsInUseUntilItIsFreeAgain) {
  auto first = network.listen(host(1, 80)).value();
  EXPECT_EQ(network.listen(host(1, 80)).error(), boost::system::errc::address_in_use);
  EXPECT_TRUE(network.listen(host(2, 80)));
  EXPECT_TRUE(network.listen(host(1, 81)));
  {
    const ListeningSocket gone = std::move(first);
  }
  EXPECT_TRUE(network.listen(host(1, 80)));
}

TEST_F(MemoryNetworkTest, GivesAFreePortToWhoAsksForAny) {
  const auto first = network.listen(host(1)).value();
  const auto second = network.listen(host(1)).value();
  EXPECT_NE(first.local_endpoint().port(), 0);
  EXPECT_NE(second.local_endpoint().port(), 0);
  EXPECT_NE(first.local_endpoint(), second.local_endpoint());
  EXPECT_TRUE(first.local_endpoint().same_host(host(1)));
}

TEST_F(MemoryNetworkTest, GoesRoundItsPortsAndLeavesOutThoseInUse) {
  const auto taken = network.listen(host(1)).value();
  for (int i = 0; i < 70'000; ++i) {
    const auto other = network.listen(host(1)).value();
    ASSERT_NE(other.local_endpoint(), taken.local_endpoint());
    ASSERT_GE(other.local_endpoint().port(), 49152);
  }
}

TEST_F(MemoryNetworkTest, GivesWhatNobodyElseTakesToWhoListensOnEveryAddress) {
  const auto every = network.listen(Endpoint::any_v6(80)).value();
  AcceptRecorder every_acceptor;
  const auto every_listener = server_poller->listen(every, every_acceptor).value();
  StreamRecorder other_recorder;
  auto other = client_poller->connect(host(7, 80), {}).value();
  ASSERT_TRUE(other->start(other_recorder));
  listen();
  stream = connect(recorder);
  poll();
  EXPECT_EQ(every_acceptor.accepted.size(), 1U);
  EXPECT_NE(served, nullptr) << "the exact address goes before";
}

TEST_F(MemoryNetworkTest, TakesAPathForAName) {
  const Endpoint path = Endpoint::unix_path("/run/x").value();
  const auto listening = network.listen(path).value();
  EXPECT_EQ(network.listen(path).error(), boost::system::errc::address_in_use);
  listener = server_poller->listen(listening, acceptor).value();
  stream = client_poller->connect(path, {}).value();
  ASSERT_TRUE(stream->start(recorder));
  poll();
  EXPECT_EQ(recorder.connects, 1);
  EXPECT_EQ(stream->peer_endpoint(), path);
  EXPECT_EQ(stream->local_endpoint(), Endpoint());
  listener.reset();
}

TEST_F(MemoryNetworkTest, ComesFromTheHostOfItsPollerWithAPortOfItsOwn) {
  listen();
  stream = connect(recorder);
  StreamRecorder other_recorder;
  const auto other = connect(other_recorder);
  poll();
  EXPECT_TRUE(stream->local_endpoint().same_host(host(2)));
  EXPECT_NE(stream->local_endpoint().port(), 0);
  EXPECT_NE(stream->local_endpoint(), other->local_endpoint());
  EXPECT_TRUE(network.make_poller()->descriptor() < 0);
}

// The queue.

TEST_F(MemoryNetworkTest, RefusesWhoFindsTheQueueFull) {
  listen({.backlog = 2});
  listener->pause();
  std::vector<StreamRecorder> recorders(4);
  std::vector<std::unique_ptr<Stream>> streams;
  for (StreamRecorder& each : recorders) streams.push_back(connect(each));
  poll();
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(recorders[i].connects, i < 2 ? 1 : 0);
    EXPECT_EQ(recorders[i].closes.size(), i < 2 ? 0U : 1U);
  }
  EXPECT_EQ(recorders[3].closes[0], boost::system::errc::connection_refused);
  EXPECT_TRUE(listener->accept_next());
  StreamRecorder late_recorder;
  const auto late = connect(late_recorder);
  poll();
  EXPECT_EQ(late_recorder.connects, 1) << "there is room again";
}

TEST_F(MemoryNetworkTest, RefusesWhoComesAfterItWasToldToOrHasClosed) {
  listen();
  ASSERT_TRUE(socket->refuse_new());
  stream = connect(recorder);
  poll();
  EXPECT_EQ(recorder.closes, std::vector<error_code>{refused()});
  listener.reset();
  socket.reset();
  StreamRecorder late_recorder;
  const auto late = connect(late_recorder);
  poll();
  EXPECT_EQ(late_recorder.closes, recorder.closes);
}

TEST_F(MemoryNetworkTest, LetsAllItsPollersAcceptFromOneQueue) {
  listen();
  AcceptRecorder other_acceptor;
  auto other_listener = client_poller->listen(*socket, other_acceptor).value();
  std::vector<StreamRecorder> recorders(20);
  std::vector<std::unique_ptr<Stream>> streams;
  acceptor.accept = [] {};
  for (StreamRecorder& each : recorders) streams.push_back(connect(each));
  poll();
  EXPECT_EQ(acceptor.accepted.size() + other_acceptor.accepted.size(), 20U);
  EXPECT_GT(acceptor.accepted.size(), 0U);
  EXPECT_GT(other_acceptor.accepted.size(), 0U);
}

// Time.

TEST_F(MemoryNetworkTest, TellsNothingBeforeItsMomentAndSaysWhenThatIs) {
  listen();
  EXPECT_EQ(network.next_due(), kNever);
  const Instant begin = clock.now();
  model.delay_now = 10ms;
  stream = connect(recorder);
  EXPECT_EQ(network.next_due(), begin + 10ms);
  advance(10ms - 1ns);
  EXPECT_EQ(served, nullptr);
  advance(1ns);
  EXPECT_NE(served, nullptr);
  EXPECT_EQ(recorder.connects, 0) << "the answer takes its time, too";
  EXPECT_EQ(network.next_due(), begin + 20ms);
  stream->write("hello");
  advance(10ms);
  EXPECT_EQ(recorder.connects, 1);
  EXPECT_TRUE(server_recorder.used.empty());
  advance(10ms);
  EXPECT_EQ(server_recorder.used, "hello");
  EXPECT_EQ(clock.now(), begin + 30ms);
  served->close();
  advance(10ms - 1ns);
  EXPECT_EQ(recorder.ends, 0);
  advance(1ns);
  EXPECT_EQ(recorder.ends, 1);
  EXPECT_EQ(network.next_due(), kNever);
}

TEST_F(MemoryNetworkTest, RefusesOnlyAfterTheWayThereAndBack) {
  model.delay_now = 10ms;
  stream = connect(recorder);
  advance(20ms - 1ns);
  EXPECT_TRUE(recorder.closes.empty());
  advance(1ns);
  EXPECT_EQ(recorder.closes.size(), 1U);
}

TEST_F(MemoryNetworkTest, NeverWaits) {
  model.delay_now = 10ms;
  stream = connect(recorder);
  client_poller->wait(Poller::kForever);
  client_poller->wait(1h);
  EXPECT_FALSE(client_poller->has_pending());
}

TEST_F(MemoryNetworkTest, LetsNothingOvertakeWhatWasSentBefore) {
  connect();
  model.delay_now = 10ms;
  stream->write("slow ");
  model.delay_now = 1ms;
  stream->write("fast ");
  stream->finish();
  advance(1ms);
  EXPECT_TRUE(server_recorder.used.empty());
  EXPECT_EQ(server_recorder.ends, 0);
  advance(9ms);
  EXPECT_EQ(server_recorder.used, "slow fast ");
  EXPECT_EQ(server_recorder.ends, 1);
}

TEST_F(MemoryNetworkTest, TellsStreamsInTheOrderInWhichTheirBytesWereSent) {
  std::string order;
  std::vector<std::pair<Socket, Socket>> pairs;
  std::vector<StreamRecorder> recorders(5);
  std::vector<std::unique_ptr<Stream>> near;
  std::vector<std::unique_ptr<Stream>> far;
  for (std::size_t i = 0; i < 5; ++i) {
    auto pair = network.make_pair();
    near.push_back(server_poller->adopt(std::move(pair.first), {}));
    far.push_back(client_poller->adopt(std::move(pair.second), {}));
    recorders[i].data = [&order, i](std::string_view bytes) {
      order += std::to_string(i);
      return bytes.size();
    };
    ASSERT_TRUE(near[i]->start(recorders[i]));
  }
  poll();
  for (const std::size_t i : {3U, 1U, 4U, 0U, 2U}) far[i]->write("x");
  poll();
  EXPECT_EQ(order, "31402");
}

TEST_F(MemoryNetworkTest, CutsBytesIntoThePiecesOfItsModel) {
  connect();
  model.piece_max = 3;
  model.delay_grows = 1ms;
  stream->write("abcdefgh");
  settle();
  EXPECT_EQ(server_recorder.shown, (std::vector<std::string>{"abc", "def", "gh"}));
}

// Buffers.

TEST_F(MemoryNetworkTest, HoldsNoMoreThanItsBufferUntilThePeerHasRead) {
  connect();
  served->pause_reading();
  stream->write(std::string(1500, 'x'));
  settle();
  EXPECT_EQ(stream->unsent_bytes(), 500U);
  served->resume_reading();
  settle();
  EXPECT_EQ(stream->unsent_bytes(), 0U);
  EXPECT_EQ(server_recorder.used.size(), 1500U);
}

TEST_F(MemoryNetworkTest, CountsWhatIsOnItsWayToo) {
  connect();
  model.delay_now = 10ms;
  stream->write(std::string(1500, 'x'));
  EXPECT_EQ(stream->unsent_bytes(), 500U);
  poll();
  EXPECT_EQ(stream->unsent_bytes(), 500U);
}

// Faults.

TEST_F(MemoryNetworkTest, TellsBothEndsOfACutConnectionAtOnceAndDropsWhatWasOnItsWay) {
  connect();
  StreamRecorder bystander_recorder;
  const auto bystander = connect(bystander_recorder);
  settle();
  model.delay_now = 10ms;
  stream->write("on its way");
  network.cut(stream->local_endpoint(), host(1, 80));
  poll();
  const std::vector<error_code> once{reset()};
  EXPECT_EQ(recorder.closes, once);
  served.reset();
  settle();
  EXPECT_TRUE(server_recorder.used.empty());
  EXPECT_TRUE(bystander_recorder.closes.empty());
  network.cut(host(1), host(2));
  poll();
  EXPECT_EQ(bystander_recorder.closes, once) << "no port: all between these hosts, in either order";
}

TEST_F(MemoryNetworkTest, TellsTheServersEndOfACutConnection) {
  connect();
  network.cut(host(1), host(2));
  poll();
  EXPECT_EQ(server_recorder.closes, std::vector<error_code>{reset()});
}

TEST_F(MemoryNetworkTest, TellsNeitherEndOfALostConnection) {
  connect();
  model.delay_now = 10ms;
  stream->write("on its way");
  network.lose(host(2), host(1));
  stream->write("later");
  served->write("answer");
  served->finish();
  settle();
  EXPECT_TRUE(server_recorder.used.empty());
  EXPECT_TRUE(recorder.used.empty());
  EXPECT_EQ(recorder.ends, 0);
  stream->write(std::string(2000, 'x'));
  settle();
  EXPECT_GT(stream->unsent_bytes(), 0U) << "nobody acknowledges, so the buffer fills";
  stream->abort();
  settle();
  EXPECT_TRUE(server_recorder.closes.empty());
  StreamRecorder late_recorder;
  const auto late = connect(late_recorder);
  settle();
  EXPECT_EQ(late_recorder.connects, 1) << "what connects later is as usual";
}

TEST_F(MemoryNetworkTest, HasNoRoomAgainOnceItIsLostThoughThePeerReadsWhatHadArrived) {
  connect();
  served->pause_reading();
  stream->write(std::string(1500, 'x'));
  settle();
  network.lose(host(1), host(2));
  served->resume_reading();
  settle();
  EXPECT_EQ(server_recorder.used.size(), 1000U);
  EXPECT_EQ(stream->unsent_bytes(), 500U);
}

TEST_F(MemoryNetworkTest, LosesAWishToConnect) {
  listen();
  model.delay_now = 10ms;
  stream = connect(recorder);
  network.lose(host(1), host(2));
  settle();
  EXPECT_EQ(recorder.connects, 0);
  EXPECT_TRUE(recorder.closes.empty());
}

TEST_F(MemoryNetworkTest, HoldsWhatGoesOneWayThroughAPartitionUntilItIsHealed) {
  connect();
  model.delay_now = 10ms;
  stream->write("one ");
  network.partition(host(2), host(1));
  stream->write("two ");
  advance(20ms);
  stream->write("three ");
  stream->finish();
  served->write("answer");
  settle();
  EXPECT_TRUE(server_recorder.used.empty());
  EXPECT_EQ(recorder.used, "answer") << "the other way is open";
  acceptor.accept = [] {};
  StreamRecorder late_recorder;
  const auto late = connect(late_recorder);
  settle();
  EXPECT_EQ(late_recorder.connects, 0);
  network.heal(host(2), host(1));
  poll();
  EXPECT_EQ(server_recorder.used, "one two three ");
  EXPECT_EQ(server_recorder.ends, 1);
  settle();
  EXPECT_EQ(late_recorder.connects, 1);
}

TEST_F(MemoryNetworkTest, HealsOnlyThePartitionThatIsNamed) {
  connect();
  network.partition(host(2), host(1));
  network.partition(host(1), host(2));
  stream->write("there");
  served->write("back");
  settle();
  network.heal(host(1), host(2));
  settle();
  EXPECT_EQ(recorder.used, "back");
  EXPECT_TRUE(server_recorder.used.empty());
  network.heal(host(2), host(1));
  settle();
  EXPECT_EQ(server_recorder.used, "there");
}

TEST_F(MemoryNetworkTest, KeepsTheOrderOverAHealingThatNobodyHadLookedBefore) {
  connect();
  network.partition(host(2), host(1));
  stream->write("one ");
  poll();
  stream->write("two ");
  network.heal(host(2), host(1));
  stream->write("three");
  settle();
  EXPECT_EQ(server_recorder.used, "one two three");
}

TEST_F(MemoryNetworkTest, LetsItsModelCutAndLose) {
  connect();
  model.fate_now = NetworkModel::Fate::cut;
  stream->write("x");
  settle();
  EXPECT_EQ(recorder.closes.size(), 1U);
  EXPECT_EQ(server_recorder.closes.size(), 1U);
  EXPECT_TRUE(server_recorder.used.empty());

  StreamRecorder second_recorder;
  auto second = connect(second_recorder);
  settle();
  EXPECT_EQ(second_recorder.closes, std::vector<error_code>{reset()});

  model.fate_now = NetworkModel::Fate::lost;
  StreamRecorder third_recorder;
  auto third = connect(third_recorder);
  settle();
  EXPECT_EQ(third_recorder.connects, 0);
  EXPECT_TRUE(third_recorder.closes.empty());
}

// As TCP.

TEST_F(MemoryNetworkTest, ResetsWhoSendsToAPeerThatHasGone) {
  connect();
  served->close();
  settle();
  EXPECT_EQ(recorder.ends, 1);
  stream->write("nobody reads this");
  EXPECT_TRUE(recorder.closes.empty());
  settle();
  EXPECT_EQ(recorder.closes, std::vector<error_code>{reset()});
}

TEST_F(MemoryNetworkTest, ShowsBytesThatCameBeforeAReset) {
  connect();
  served->write("last words");
  served->abort();
  settle();
  EXPECT_EQ(recorder.used, "last words");
  EXPECT_EQ(recorder.closes, std::vector<error_code>{reset()});
}

TEST_F(MemoryNetworkTest, TellsTheServerOfAClientThatGaveUpWhileTheAnswerWasOnItsWay) {
  listen();
  model.delay_now = 10ms;
  stream = connect(recorder);
  advance(10ms);
  ASSERT_NE(served, nullptr);
  stream.reset();
  settle();
  EXPECT_EQ(server_recorder.closes.size(), 1U);
}

TEST_F(MemoryNetworkTest, ForgetsAClientThatGaveUpBeforeItsWishArrived) {
  listen();
  model.delay_now = 10ms;
  stream = connect(recorder);
  stream.reset();
  settle();
  EXPECT_EQ(served, nullptr);
}

// The whole, many times, with everything drawn from a seed.

class SeededModel final : public NetworkModel {
 public:
  explicit SeededModel(std::uint64_t seed) : random_(seed) {}
  Duration delay(const Endpoint&, const Endpoint&) override { return Duration(random_() % 1'000'000); }
  std::size_t piece(std::size_t offered) override { return 1 + random_() % offered; }
  Fate fate(const Endpoint&, const Endpoint&) override {
    const std::uint64_t drawn = random_() % 1000;
    return drawn == 0 ? Fate::cut : drawn == 1 ? Fate::lost : Fate::arrives;
  }

 private:
  std::mt19937_64 random_;
};

// An echo server and ten clients; returns everything that was seen, with its moments.
std::string echo(std::uint64_t seed) {
  ManualClock clock;
  SeededModel model(seed);
  MemoryNetwork network(clock, model, {.buffer_bytes = 300});
  auto server_poller = network.make_poller(host(1));
  auto client_poller = network.make_poller(host(2));
  auto socket = network.listen(host(1, 80)).value();
  std::string log;
  const auto note = [&](const std::string& what) {
    log += std::to_string(clock.now().time_since_epoch().count()) + " " + what + "\n";
  };

  struct Echo {
    StreamRecorder recorder;
    std::unique_ptr<Stream> stream;
  };
  std::vector<std::unique_ptr<Echo>> echoes;
  AcceptRecorder acceptor;
  acceptor.accept = [&] {
    auto& made = *echoes.emplace_back(std::make_unique<Echo>());
    made.stream = server_poller->adopt(std::move(acceptor.accepted.back()), {});
    made.recorder.data = [&made](std::string_view bytes) {
      made.stream->write(bytes);
      return bytes.size();
    };
    made.recorder.end = [&made] { made.stream->finish(); };
    EXPECT_TRUE(made.stream->start(made.recorder));
  };
  auto listener = server_poller->listen(socket, acceptor).value();

  struct Client {
    StreamRecorder recorder;
    std::unique_ptr<Stream> stream;
    std::string sent;
  };
  std::vector<Client> clients(10);
  for (std::size_t i = 0; i < clients.size(); ++i) {
    Client& client = clients[i];
    for (int line = 0; line < 200; ++line) client.sent += std::to_string(i) + ":" + std::to_string(line) + "\n";
    client.stream = client_poller->connect(host(1, 80), {}).value();
    EXPECT_TRUE(client.stream->start(client.recorder));
    client.recorder.data = [&, i](std::string_view bytes) {
      note(std::to_string(i) + " got " + std::to_string(bytes.size()));
      return bytes.size();
    };
    client.recorder.closed = [&, i] { note(std::to_string(i) + " closed"); };
    client.stream->write(client.sent);
    client.stream->finish();
  }

  for (;;) {
    std::uint64_t told = 0;
    do {
      told = server_poller->told() + client_poller->told();
      for (Poller* const poller : {server_poller.get(), client_poller.get()}) {
        poller->wait(Duration::zero());
        poller->dispatch();
      }
    } while (server_poller->told() + client_poller->told() != told);
    if (network.next_due() == kNever) break;
    clock.advance(std::max(Duration::zero(), network.next_due() - clock.now()));
  }
  for (const Client& client : clients) {
    EXPECT_EQ(client.recorder.used, client.sent.substr(0, client.recorder.used.size())) << "seed " << seed;
    if (!client.recorder.closes.empty() && !client.recorder.closes[0].failed()) {
      EXPECT_EQ(client.recorder.used.size(), client.sent.size()) << "seed " << seed;
    }
  }
  return log;
}

TEST(MemoryNetworkSimulation, KeepsOrderAndBytesWhateverItsModelDoes) {
  std::size_t unlike = 0;
  std::size_t whole = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    const std::string log = echo(seed);
    EXPECT_EQ(log, echo(seed)) << "the same seed is the same run";
    if (log != echo(seed + 1000)) ++unlike;
    if (log.find("closed") != std::string::npos) ++whole;
  }
  EXPECT_EQ(unlike, 50U);
  EXPECT_EQ(whole, 50U);
}

// Checks.

TEST_F(MemoryNetworkTest, IsWokenFromAnyThread) {
  std::thread waker([&] { client_poller->wake(); });
  client_poller->wait(Poller::kForever);
  waker.join();
}

TEST(MemoryNetworkDeathTest, StopsWhenItGoesBeforeWhatItMade) {
  const ManualClock clock;
  auto network = std::make_unique<MemoryNetwork>(clock);
  auto poller = network->make_poller();
  EXPECT_DEATH(network.reset(), "a network outlives what it made");
  poller.reset();
  auto pair = network->make_pair();
  EXPECT_DEATH(network.reset(), "a network outlives what it made");
}

TEST(MemoryNetworkDeathTest, StopsWhenItsPollerGoesBeforeAStream) {
  const ManualClock clock;
  MemoryNetwork network(clock);
  StreamRecorder recorder;
  auto poller = network.make_poller();
  auto pair = network.make_pair();
  auto stream = poller->adopt(std::move(pair.first), {});
  ASSERT_TRUE(stream->start(recorder));
  EXPECT_DEATH(poller.reset(), "streams and listeners go before their poller");
}

TEST(MemoryNetworkDeathTest, StopsWhenItIsUsedOnTwoThreads) {
#ifdef NDEBUG
  GTEST_SKIP() << "checked in debug builds";
#endif
  const ManualClock clock;
  MemoryNetwork network(clock);
  const auto poller = network.make_poller();
  poller->wait(Duration::zero());
  EXPECT_DEATH(std::thread([&] { poller->wait(Duration::zero()); }).join(), "on its own loop only");
}

}  // namespace
}  // namespace fluxor::runtime
