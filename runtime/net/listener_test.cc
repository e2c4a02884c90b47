#include "runtime/net/listener.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/net/recording_handlers.h"
#include "runtime/net/tested_transports.h"

namespace fluxor::runtime {
namespace {

class ListenerTest : public testing::TestWithParam<TransportKind> {
 protected:
  void SetUp() override {
    transport = GetParam().make();
    if (transport == nullptr) GTEST_SKIP() << "this machine has no " << GetParam().name;
    poller = transport->make_poller();
    client_poller = transport->make_poller();
    socket = std::make_unique<ListeningSocket>(transport->listen({}).value());
    listener = poller->listen(*socket, acceptor).value();
  }

  // Connects `count` more, and waits until the other side's kernel has said yes.
  void connect(int count) {
    for (int i = 0; i < count; ++i) {
      clients.push_back(client_poller->connect(socket->local_endpoint(), {}).value());
      ASSERT_TRUE(clients.back()->start(client_recorder));
    }
    connected += count;
    ASSERT_TRUE(transport->poll_until({client_poller.get()}, [&] { return client_recorder.connects == connected; }));
  }
  void poll(int times = 1) {
    while (times-- > 0) transport->poll_once({poller.get()});
  }
  bool until(const std::function<bool()>& condition) { return transport->poll_until({poller.get()}, condition); }

  std::unique_ptr<TestedTransport> transport;
  std::unique_ptr<Poller> poller;
  std::unique_ptr<Poller> client_poller;
  std::unique_ptr<ListeningSocket> socket;
  AcceptRecorder acceptor;
  std::unique_ptr<Listener> listener;
  StreamRecorder client_recorder;
  int connected = 0;
  std::vector<std::unique_ptr<Stream>> clients;
};

INSTANTIATE_TEST_SUITE_P(Transports, ListenerTest, testing::ValuesIn(listening_transports()), name_of_transport);

TEST_P(ListenerTest, AcceptsWhatComes) {
  connect(3);
  EXPECT_TRUE(until([&] { return acceptor.accepted.size() == 3; }));
  connect(1);
  EXPECT_TRUE(until([&] { return acceptor.accepted.size() == 4; }));
  poll(3);
  EXPECT_EQ(acceptor.accepted.size(), 4U);
}

TEST_P(ListenerTest, AcceptsConnectionsThatCarryBytesBothWays) {
  StreamRecorder recorder;
  std::unique_ptr<Stream> stream;
  acceptor.accept = [&] {
    stream = poller->adopt(std::move(acceptor.accepted.back()), {});
    ASSERT_TRUE(stream->start(recorder));
    stream->write("welcome");
  };
  connect(1);
  clients[0]->write("hello");
  EXPECT_TRUE(transport->poll_until({poller.get(), client_poller.get()},
                                    [&] { return recorder.used == "hello" && client_recorder.used == "welcome"; }));
  EXPECT_EQ(stream->local_endpoint(), socket->local_endpoint());
  EXPECT_EQ(clients[0]->peer_endpoint(), socket->local_endpoint());
  EXPECT_EQ(stream->peer_endpoint(), clients[0]->local_endpoint());
}

TEST_P(ListenerTest, TakesOutWhatWaitsThoughItIsPaused) {
  listener->pause();
  connect(2);
  poll(3);
  EXPECT_TRUE(acceptor.accepted.empty());
  EXPECT_TRUE(listener->accept_next());
  EXPECT_TRUE(listener->accept_next());
  EXPECT_FALSE(listener->accept_next());
  EXPECT_EQ(acceptor.accepted.size(), 2U);
}

TEST_P(ListenerTest, AcceptsWhatCameWhileItWasPausedOnceItResumes) {
  listener->pause();
  listener->pause();
  connect(1);
  poll(3);
  EXPECT_TRUE(acceptor.accepted.empty());
  listener->resume();
  listener->resume();
  EXPECT_TRUE(acceptor.accepted.empty()) << "never from inside resume()";
  EXPECT_TRUE(until([&] { return acceptor.accepted.size() == 1; }));
}

TEST_P(ListenerTest, AcceptsNothingOncePausedThoughItIsToBeToldOfAConnection) {
  StreamRecorder recorder;
  recorder.data = [&](std::string_view bytes) {
    listener->pause();
    return bytes.size();
  };
  connect(1);
  ASSERT_TRUE(until([&] { return acceptor.accepted.size() == 1; }));
  auto stream = poller->adopt(std::move(acceptor.accepted[0]), {});
  ASSERT_TRUE(stream->start(recorder));
  poll();                  // nothing is ready any more
  clients[0]->write("x");  // first in line, so told first
  connect(1);
  ASSERT_TRUE(until([&] { return recorder.shown.size() == 1; }));
  EXPECT_EQ(acceptor.accepted.size(), 1U);
  listener->resume();
  EXPECT_TRUE(until([&] { return acceptor.accepted.size() == 2; }));
}

TEST_P(ListenerTest, LeavesTheRestOfABurstToOthers) {
  auto other_poller = transport->make_poller();
  AcceptRecorder other_acceptor;
  auto other_listener = other_poller->listen(*socket, other_acceptor).value();
  connect(20);
  poll();
  EXPECT_LE(acceptor.accepted.size(), 10U);
  ASSERT_TRUE(transport->poll_until({other_poller.get(), poller.get()},
                                    [&] { return acceptor.accepted.size() + other_acceptor.accepted.size() == 20; }));
  EXPECT_GT(other_acceptor.accepted.size(), 0U);
}

TEST_P(ListenerTest, HandsAConnectionToAnotherPoller) {
  auto other_poller = transport->make_poller();
  connect(1);
  ASSERT_TRUE(until([&] { return acceptor.accepted.size() == 1; }));
  StreamRecorder recorder;
  auto stream = other_poller->adopt(std::move(acceptor.accepted[0]), {});
  ASSERT_TRUE(stream->start(recorder));
  clients[0]->write("x");
  EXPECT_TRUE(transport->poll_until({other_poller.get()}, [&] { return recorder.used == "x"; }));
}

TEST_P(ListenerTest, MayBeDestroyedWhileAnEventForItWaits) {
  StreamRecorder recorder;
  recorder.data = [&](std::string_view bytes) {
    listener.reset();
    return bytes.size();
  };
  connect(1);
  ASSERT_TRUE(until([&] { return acceptor.accepted.size() == 1; }));
  auto stream = poller->adopt(std::move(acceptor.accepted[0]), {});
  ASSERT_TRUE(stream->start(recorder));
  poll();
  clients[0]->write("x");
  connect(1);
  ASSERT_TRUE(until([&] { return recorder.shown.size() == 1; }));
  poll(3);
  EXPECT_EQ(acceptor.accepted.size(), 1U);
}

TEST_P(ListenerTest, MayBeDestroyedFromInsideACall) {
  acceptor.accept = [&] { listener.reset(); };
  connect(3);
  ASSERT_TRUE(until([&] { return !acceptor.accepted.empty(); }));
  poll(3);
  EXPECT_EQ(acceptor.accepted.size(), 1U);
}

TEST_P(ListenerTest, StillGivesOutWhatItHadAcceptedWhenItRefusesWhatIsNew) {
  listener->pause();
  connect(1);
  if (const auto refusing = socket->refuse_new(); !refusing) {
    // Some kernels keep socket filters to the superuser.
    EXPECT_EQ(refusing.error(), boost::system::errc::operation_not_permitted);
    return;
  }
  StreamRecorder late_recorder;
  auto late = client_poller->connect(socket->local_endpoint(), {}).value();
  ASSERT_TRUE(late->start(late_recorder));
  for (int i = 0; i < 5; ++i) transport->poll_once({client_poller.get(), poller.get()});
  EXPECT_EQ(late_recorder.connects, 0);
  EXPECT_TRUE(listener->accept_next());
  EXPECT_FALSE(listener->accept_next());
}

}  // namespace
}  // namespace fluxor::runtime
