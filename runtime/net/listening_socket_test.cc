#include "runtime/net/listening_socket.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fluxor::runtime {
namespace {

Endpoint loopback() { return Endpoint::parse("127.0.0.1", 0).value(); }

// Begins to connect; whether it succeeds within `milliseconds`.
struct Attempt {
  Socket socket;
  bool connected;
  int refusal = 0;  // errno, if it was refused at once
};
Attempt connect_to(const Endpoint& endpoint, int milliseconds) {
  Socket socket(::socket(endpoint.family(), SOCK_STREAM | SOCK_NONBLOCK, 0));
  if (::connect(socket.descriptor(), endpoint.native(), endpoint.native_size()) == 0) return {std::move(socket), true};
  const int refusal = errno;
  if (refusal != EINPROGRESS) return {std::move(socket), false, refusal};
  pollfd wait{socket.descriptor(), POLLOUT, 0};
  const bool connected = ::poll(&wait, 1, milliseconds) == 1 && (wait.revents & POLLERR) == 0;
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

TEST(ListeningSocket, TakesConnectionsToTheIpv6Loopback) {
  auto socket = ListeningSocket::open(Endpoint::parse("[::1]", 0).value(), {});
  if (!socket) GTEST_SKIP() << "no IPv6 here: " << socket.error().message();
  EXPECT_EQ(socket->local_endpoint().with_port(1).to_string(), "[::1]:1");
  EXPECT_TRUE(connect_to(socket->local_endpoint(), 1000).connected);
  EXPECT_FALSE(connect_to(Endpoint::parse("127.0.0.1", socket->local_endpoint().port()).value(), 1000).connected);
}

TEST(ListeningSocket, TakesMappedIpv4AndTellsWhereItCameFrom) {
  auto socket = ListeningSocket::open(Endpoint::parse("::ffff:127.0.0.1", 0).value(), {});
  if (!socket) GTEST_SKIP() << "no IPv6 here: " << socket.error().message();
  const auto v4 = Endpoint::parse("127.0.0.1", socket->local_endpoint().port()).value();
  EXPECT_TRUE(connect_to(v4, 1000).connected);
  const Socket accepted = socket->accept();
  sockaddr_storage native{};
  socklen_t size = sizeof(native);
  ASSERT_EQ(::getpeername(accepted.descriptor(), reinterpret_cast<sockaddr*>(&native), &size), 0);
  EXPECT_TRUE(Endpoint::from_native(native, size).to_string().starts_with("[::ffff:127.0.0.1]:"));
}

TEST(ListeningSocket, SaysThatNothingWaits) {
  auto socket = ListeningSocket::open(loopback(), {}).value();
  const Socket none = socket.accept();
  const int reason = errno;
  EXPECT_FALSE(none.valid());
  EXPECT_EQ(reason, EAGAIN);
}

// In a directory that is short enough for a path of 107 bytes, and empty again in the end.
class UnixListeningSocketTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(directory_.data()), nullptr); }
  void TearDown() override { EXPECT_EQ(::rmdir(directory_.c_str()), 0) << "something was left behind"; }

  std::string path(const char* name = "socket") const { return directory_ + "/" + name; }
  Endpoint at() const { return Endpoint::unix_path(path()).value(); }
  Result<ListeningSocket> open(const ListenOptions& options = {}) const { return ListeningSocket::open(at(), options); }
  mode_t mode() const {
    struct stat found{};
    EXPECT_EQ(::lstat(path().c_str(), &found), 0);
    return found.st_mode;
  }
  bool exists() const { return ::access(path().c_str(), F_OK) == 0; }
  // As a process that was killed: the file stays.
  void leave_stale() const {
    const Socket socket(::socket(AF_UNIX, SOCK_STREAM, 0));
    ASSERT_EQ(::bind(socket.descriptor(), at().native(), at().native_size()), 0);
    ASSERT_EQ(::listen(socket.descriptor(), 1), 0);
  }

 private:
  std::string directory_ = "/tmp/fluxor-XXXXXX";
};

TEST_F(UnixListeningSocketTest, TakesConnectionsAtItsPathUntilItsEnd) {
  {
    auto socket = open().value();
    EXPECT_EQ(socket.local_endpoint(), at());
    EXPECT_EQ(socket.local_endpoint().to_string(), "unix:" + path());
    EXPECT_TRUE(connect_to(at(), 1000).connected);
    EXPECT_TRUE(socket.accept().valid());
  }
  EXPECT_FALSE(exists());
}

TEST_F(UnixListeningSocketTest, GivesItsFileThePermissionsItWasTold) {
  for (const mode_t wanted : {0600U, 0666U, 0660U}) {
    const auto socket = open({.unix_mode = wanted}).value();
    EXPECT_EQ(mode() & 07777, wanted);
  }
}

TEST_F(UnixListeningSocketTest, ReplacesASocketOnWhichNobodyListens) {
  leave_stale();
  auto socket = open();
  ASSERT_TRUE(socket) << socket.error().message();
  EXPECT_TRUE(connect_to(at(), 1000).connected);
}

TEST_F(UnixListeningSocketTest, RefusesAPathOnWhichSomebodyListens) {
  auto first = open({.backlog = 0}).value();
  for (int i = 0; i < 3; ++i) {  // also with its queue full
    const auto second = open();
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error(), boost::system::errc::address_in_use);
    EXPECT_TRUE(exists());
  }
}

TEST_F(UnixListeningSocketTest, RefusesAPathThatIsSomethingElse) {
  {
    std::ofstream(path()) << "precious";
  }
  const auto socket = open();
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error(), boost::system::errc::not_a_socket);
  std::string content;
  std::ifstream(path()) >> content;
  EXPECT_EQ(content, "precious");
  ::unlink(path().c_str());
}

TEST_F(UnixListeningSocketTest, RefusesALinkWhereverItLeads) {
  ASSERT_EQ(::symlink("/nowhere", path().c_str()), 0);
  EXPECT_EQ(open().error(), boost::system::errc::not_a_socket);
  ::unlink(path().c_str());
}

TEST_F(UnixListeningSocketTest, SaysThatThereIsNoSuchDirectory) {
  const auto socket = ListeningSocket::open(Endpoint::unix_path(path("none/socket")).value(), {});
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error(), boost::system::errc::no_such_file_or_directory);
}

TEST_F(UnixListeningSocketTest, LeavesAFileThatIsNoLongerItsOwn) {
  auto first = open();
  ::unlink(path().c_str());
  auto second = open().value();
  first = Errc::closed;
  EXPECT_TRUE(exists());
  EXPECT_TRUE(connect_to(at(), 1000).connected);
}

TEST_F(UnixListeningSocketTest, KeepsItsFileWhenItMoves) {
  auto first = std::make_unique<ListeningSocket>(open().value());
  auto second = std::make_unique<ListeningSocket>(std::move(*first));
  first.reset();
  EXPECT_TRUE(exists());
  second.reset();
  EXPECT_FALSE(exists());
}

TEST_F(UnixListeningSocketTest, IsFoundByNobodyOnceItRefusesAndStillGivesOutWhatItHas) {
  auto socket = open().value();
  const Attempt before = connect_to(at(), 1000);
  ASSERT_TRUE(before.connected);
  ASSERT_TRUE(socket.refuse_new());
  EXPECT_FALSE(exists());
  const Attempt late = connect_to(at(), 1000);
  EXPECT_FALSE(late.connected);
  EXPECT_EQ(late.refusal, ENOENT);
  EXPECT_TRUE(socket.accept().valid());
  auto next = open();
  EXPECT_TRUE(next) << "another may take its place already";
  {
    const ListeningSocket gone = std::move(socket);
  }
  EXPECT_TRUE(exists()) << "whose file stays";
}

}  // namespace
}  // namespace fluxor::runtime
