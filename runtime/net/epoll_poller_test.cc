#include "runtime/net/epoll_poller.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/net/listening_socket.h"
#include "runtime/net/recording_handlers.h"

// What is epoll's own; what holds for every transport is in stream_test, listener_test and connect_test.

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

// Two ends of a connection inside this process: what one writes, the other can read at once.
struct Pair {
  Socket ours;
  Socket theirs;
};
Pair make_pair(int buffer_bytes = 0) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  if (buffer_bytes != 0) {
    for (const int end : ends) ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes));
  }
  return {Socket(ends[0]), Socket(ends[1])};
}

void send(const Socket& to, std::string_view bytes) {
  ASSERT_EQ(::send(to.descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
}

void poll_once(Poller& poller) {
  poller.wait(Duration::zero());
  poller.dispatch();
}

class EpollStreamTest : public testing::Test {
 protected:
  void open(int buffer_bytes = 0) {
    Pair pair = make_pair(buffer_bytes);
    peer = std::move(pair.theirs);
    stream = poller->adopt(std::move(pair.ours), {});
    ASSERT_TRUE(stream->start(recorder));
  }
  void poll(int times = 3) {
    while (times-- > 0) poll_once(*poller);
  }

  std::unique_ptr<EpollPoller> poller = EpollPoller::create().value();
  StreamRecorder recorder;
  Socket peer;
  std::unique_ptr<Stream> stream;
};

// The receive buffer is full of what was left; there is no room to read behind it.
TEST_F(EpollStreamTest, ShowsAFullBufferThatWasLeftBeforeItReadsOn) {
  StreamRecorder first_recorder;
  Pair first_pair = make_pair();
  auto first = poller->adopt(std::move(first_pair.ours), {});
  ASSERT_TRUE(first->start(first_recorder));
  open(1 << 20);
  recorder.data = [this](std::string_view) {
    stream->pause_reading();
    return std::size_t{0};
  };
  send(first_pair.theirs, "x");
  send(peer, std::string(140'000, 'x'));
  poll(1);
  ASSERT_EQ(recorder.shown.size(), 1U);
  ASSERT_EQ(recorder.shown[0].size(), 128U * 1024U);
  // Now both have something, and the first, told first, resumes the second.
  first_recorder.data = [this](std::string_view bytes) {
    stream->resume_reading();
    return bytes.size();
  };
  recorder.data = [](std::string_view bytes) { return bytes.size(); };
  send(first_pair.theirs, "x");
  poll();
  EXPECT_EQ(recorder.ends, 0);
  ASSERT_EQ(recorder.shown.size(), 3U);
  EXPECT_EQ(recorder.shown[1].size() + recorder.shown[2].size(), 140'000U);
}

TEST_F(EpollStreamTest, DoesNotBlockOnASocketThatWould) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  peer = Socket(ends[1]);
  stream = poller->adopt(Socket(ends[0]), {});
  ASSERT_TRUE(stream->start(recorder));
  stream->write(std::string(4'000'000, 'x'));
  EXPECT_GT(stream->unsent_bytes(), 0U);
}

// A child process between fork and exec has one, for example.
TEST_F(EpollStreamTest, HearsNothingMoreOnceClosedThoughSomebodyHasACopyOfItsDescriptor) {
  Pair pair = make_pair();
  peer = std::move(pair.theirs);
  const Socket copy(::dup(pair.ours.descriptor()));
  stream = poller->adopt(std::move(pair.ours), {});
  ASSERT_TRUE(stream->start(recorder));
  stream->close();
  poll();
  EXPECT_EQ(recorder.closes.size(), 1U);
  const std::uint64_t told = poller->told();
  send(peer, "x");
  poll();
  EXPECT_EQ(poller->told(), told);
}

TEST_F(EpollStreamTest, HearsNothingMoreOnceDestroyedThoughSomebodyHasACopyOfItsDescriptor) {
  Pair pair = make_pair();
  peer = std::move(pair.theirs);
  const Socket copy(::dup(pair.ours.descriptor()));
  stream = poller->adopt(std::move(pair.ours), {});
  ASSERT_TRUE(stream->start(recorder));
  stream.reset();
  const std::uint64_t told = poller->told();
  send(peer, "x");
  poller->wait(Duration::zero());
  EXPECT_FALSE(poller->has_pending());
  poller->dispatch();
  EXPECT_EQ(poller->told(), told);
}

std::vector<Socket> connect_many(const Endpoint& at, int count) {
  std::vector<Socket> clients;
  for (int i = 0; i < count; ++i) {
    clients.emplace_back(::socket(AF_INET, SOCK_STREAM, 0));
    EXPECT_EQ(::connect(clients.back().descriptor(), at.native(), at.native_size()), 0);
  }
  return clients;
}

TEST(EpollListener, PausesItselfWhenThereIsNoDescriptorLeft) {
  auto poller = EpollPoller::create().value();
  auto socket = ListeningSocket::open(Endpoint::parse("127.0.0.1", 0).value(), {}).value();
  AcceptRecorder acceptor;
  auto listener = poller->listen(socket, acceptor).value();
  // Once with descriptors: the undefined-behaviour sanitizer takes one to look at a type that it sees for the first
  // time.
  auto first = connect_many(socket.local_endpoint(), 1);
  poll_once(*poller);
  ASSERT_EQ(acceptor.accepted.size(), 1U);
  acceptor.accepted.clear();
  auto clients = connect_many(socket.local_endpoint(), 1);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{0, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  poll_once(*poller);
  const std::uint64_t told = poller->told();
  for (int i = 0; i < 3; ++i) poll_once(*poller);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  ASSERT_EQ(acceptor.failures.size(), 1U);
  EXPECT_EQ(acceptor.failures[0], boost::system::errc::too_many_files_open);
  EXPECT_EQ(poller->told(), told) << "it does not spin";
  EXPECT_TRUE(acceptor.accepted.empty());
  listener->resume();
  poll_once(*poller);
  EXPECT_EQ(acceptor.accepted.size(), 1U);
}

TEST(EpollListener, TellsWhenItCannotResume) {
  auto poller = EpollPoller::create().value();
  auto socket = ListeningSocket::open(Endpoint::parse("127.0.0.1", 0).value(), {}).value();
  AcceptRecorder acceptor;
  auto listener = poller->listen(socket, acceptor).value();
  listener->pause();
  {
    const ListeningSocket taken_away = std::move(socket);  // so that the kernel refuses
    listener->resume();
    EXPECT_TRUE(acceptor.failures.empty()) << "never from inside resume()";
    poll_once(*poller);
    ASSERT_EQ(acceptor.failures.size(), 1U);
    EXPECT_EQ(acceptor.failures[0], boost::system::errc::bad_file_descriptor);
  }
}

// A thread that is in the kernel's hands, as far as can be seen.
bool asleep(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string stat;
  std::getline(file, stat);
  const std::size_t name_end = stat.rfind(')');
  return name_end != std::string::npos && stat[name_end + 2] == 'S';
}

// The kernel wakes one of the loops that sleep, and only that.
TEST(EpollListener, LeavesToAnotherLoopWhatItWasWokenForWhenItPauses) {
  auto socket = ListeningSocket::open(Endpoint::parse("127.0.0.1", 0).value(), {}).value();
  struct Loop {
    std::unique_ptr<EpollPoller> poller = EpollPoller::create().value();
    AcceptRecorder acceptor;
    std::unique_ptr<Listener> listener;
    std::atomic<pid_t> thread{0};
  };
  std::array<Loop, 2> loops;
  std::atomic<bool> first{true};
  std::vector<std::thread> threads;
  for (Loop& loop : loops) {
    loop.listener = loop.poller->listen(socket, loop.acceptor).value();
    threads.emplace_back([&loop, &first] {
      loop.thread = ::gettid();
      loop.poller->wait(10s);
      if (first.exchange(false)) loop.listener->pause();
      loop.poller->dispatch();
    });
  }
  for (const Loop& loop : loops) {
    while (loop.thread == 0 || !asleep(loop.thread)) std::this_thread::yield();
  }
  auto clients = connect_many(socket.local_endpoint(), 1);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(loops[0].acceptor.accepted.size() + loops[1].acceptor.accepted.size(), 1U);
}

TEST(EpollListener, FindsWhatWasLeftWhenItResumes) {
  auto poller = EpollPoller::create().value();
  auto socket = ListeningSocket::open(Endpoint::parse("127.0.0.1", 0).value(), {}).value();
  AcceptRecorder acceptor;
  auto listener = poller->listen(socket, acceptor).value();
  auto clients = connect_many(socket.local_endpoint(), 1);
  listener->pause();
  poll_once(*poller);
  EXPECT_TRUE(acceptor.accepted.empty());
  listener->resume();
  poll_once(*poller);
  EXPECT_EQ(acceptor.accepted.size(), 1U);
  const std::uint64_t told = poller->told();
  poll_once(*poller);
  EXPECT_EQ(poller->told(), told) << "what had been left is taken";
}

TEST(EpollListener, MayBeDestroyedWhileTheNewsOfWhatWasLeftWaits) {
  auto poller = EpollPoller::create().value();
  auto socket = ListeningSocket::open(Endpoint::parse("127.0.0.1", 0).value(), {}).value();
  AcceptRecorder acceptor;
  auto listener = poller->listen(socket, acceptor).value();
  Pair pair = make_pair();
  StreamRecorder recorder;
  recorder.data = [&](std::string_view bytes) {
    listener.reset();
    return bytes.size();
  };
  auto stream = poller->adopt(std::move(pair.ours), {});
  ASSERT_TRUE(stream->start(recorder));
  send(pair.theirs, "x");  // first in line, so told first
  auto clients = connect_many(socket.local_endpoint(), 1);
  listener->pause();
  listener->resume();
  poll_once(*poller);
  EXPECT_EQ(recorder.shown.size(), 1U);
  EXPECT_TRUE(acceptor.accepted.empty());
  EXPECT_EQ(poller->told(), 1U);
}

TEST(EpollPoller, IsWokenFromAnotherThreadWhileItWaits) {
  auto poller = EpollPoller::create().value();
  std::thread waker([&] { poller->wake(); });
  poller->wait(Poller::kForever);
  waker.join();
}

TEST(EpollPoller, IsWokenOncePerCall) {
  auto poller = EpollPoller::create().value();
  poller->wake();
  poll_once(*poller);
  poller->wait(Duration::zero());
  EXPECT_FALSE(poller->has_pending());
}

TEST(EpollPoller, ReturnsAtOnceWhenItWasWokenBefore) {
  auto poller = EpollPoller::create().value();
  poller->wake();
  poller->wait(Poller::kForever);
}

// Some container runtimes answer so to every call they do not know.
void forbid_epoll_pwait2() {
  std::array<sock_filter, 4> code{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) ::_exit(2);  // not allowed here: nothing to see
}

TEST(EpollPollerDeathTest, WaitsAlsoWhereEpollPwait2IsForbidden) {
  EXPECT_EXIT(
      {
        auto poller = EpollPoller::create().value();
        forbid_epoll_pwait2();
        poller->wake();
        poller->wait(1h);
        ::_exit(poller->has_pending() ? 0 : 1);
      },
      [](int status) { return WIFEXITED(status) && WEXITSTATUS(status) != 1; }, "");
}

TEST(EpollPoller, WaitsAsLongAsItWasTold) {
  auto poller = EpollPoller::create().value();
  const auto before = std::chrono::steady_clock::now();
  poller->wait(2ms);
  EXPECT_GE(std::chrono::steady_clock::now() - before, 2ms);
}

TEST(EpollPoller, CannotConnectWithoutADescriptor) {
  auto poller = EpollPoller::create().value();
  const auto listening = ListeningSocket::open(Endpoint::parse("127.0.0.1", 0).value(), {}).value();
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{0, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto stream = poller->connect(listening.local_endpoint(), {});
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error(), boost::system::errc::too_many_files_open);
  EXPECT_EQ(poller->connect(Endpoint(), {}).error(), boost::system::errc::address_family_not_supported);
}

// Nothing is sent: the kernel knows that TCP does not go there.
TEST(EpollPoller, TellsOfAnUnreachablePlaceLikeOfEveryOtherFailure) {
  auto poller = EpollPoller::create().value();
  StreamRecorder recorder;
  auto stream = poller->connect(Endpoint::parse("224.0.0.1", 80).value(), {}).value();
  ASSERT_TRUE(stream->start(recorder));
  EXPECT_TRUE(recorder.closes.empty()) << "never from inside a call";
  poll_once(*poller);
  EXPECT_EQ(recorder.connects, 0);
  ASSERT_EQ(recorder.closes.size(), 1U);
  EXPECT_EQ(recorder.closes[0], boost::system::errc::network_unreachable);
}

TEST(EpollPoller, DoesNotHoldBackSmallWritesOfWhatItConnects) {
  auto poller = EpollPoller::create().value();
  const auto listening = ListeningSocket::open(Endpoint::parse("127.0.0.1", 0).value(), {}).value();
  const int descriptor_next = ::dup(listening.descriptor());  // the lowest that is free
  ::close(descriptor_next);
  auto stream = poller->connect(listening.local_endpoint(), {}).value();
  int no_delay = 0;
  socklen_t size = sizeof(no_delay);
  ASSERT_EQ(::getsockopt(descriptor_next, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
  EXPECT_EQ(no_delay, 1);
}

TEST(EpollPollerDeathTest, StopsWhenItShallAdoptAVirtualSocket) {
  auto poller = EpollPoller::create().value();
  EXPECT_DEATH(static_cast<void>(poller->adopt(Socket(std::make_unique<VirtualSocket>()), {})),
               "a socket is adopted by a poller of its own kind");
}

}  // namespace
}  // namespace fluxor::runtime
