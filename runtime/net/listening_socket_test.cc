#include "runtime/net/listening_socket.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

namespace fluxor::runtime {
namespace {

Endpoint loopback() { return Endpoint::parse("127.0.0.1", 0).value(); }

// Begins to connect; whether it succeeds within `milliseconds`.
struct Attempt {
  Socket socket;
  bool connected;
};
Attempt connect_to(const Endpoint& endpoint, int milliseconds) {
  Socket socket(::socket(endpoint.family(), SOCK_STREAM | SOCK_NONBLOCK, 0));
  if (::connect(socket.descriptor(), endpoint.native(), endpoint.native_size()) == 0) return {std::move(socket), true};
  pollfd wait{socket.descriptor(), POLLOUT, 0};
  const bool connected = errno == EINPROGRESS && ::poll(&wait, 1, milliseconds) == 1 && (wait.revents & POLLERR) == 0;
  return {std::move(socket), connected};
}

TEST(ListeningSocket, SaysWhichPortItGot) {
  auto socket = ListeningSocket::open(loopback(), {}).value();
  EXPECT_NE(socket.local_endpoint().port(), 0);
  EXPECT_TRUE(connect_to(socket.local_endpoint(), 1000).connected);
}

TEST(ListeningSocket, HandsOnThatSmallWritesAreNotHeldBack) {
  auto socket = ListeningSocket::open(loopback(), {}).value();
  const Attempt attempt = connect_to(socket.local_endpoint(), 1000);
  const Socket accepted(::accept(socket.descriptor(), nullptr, nullptr));
  int no_delay = 0;
  socklen_t size = sizeof(no_delay);
  ASSERT_EQ(::getsockopt(accepted.descriptor(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
  EXPECT_EQ(no_delay, 1);
}

TEST(ListeningSocket, TakesItsPortAgainWhileOldConnectionsDieAway) {
  auto first = ListeningSocket::open(loopback(), {});
  const Endpoint at = first->local_endpoint();
  Attempt attempt = connect_to(at, 1000);
  Socket accepted(::accept(first->descriptor(), nullptr, nullptr));
  accepted.reset();  // the server closes first, so the port waits on its side
  char byte;
  pollfd wait{attempt.socket.descriptor(), POLLIN, 0};
  ::poll(&wait, 1, 1000);
  EXPECT_EQ(::recv(attempt.socket.descriptor(), &byte, 1, 0), 0);
  attempt.socket.reset();
  first = Errc::closed;
  EXPECT_TRUE(ListeningSocket::open(at, {}));
}

TEST(ListeningSocket, KeepsAsManyConnectionsAsItWasTold) {
  auto socket = ListeningSocket::open(loopback(), {.backlog = 16}).value();
  std::vector<Attempt> attempts;
  for (int i = 0; i < 10; ++i) {
    attempts.push_back(connect_to(socket.local_endpoint(), 100));
    EXPECT_TRUE(attempts.back().connected);
  }
}

TEST(ListeningSocket, RefusesAPortThatIsTaken) {
  auto first = ListeningSocket::open(loopback(), {}).value();
  const auto second = ListeningSocket::open(first.local_endpoint(), {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), boost::system::errc::address_in_use);
}

TEST(ListeningSocket, TakesIpv4OnTheIpv6SocketForEveryAddress) {
  auto socket = ListeningSocket::open(Endpoint::any_v6(0), {});
  if (!socket) GTEST_SKIP() << "no IPv6 here: " << socket.error().message();
  const auto v4 = Endpoint::parse("127.0.0.1", socket->local_endpoint().port()).value();
  EXPECT_TRUE(connect_to(v4, 1000).connected);
}

TEST(ListeningSocket, KeepsWhatTheKernelHasAcceptedAndTakesNothingNewOnceItRefuses) {
  auto socket = ListeningSocket::open(loopback(), {}).value();
  const Attempt before = connect_to(socket.local_endpoint(), 1000);
  ASSERT_TRUE(before.connected);
  if (const auto refusing = socket.refuse_new(); !refusing) {
    // Some kernels keep socket filters to the superuser.
    EXPECT_EQ(refusing.error(), boost::system::errc::operation_not_permitted);
    EXPECT_TRUE(connect_to(socket.local_endpoint(), 1000).connected) << "nothing has changed";
    return;
  }
  EXPECT_FALSE(connect_to(socket.local_endpoint(), 50).connected);
  EXPECT_GE(Socket(::accept(socket.descriptor(), nullptr, nullptr)).descriptor(), 0);
  EXPECT_EQ(::accept(socket.descriptor(), nullptr, nullptr), -1);
  EXPECT_EQ(errno, EAGAIN);
}

}  // namespace
}  // namespace fluxor::runtime
