#include "runtime/net/task_listener.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/net/task_stream.h"
#include "runtime/net/tested_transports.h"
#include "runtime/net/transport_loop.h"
#include "runtime/task/frame_pool.h"
#include "runtime/task/scope.h"
#include "runtime/task/task.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;
using Connected = Result<std::unique_ptr<TaskStream>>;

class TaskListenerTest : public testing::TestWithParam<TransportKind> {
 protected:
  void SetUp() override {
    transport = GetParam().make();
    if (transport == nullptr) GTEST_SKIP() << "not on this machine";
    here.emplace(*transport);
    socket.emplace(transport->listen({}).value());
    listener = TaskListener::listen(here->poller(), *socket).value();
  }
  void TearDown() override {
    if (here) EXPECT_TRUE(here->failures.empty());
    listener.reset();
    socket.reset();
    here.reset();
    EXPECT_EQ(live_frames(), frames_before_);
  }
  Started<Connected> connect() { return here->start(TaskStream::connect(here->poller(), socket->local_endpoint())); }

  const std::uint64_t frames_before_ = live_frames();
  std::unique_ptr<TestedTransport> transport;
  std::optional<TransportLoop> here;
  std::optional<ListeningSocket> socket;
  std::unique_ptr<TaskListener> listener;
};

Task<> accept_some(TaskListener* listener, int count, std::vector<Socket>* accepted) {
  for (int i = 0; i < count; ++i) {
    Result<Socket> connection = co_await listener->accept();
    if (!connection) co_return;
    accepted->push_back(std::move(*connection));
  }
}

TEST_P(TaskListenerTest, AcceptsConnectionsOverWhichBytesGoBothWays) {
  std::vector<Socket> accepted;
  auto accepting = here->start(accept_some(listener.get(), 1, &accepted));
  auto connecting = connect();
  ASSERT_TRUE(here->run_until([&] { return accepting.ready() && connecting.ready(); }));
  auto client = connecting.get().value();
  auto server = TaskStream::over(here->poller().adopt(std::move(accepted.front()), {})).value();
  const auto talk = [](TaskStream* from, TaskStream* to) -> Task<std::string> {
    std::array<char, 10> buffer;
    EXPECT_TRUE(co_await from->write("ping"));
    const std::size_t read = (co_await to->read_some(buffer)).value();
    co_return std::string(buffer.data(), read);
  };
  auto there = here->start(talk(client.get(), server.get()));
  ASSERT_TRUE(here->run_until([&] { return there.ready(); }));
  auto back = here->start(talk(server.get(), client.get()));
  ASSERT_TRUE(here->run_until([&] { return back.ready(); }));
  EXPECT_EQ(there.get() + back.get(), "pingping");
}

TEST_P(TaskListenerTest, AcceptsNothingWhileNobodyAsksAndLosesNone) {
  std::vector<Started<Connected>> connecting;
  for (int i = 0; i < 3; ++i) connecting.push_back(connect());
  here->settle();
  std::vector<Socket> accepted;
  auto one = here->start(accept_some(listener.get(), 1, &accepted));
  ASSERT_TRUE(here->run_until([&] { return one.ready(); }));
  here->settle();
  EXPECT_EQ(accepted.size(), 1U);
  auto rest = here->start(accept_some(listener.get(), 2, &accepted));
  ASSERT_TRUE(here->run_until([&] { return rest.ready(); }));
  for (auto& each : connecting) ASSERT_TRUE(here->run_until([&] { return each.ready(); }));
  for (auto& each : connecting) EXPECT_TRUE(each.get());
}

TEST_P(TaskListenerTest, WakesWhoAcceptsAtOnceWhenItIsCancelledAndLosesNoConnection) {
  Scope* scope = nullptr;
  std::optional<error_code> answer;
  const auto wait = [](TaskListener* listener, Scope** scope, std::optional<error_code>* answer) -> Task<> {
    co_await with_scope([&](Scope& inner) -> Task<> {
      *scope = &inner;
      *answer = (co_await listener->accept()).error();
    });
  };
  auto waiting = here->start(wait(listener.get(), &scope, &answer));
  here->settle();
  scope->cancel();
  here->loop().run_until_idle();
  EXPECT_TRUE(waiting.ready());
  EXPECT_EQ(answer, make_error_code(Errc::cancelled));
  auto connecting = connect();
  here->settle();
  std::vector<Socket> accepted;
  auto accepting = here->start(accept_some(listener.get(), 1, &accepted));
  ASSERT_TRUE(here->run_until([&] { return accepting.ready() && connecting.ready(); }));
  EXPECT_TRUE(connecting.get());
}

TEST_P(TaskListenerTest, MayBeDestroyedByWhoJustAccepted) {
  const auto accept_and_go = [](std::unique_ptr<TaskListener>* listener) -> Task<> {
    EXPECT_TRUE(co_await (*listener)->accept());
    listener->reset();
  };
  auto accepting = here->start(accept_and_go(&listener));
  auto connecting = connect();
  ASSERT_TRUE(here->run_until([&] { return accepting.ready() && connecting.ready(); }));
  EXPECT_EQ(listener, nullptr);
}

TEST_P(TaskListenerTest, IsRefusedWhereNobodyListens) {
  auto connecting = here->start(TaskStream::connect(here->poller(), transport->nobody()));
  ASSERT_TRUE(here->run_until([&] { return connecting.ready(); }));
  const error_code refused = connecting.get().error();
  EXPECT_TRUE(refused == boost::system::errc::connection_refused ||
              refused == boost::system::errc::no_such_file_or_directory)
      << refused.message();
}

INSTANTIATE_TEST_SUITE_P(On, TaskListenerTest, testing::ValuesIn(listening_transports()), name_of_transport);

Task<> accept_and_drop(TaskListener* listener) { static_cast<void>(co_await listener->accept()); }

TEST(TaskListenerDeathTest, StopsWhenItIsDestroyedUnderWhoAccepts) {
  const auto transport = listening_transports().front().make();
  TransportLoop here(*transport);
  const ListeningSocket socket = transport->listen({}).value();
  const auto die = [&] {
    auto listener = TaskListener::listen(here.poller(), socket).value();
    auto accepting = here.start(accept_and_drop(listener.get()));
    listener.reset();
  };
  EXPECT_DEATH(die(), "goes before the listener");
}

TEST(TaskListenerDeathTest, StopsWhenTwoTasksAccept) {
  const auto transport = listening_transports().front().make();
  TransportLoop here(*transport);
  const ListeningSocket socket = transport->listen({}).value();
  const auto die = [&] {
    auto listener = TaskListener::listen(here.poller(), socket).value();
    auto first = here.start(accept_and_drop(listener.get()));
    auto second = here.start(accept_and_drop(listener.get()));
  };
  EXPECT_DEATH(die(), "one task at a time accepts");
}

}  // namespace
}  // namespace fluxor::runtime
