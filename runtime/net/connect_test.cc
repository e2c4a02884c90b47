#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/net/poller.h"
#include "runtime/net/recording_handlers.h"
#include "runtime/net/tested_transports.h"

// Poller::connect() and the streams it makes.

namespace fluxor::runtime {
namespace {

constexpr std::size_t kMillion = 1'000'000;

class ConnectTest : public testing::TestWithParam<TransportKind> {
 protected:
  void SetUp() override {
    transport = GetParam().make();
    if (transport == nullptr) GTEST_SKIP() << "this machine has no " << GetParam().name;
    poller = transport->make_poller();
    server_poller = transport->make_poller();
    socket = std::make_unique<ListeningSocket>(transport->listen({}).value());
    listener = server_poller->listen(*socket, acceptor).value();
    acceptor.accept = [this] {
      accepted = server_poller->adopt(std::move(acceptor.accepted.back()), {});
      ASSERT_TRUE(accepted->start(server_recorder));
    };
  }

  void connect(const Endpoint& to, const StreamOptions& options = {}) { stream = poller->connect(to, options).value(); }
  bool until(const std::function<bool()>& condition) {
    return transport->poll_until({poller.get(), server_poller.get()}, condition);
  }
  void poll() {
    for (int i = 0; i < 4; ++i) transport->poll_once({poller.get(), server_poller.get()});
  }

  std::unique_ptr<TestedTransport> transport;
  std::unique_ptr<Poller> poller;
  std::unique_ptr<Poller> server_poller;
  std::unique_ptr<ListeningSocket> socket;
  AcceptRecorder acceptor;
  std::unique_ptr<Listener> listener;
  StreamRecorder server_recorder;
  std::unique_ptr<Stream> accepted;
  StreamRecorder recorder;
  std::unique_ptr<Stream> stream;
};

INSTANTIATE_TEST_SUITE_P(Transports, ConnectTest, testing::ValuesIn(listening_transports()), name_of_transport);

TEST_P(ConnectTest, TellsOnceThatItIsConnectedBeforeAnythingElse) {
  connect(socket->local_endpoint());
  EXPECT_EQ(recorder.connects, 0);
  ASSERT_TRUE(stream->start(recorder));
  EXPECT_EQ(recorder.connects, 0) << "never from inside start()";
  recorder.data = [&](std::string_view bytes) {
    EXPECT_EQ(recorder.connects, 1);
    return bytes.size();
  };
  acceptor.accept = [this] {
    accepted = server_poller->adopt(std::move(acceptor.accepted.back()), {});
    accepted->write("welcome");
    ASSERT_TRUE(accepted->start(server_recorder));
  };
  EXPECT_TRUE(until([&] { return recorder.used == "welcome"; }));
  EXPECT_EQ(recorder.connects, 1);
  EXPECT_EQ(stream->peer_endpoint(), socket->local_endpoint());
  stream->write("thanks");
  EXPECT_TRUE(until([&] { return server_recorder.used == "thanks"; }));
  const std::uint64_t told = poller->told();
  poll();
  EXPECT_EQ(poller->told(), told) << "that there is room is no news";
}

TEST_P(ConnectTest, SendsInOrderWhatWasWrittenBeforeItWasConnected) {
  connect(socket->local_endpoint(), {.unsent_high_bytes = kMillion, .unsent_low_bytes = 100});
  EXPECT_EQ(stream->write("one "), WriteState::flowing);
  ASSERT_TRUE(stream->start(recorder));
  const std::string rest(kMillion - 4, 'x');
  EXPECT_EQ(stream->write(rest), WriteState::flowing);
  EXPECT_EQ(stream->unsent_bytes(), kMillion);
  EXPECT_EQ(stream->write("!"), WriteState::congested);
  recorder.connected = [&] {
    EXPECT_EQ(recorder.drains, 0);
    stream->write("last");
  };
  EXPECT_TRUE(until([&] { return server_recorder.used.size() == kMillion + 5; }));
  EXPECT_EQ(server_recorder.used, "one " + rest + "!last");
  EXPECT_EQ(recorder.drains, 1);
}

TEST_P(ConnectTest, WritesFromInsideTheNewsThatItIsConnected) {
  connect(socket->local_endpoint());
  recorder.connected = [&] {
    EXPECT_EQ(stream->write("hello"), WriteState::flowing);
    EXPECT_EQ(stream->unsent_bytes(), 0U) << "at once";
  };
  ASSERT_TRUE(stream->start(recorder));
  EXPECT_TRUE(until([&] { return server_recorder.used == "hello"; }));
}

TEST_P(ConnectTest, EndsItsHalfOnceItIsConnectedAndAllIsSent) {
  connect(socket->local_endpoint());
  stream->write("all");
  stream->finish();
  ASSERT_TRUE(stream->start(recorder));
  EXPECT_TRUE(until([&] { return recorder.connects == 1; }));
  EXPECT_EQ(stream->unsent_bytes(), 0U) << "sent in the same turn";
  EXPECT_TRUE(until([&] { return server_recorder.ends == 1; }));
  EXPECT_EQ(server_recorder.used, "all");
  EXPECT_EQ(recorder.connects, 1);
  accepted->write("answer");
  accepted->finish();
  EXPECT_TRUE(until([&] { return recorder.closes.size() == 1; }));
  EXPECT_EQ(recorder.used, "answer");
  EXPECT_EQ(recorder.closes[0], error_code());
}

TEST_P(ConnectTest, EndsItsHalfWithoutHavingSentAnything) {
  connect(socket->local_endpoint());
  ASSERT_TRUE(stream->start(recorder));
  stream->finish();
  EXPECT_TRUE(until([&] { return server_recorder.ends == 1; }));
  EXPECT_TRUE(server_recorder.used.empty());
}

TEST_P(ConnectTest, ReadsNothingUntilResumedIfItWasPausedBefore) {
  connect(socket->local_endpoint());
  stream->pause_reading();
  ASSERT_TRUE(stream->start(recorder));
  ASSERT_TRUE(until([&] { return recorder.connects == 1 && accepted != nullptr; }));
  accepted->write("x");
  poll();
  EXPECT_TRUE(recorder.shown.empty());
  stream->resume_reading();
  EXPECT_TRUE(until([&] { return recorder.used == "x"; }));
}

TEST_P(ConnectTest, TellsThatNobodyListensThere) {
  connect(transport->nobody());
  stream->write("dropped");
  ASSERT_TRUE(stream->start(recorder));
  EXPECT_TRUE(recorder.closes.empty()) << "never from inside start()";
  ASSERT_TRUE(until([&] { return recorder.closes.size() == 1; }));
  const auto expected = socket->local_endpoint().is_unix() ? boost::system::errc::no_such_file_or_directory
                                                           : boost::system::errc::connection_refused;
  EXPECT_EQ(recorder.closes[0], expected);
  EXPECT_EQ(recorder.connects, 0);
  EXPECT_EQ(stream->write("dropped"), WriteState::flowing);
  poll();
  EXPECT_EQ(recorder.closes.size(), 1U);
}

TEST_P(ConnectTest, TellsThatItWasClosedBeforeItWasConnected) {
  connect(socket->local_endpoint());
  ASSERT_TRUE(stream->start(recorder));
  stream->close();
  EXPECT_TRUE(recorder.closes.empty()) << "never from inside close()";
  poll();
  EXPECT_EQ(recorder.closes, std::vector<error_code>{error_code()});
  EXPECT_EQ(recorder.connects, 0);
  EXPECT_TRUE(server_recorder.used.empty());
}

TEST_P(ConnectTest, TellsThatItWasAbortedBeforeItWasConnected) {
  connect(socket->local_endpoint());
  stream->write("dropped");
  ASSERT_TRUE(stream->start(recorder));
  stream->abort();
  poll();
  EXPECT_EQ(recorder.closes, std::vector<error_code>{error_code()});
  EXPECT_EQ(recorder.connects, 0);
  EXPECT_TRUE(server_recorder.used.empty());
}

TEST_P(ConnectTest, SaysNothingWhenItIsDestroyedBeforeItIsConnected) {
  connect(socket->local_endpoint());
  ASSERT_TRUE(stream->start(recorder));
  stream.reset();
  poll();
  connect(transport->nobody());
  ASSERT_TRUE(stream->start(recorder));
  stream.reset();
  poll();
  EXPECT_EQ(recorder.connects, 0);
  EXPECT_TRUE(recorder.closes.empty());
}

TEST_P(ConnectTest, MayBeDestroyedOrClosedFromInsideTheNewsThatItIsConnected) {
  connect(socket->local_endpoint());
  stream->write("x");
  ASSERT_TRUE(stream->start(recorder));
  recorder.connected = [&] { stream.reset(); };
  EXPECT_TRUE(until([&] { return stream == nullptr; }));

  connect(socket->local_endpoint());
  stream->write("x");
  ASSERT_TRUE(stream->start(recorder));
  recorder.connected = [&] { stream->close(); };
  EXPECT_TRUE(until([&] { return recorder.closes.size() == 1; }));
  EXPECT_EQ(recorder.closes[0], error_code());
}

TEST_P(ConnectTest, IsConnectedBeforeAnybodyAccepts) {
  listener.reset();
  connect(socket->local_endpoint());
  stream->write("patience");
  ASSERT_TRUE(stream->start(recorder));
  ASSERT_TRUE(until([&] { return recorder.connects == 1; }));
  listener = server_poller->listen(*socket, acceptor).value();
  EXPECT_TRUE(until([&] { return server_recorder.used == "patience"; }));
}

TEST_P(ConnectTest, IsResetWhenTheListeningSocketGoesBeforeAnybodyAccepts) {
  listener.reset();
  connect(socket->local_endpoint());
  ASSERT_TRUE(stream->start(recorder));
  ASSERT_TRUE(until([&] { return recorder.connects == 1; }));
  socket.reset();
  ASSERT_TRUE(until([&] { return recorder.closes.size() == 1 || recorder.ends == 1; }));
  if (transport->knows_reset()) {
    ASSERT_EQ(recorder.closes.size(), 1U);
    EXPECT_EQ(recorder.closes[0], boost::system::errc::connection_reset);
  }
}

}  // namespace
}  // namespace fluxor::runtime
