#include "runtime/net/epoll_poller.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {
std::atomic<std::size_t> largest_allocation{0};
}

#ifndef __clang_analyzer__  // it believes that all these leak
void* operator new(std::size_t bytes) {
  largest_allocation = std::max(largest_allocation.load(), bytes);
  void* memory = std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

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

std::string receive(const Socket& from) {
  std::string all;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t count = ::recv(from.descriptor(), buffer.data(), buffer.size(), 0);
    if (count <= 0) return all;
    all.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

bool at_end(const Socket& from) {
  char byte;
  return ::recv(from.descriptor(), &byte, 1, 0) == 0;
}

void poll_once(Poller& poller) {
  poller.wait(Duration::zero());
  poller.dispatch();
}

class Recorder final : public StreamHandler {
 public:
  std::function<std::size_t(std::string_view)> data = [](std::string_view bytes) { return bytes.size(); };
  std::function<void()> end = [] {};
  std::function<void()> closed = [] {};
  std::function<void()> drained = [] {};
  std::vector<std::string> shown;
  int ends = 0;
  int drains = 0;
  std::vector<error_code> closes;

 private:
  std::size_t on_data(std::span<char> bytes) override {
    shown.emplace_back(bytes.data(), bytes.size());
    return data(shown.back());
  }
  void on_end() override {
    ++ends;
    end();
  }
  void on_drained() override {
    ++drains;
    drained();
  }
  void on_closed(error_code reason) override {
    closes.push_back(reason);
    closed();
  }
};

class EpollStreamTest : public testing::Test {
 protected:
  void open(int buffer_bytes = 0, StreamOptions options = {}) {
    Pair pair = make_pair(buffer_bytes);
    peer = std::move(pair.theirs);
    stream = poller->adopt(std::move(pair.ours), options);
    ASSERT_TRUE(stream->start(recorder));
  }
  void poll(int times = 3) {
    while (times-- > 0) poll_once(*poller);
  }

  std::unique_ptr<EpollPoller> poller = EpollPoller::create().value();
  Recorder recorder;
  Socket peer;
  std::unique_ptr<Stream> stream;
};

TEST_F(EpollStreamTest, ShowsWhatThePeerWrote) {
  open();
  send(peer, "hello");
  poll();
  EXPECT_EQ(recorder.shown, std::vector<std::string>{"hello"});
  EXPECT_EQ(poller->told(), 1U);
}

TEST_F(EpollStreamTest, ShowsUnusedBytesAgainInFrontOfTheNext) {
  open();
  recorder.data = [](std::string_view bytes) { return bytes.size() > 3 ? bytes.size() : std::size_t{1}; };
  send(peer, "abc");
  poll();
  send(peer, "de");
  poll();
  EXPECT_EQ(recorder.shown, (std::vector<std::string>{"abc", "bcde"}));
}

TEST_F(EpollStreamTest, ReadsNothingWhilePausedAndShowsWhatWasLeftOnceResumed) {
  open();
  recorder.data = [this](std::string_view) {
    stream->pause_reading();
    return std::size_t{1};
  };
  send(peer, "ab");
  poll();
  send(peer, "c");
  poll();
  EXPECT_EQ(recorder.shown, std::vector<std::string>{"ab"});
  recorder.data = [](std::string_view bytes) { return bytes.size(); };
  stream->resume_reading();
  EXPECT_EQ(recorder.shown.size(), 1U) << "never from inside resume_reading()";
  poll();
  EXPECT_EQ(recorder.shown, (std::vector<std::string>{"ab", "b", "c"}));
}

TEST_F(EpollStreamTest, ShowsWhatWasLeftBeforeItTellsTheEnd) {
  open();
  recorder.data = [this](std::string_view) {
    stream->pause_reading();
    return std::size_t{0};
  };
  send(peer, "ab");
  poll();
  peer.reset();
  recorder.data = [this](std::string_view bytes) {
    EXPECT_EQ(recorder.ends, 0);
    return bytes.size();
  };
  stream->resume_reading();
  poll();
  EXPECT_EQ(recorder.shown, (std::vector<std::string>{"ab", "ab"}));
}

TEST_F(EpollStreamTest, TellsTheEndOnceAndStillWrites) {
  open();
  ::shutdown(peer.descriptor(), SHUT_WR);
  poll();
  EXPECT_EQ(recorder.ends, 1);
  stream->write("late");
  poll();
  EXPECT_EQ(recorder.ends, 1);
  EXPECT_EQ(receive(peer), "late");
}

TEST_F(EpollStreamTest, WritesThePiecesInOrder) {
  open();
  const std::array<std::string_view, 3> pieces{"one ", "two ", "three"};
  EXPECT_EQ(stream->write(pieces), WriteState::flowing);
  EXPECT_EQ(receive(peer), "one two three");
}

TEST_F(EpollStreamTest, WritesMorePiecesThanOneCallOfTheKernelTakes) {
  open(4096);
  std::vector<std::string> lines;
  std::vector<std::string_view> pieces;
  std::string expected;
  for (std::size_t i = 0; i < 100; ++i) lines.push_back(std::string(i % 7 * 100, static_cast<char>('a' + i % 26)));
  for (const std::string& line : lines) {
    pieces.emplace_back(line);
    expected += line;
  }
  stream->write(pieces);
  EXPECT_GT(stream->unsent_bytes(), 0U) << "the kernel has taken a part, so that both ways are tried";
  std::string got;
  for (int i = 0; i < 1000 && got.size() < expected.size(); ++i) {
    got += receive(peer);
    poll(1);
  }
  EXPECT_EQ(got, expected);
  const std::uint64_t told = poller->told();
  poll(3);
  EXPECT_EQ(poller->told(), told) << "with nothing unsent, room is no news";
}

TEST_F(EpollStreamTest, TellsThatThereIsRoomOnlyBelowItsLowMark) {
  open(4096, {.unsent_high_bytes = 20'000, .unsent_low_bytes = 5'000});
  EXPECT_EQ(stream->write(std::string(100'000, 'x')), WriteState::congested);
  recorder.drained = [this] { EXPECT_LE(stream->unsent_bytes(), 5'000U); };
  for (int i = 0; i < 1000 && recorder.drains == 0; ++i) {
    receive(peer);
    poll(1);
  }
  EXPECT_GT(stream->unsent_bytes(), 0U);
  for (int i = 0; i < 1000 && stream->unsent_bytes() != 0; ++i) {
    receive(peer);
    poll(1);
  }
  EXPECT_EQ(recorder.drains, 1) << "once for all that was congested";
}

TEST_F(EpollStreamTest, KeepsTheOrderWhenTheKernelHasRoomAgain) {
  open(4096);
  const std::string bytes(100'000, 'x');
  stream->write(bytes);
  ASSERT_GT(stream->unsent_bytes(), 0U);
  std::string got = receive(peer);
  stream->write("last");  // there is room for it, but others come first
  for (int i = 0; i < 1000 && stream->unsent_bytes() != 0; ++i) {
    poll(1);
    got += receive(peer);
  }
  EXPECT_EQ(got, bytes + "last");
}

TEST_F(EpollStreamTest, ShowsNothingWhenPausedAgainBeforeItWasShown) {
  open();
  recorder.data = [this](std::string_view) {
    stream->pause_reading();
    return std::size_t{0};
  };
  send(peer, "ab");
  poll();
  stream->resume_reading();
  stream->pause_reading();
  poll();
  EXPECT_EQ(recorder.shown.size(), 1U);
  recorder.data = [](std::string_view bytes) { return bytes.size(); };
  stream->resume_reading();
  poll();
  EXPECT_EQ(recorder.shown, (std::vector<std::string>{"ab", "ab"}));
}

TEST_F(EpollStreamTest, IsCalledOnceHoweverOftenItWasResumed) {
  open();
  for (int i = 0; i < 3; ++i) {
    stream->pause_reading();
    stream->resume_reading();
  }
  poll();
  EXPECT_EQ(poller->told(), 1U);
}

// The receive buffer is full of what was left; there is no room to read behind it.
TEST_F(EpollStreamTest, ShowsAFullBufferThatWasLeftBeforeItReadsOn) {
  Recorder first_recorder;
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

TEST_F(EpollStreamTest, ClosesWithoutAnErrorWhenBothHalvesHaveEnded) {
  open();
  stream->finish();
  peer.reset();
  poll();
  EXPECT_EQ(recorder.ends, 1);
  EXPECT_EQ(recorder.closes, std::vector<error_code>{error_code()});
  const std::uint64_t told = poller->told();
  poll(3);
  EXPECT_EQ(poller->told(), told);
}

TEST_F(EpollStreamTest, ShowsTheRestWhenOthersHaveHadTheirTurn) {
  open();
  recorder.data = [this](std::string_view bytes) {
    stream->pause_reading();
    stream->resume_reading();
    return std::min<std::size_t>(bytes.size(), 1);
  };
  send(peer, std::string(100, 'x'));
  std::size_t shown = 0;
  for (int i = 0; i < 100 && recorder.shown.size() < 100; ++i) {
    poll(1);
    EXPECT_LE(recorder.shown.size(), shown + 3);
    shown = recorder.shown.size();
  }
  EXPECT_EQ(shown, 100U);
}

TEST_F(EpollStreamTest, KeepsWhatTheKernelDoesNotTakeAndSendsItInOrder) {
  open(4096, {.unsent_high_bytes = 10'000, .unsent_low_bytes = 1'000});
  std::string expected;
  WriteState state = WriteState::flowing;
  for (int i = 0; state == WriteState::flowing && i < 100'000; ++i) {
    const std::string line = std::to_string(i) + "\n";
    expected += line;
    state = stream->write(line);
  }
  EXPECT_EQ(state, WriteState::congested);
  EXPECT_GT(stream->unsent_bytes(), 10'000U);
  std::string got;
  for (int i = 0; i < 1000 && got.size() < expected.size(); ++i) {
    got += receive(peer);
    poll(1);
  }
  EXPECT_EQ(got, expected);
  EXPECT_EQ(recorder.drains, 1);
  EXPECT_EQ(stream->unsent_bytes(), 0U);
}

TEST_F(EpollStreamTest, EndsItsHalfOnlyWhenAllIsSent) {
  open(4096);
  const std::string bytes(200'000, 'x');
  stream->write(bytes);
  stream->finish();
  stream->write("dropped");
  std::string got;
  for (int i = 0; i < 1000 && got.size() < bytes.size(); ++i) {
    got += receive(peer);
    poll(1);
  }
  EXPECT_EQ(got, bytes);
  EXPECT_TRUE(at_end(peer));
}

TEST_F(EpollStreamTest, KeepsItsMemoryWhileTheUnsentBytesNeverRunOut) {
  open(4096, {.unsent_high_bytes = 20'000, .unsent_low_bytes = 10'000});
  const std::string line(1000, 'x');
  const std::size_t wanted = 1'000'000;
  std::size_t written = 0;
  std::size_t got = 0;
  largest_allocation = 0;
  while (got < wanted) {
    while (stream->unsent_bytes() < 20'000) {
      stream->write(line);
      written += line.size();
    }
    got += receive(peer).size();
    poll(1);
  }
  EXPECT_GT(written, wanted);
  EXPECT_LT(largest_allocation, 200'000U);
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
  if (!poller->has_pending()) poller->dispatch();
  EXPECT_EQ(poller->told(), told);
}

TEST_F(EpollStreamTest, TellsACloseOnceAndNeverFromInsideTheCall) {
  open();
  stream->close();
  stream->close();
  EXPECT_TRUE(recorder.closes.empty());
  poll();
  EXPECT_EQ(recorder.closes, std::vector<error_code>{error_code()});
  EXPECT_TRUE(at_end(peer));
}

TEST_F(EpollStreamTest, TellsABrokenConnectionWithItsReason) {
  open();
  peer.reset();
  stream->write("nobody reads this");
  poll();
  ASSERT_EQ(recorder.closes.size(), 1U);
  EXPECT_TRUE(recorder.closes[0].failed());
}

TEST_F(EpollStreamTest, NoticesAResetWhilePaused) {
  auto socket = ListeningSocket::open(Endpoint::parse("127.0.0.1", 0).value(), {}).value();
  const Endpoint at = socket.local_endpoint();
  peer = Socket(::socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(::connect(peer.descriptor(), at.native(), at.native_size()), 0);
  stream = poller->adopt(Socket(::accept4(socket.descriptor(), nullptr, nullptr, SOCK_NONBLOCK)), {});
  ASSERT_TRUE(stream->start(recorder));
  stream->pause_reading();
  const linger abort{1, 0};
  ::setsockopt(peer.descriptor(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
  peer.reset();
  poll();
  ASSERT_EQ(recorder.closes.size(), 1U);
  EXPECT_TRUE(recorder.shown.empty());
}

TEST_F(EpollStreamTest, DoesNotSpinOnAnEndItMayNotTell) {
  open();
  stream->pause_reading();
  send(peer, "x");
  ::shutdown(peer.descriptor(), SHUT_WR);
  poll(1);  // the event that shows that watching is of no use
  const std::uint64_t told = poller->told();
  poll(3);
  EXPECT_EQ(poller->told(), told);
  stream->resume_reading();
  poll();
  EXPECT_EQ(recorder.shown, std::vector<std::string>{"x"});
  EXPECT_EQ(recorder.ends, 1);
}

TEST_F(EpollStreamTest, MayBeDestroyedFromInsideEveryCall) {
  open();
  recorder.data = [this](std::string_view bytes) {
    stream.reset();
    return bytes.size();
  };
  send(peer, "x");
  poll();
  EXPECT_EQ(stream, nullptr);
  EXPECT_TRUE(at_end(peer));

  open();
  recorder.end = [this] { stream.reset(); };
  peer.reset();
  poll();
  EXPECT_EQ(stream, nullptr);

  open();
  recorder.closed = [this] { stream.reset(); };
  stream->close();
  poll();
  EXPECT_EQ(stream, nullptr);

  open(4096, {.unsent_high_bytes = 20'000, .unsent_low_bytes = 5'000});
  recorder.drained = [this] { stream.reset(); };
  stream->write(std::string(100'000, 'x'));
  for (int i = 0; i < 1000 && stream != nullptr; ++i) {
    receive(peer);
    poll(1);
  }
  EXPECT_EQ(stream, nullptr);
}

TEST_F(EpollStreamTest, MayBeDestroyedWhileACallForItWaits) {
  open();
  stream->close();
  stream.reset();
  poll();
  EXPECT_TRUE(recorder.closes.empty());
}

TEST_F(EpollStreamTest, MayBeDestroyedFromInsideACallOfAnotherWhileACallForItWaits) {
  open();
  Recorder other_recorder;
  Pair pair = make_pair();
  auto other = poller->adopt(std::move(pair.ours), {});
  ASSERT_TRUE(other->start(other_recorder));
  recorder.closed = [&] { other.reset(); };
  stream->close();
  other->close();
  poll();
  EXPECT_EQ(recorder.closes.size(), 1U);
  EXPECT_TRUE(other_recorder.closes.empty());
}

using EpollStreamDeathTest = EpollStreamTest;

TEST_F(EpollStreamDeathTest, StopsWhenAHandlerUsesMoreThanItWasShown) {
  open();
  recorder.data = [](std::string_view bytes) { return bytes.size() + 1; };
  send(peer, "x");
  EXPECT_DEATH(poll(), "a handler uses no more than it was shown");
}

TEST_F(EpollStreamDeathTest, StopsWhenAHandlerThatReadsLeavesTooMuch) {
  open();
  recorder.data = [](std::string_view) { return std::size_t{0}; };
  const std::string bytes(10'000, 'x');
  EXPECT_DEATH(
      {
        for (int i = 0; i < 10; ++i) {
          send(peer, bytes);
          poll();
        }
      },
      "leaves at most kUnusedBytesMax unused");
}

TEST_F(EpollStreamDeathTest, StopsWhenItIsStartedTwice) {
  open();
  EXPECT_DEATH(static_cast<void>(stream->start(recorder)), "a stream is started once");
}

TEST_F(EpollStreamTest, MayBeDestroyedWhileAnEventForItWaits) {
  open();
  Recorder other_recorder;
  Pair pair = make_pair();
  auto other = poller->adopt(std::move(pair.ours), {});
  ASSERT_TRUE(other->start(other_recorder));
  // Whichever is told first destroys the other one.
  recorder.data = [&](std::string_view bytes) {
    other.reset();
    return bytes.size();
  };
  other_recorder.data = [&](std::string_view bytes) {
    stream.reset();
    return bytes.size();
  };
  send(peer, "x");
  send(pair.theirs, "x");
  poll();
  EXPECT_EQ(recorder.shown.size() + other_recorder.shown.size(), 1U);
}

TEST_F(EpollStreamTest, EndsOnlyTheStreamWhoseHandlerThrew) {
  open();
  Recorder other_recorder;
  Pair pair = make_pair();
  auto other = poller->adopt(std::move(pair.ours), {});
  ASSERT_TRUE(other->start(other_recorder));
  recorder.data = [](std::string_view) -> std::size_t { throw std::runtime_error("boom"); };
  send(peer, "x");
  send(pair.theirs, "y");
  int thrown = 0;
  for (int i = 0; i < 4; ++i) {
    try {
      poll(1);
    } catch (const std::runtime_error&) {
      ++thrown;
    }
  }
  EXPECT_EQ(thrown, 1);
  EXPECT_EQ(recorder.closes.size(), 1U);
  EXPECT_EQ(other_recorder.shown, std::vector<std::string>{"y"});
}

class Acceptor final : public ListenerHandler {
 public:
  std::function<void()> accept = [] {};
  std::vector<Socket> accepted;
  std::vector<error_code> failures;

 private:
  void on_accept(Socket connection) override {
    accepted.push_back(std::move(connection));
    accept();
  }
  void on_accept_failed(error_code reason) override { failures.push_back(reason); }
};

std::vector<Socket> connect_many(const Endpoint& at, int count) {
  std::vector<Socket> clients;
  for (int i = 0; i < count; ++i) {
    clients.emplace_back(::socket(AF_INET, SOCK_STREAM, 0));
    EXPECT_EQ(::connect(clients.back().descriptor(), at.native(), at.native_size()), 0);
  }
  return clients;
}

TEST(EpollListener, AcceptsAndPausesAndTakesOutWhatWaits) {
  auto poller = EpollPoller::create().value();
  auto socket = ListeningSocket::open(Endpoint::parse("127.0.0.1", 0).value(), {}).value();
  Acceptor acceptor;
  auto listener = poller->listen(socket, acceptor).value();
  auto clients = connect_many(socket.local_endpoint(), 3);
  poll_once(*poller);
  EXPECT_EQ(acceptor.accepted.size(), 3U);
  listener->pause();
  auto more = connect_many(socket.local_endpoint(), 2);
  poll_once(*poller);
  EXPECT_EQ(acceptor.accepted.size(), 3U);
  EXPECT_TRUE(listener->accept_next());
  EXPECT_TRUE(listener->accept_next());
  EXPECT_FALSE(listener->accept_next());
  EXPECT_EQ(acceptor.accepted.size(), 5U);
  auto yet_more = connect_many(socket.local_endpoint(), 1);
  listener->resume();
  poll_once(*poller);
  EXPECT_EQ(acceptor.accepted.size(), 6U);
}

TEST(EpollListener, AcceptsNothingOncePausedThoughTheKernelHasToldOfAConnection) {
  auto poller = EpollPoller::create().value();
  auto socket = ListeningSocket::open(Endpoint::parse("127.0.0.1", 0).value(), {}).value();
  Acceptor acceptor;
  auto listener = poller->listen(socket, acceptor).value();
  Pair pair = make_pair();
  Recorder recorder;
  recorder.data = [&](std::string_view bytes) {
    listener->pause();
    return bytes.size();
  };
  auto stream = poller->adopt(std::move(pair.ours), {});
  ASSERT_TRUE(stream->start(recorder));
  send(pair.theirs, "x");  // first in line, so told first
  auto clients = connect_many(socket.local_endpoint(), 1);
  poll_once(*poller);
  EXPECT_EQ(recorder.shown.size(), 1U);
  EXPECT_TRUE(acceptor.accepted.empty());
  listener->resume();
  poll_once(*poller);
  EXPECT_EQ(acceptor.accepted.size(), 1U);
}

TEST(EpollListener, LeavesTheRestOfABurstToOthers) {
  auto poller = EpollPoller::create().value();
  auto other = EpollPoller::create().value();
  auto socket = ListeningSocket::open(Endpoint::parse("127.0.0.1", 0).value(), {}).value();
  Acceptor acceptor;
  Acceptor other_acceptor;
  auto listener = poller->listen(socket, acceptor).value();
  auto other_listener = other->listen(socket, other_acceptor).value();
  auto clients = connect_many(socket.local_endpoint(), 20);
  poll_once(*poller);
  EXPECT_LE(acceptor.accepted.size(), 10U);
  poll_once(*other);
  poll_once(*poller);
  EXPECT_GT(other_acceptor.accepted.size(), 0U);
  EXPECT_EQ(acceptor.accepted.size() + other_acceptor.accepted.size(), 20U);
}

TEST(EpollListener, MayBeDestroyedWhileAnEventForItWaits) {
  auto poller = EpollPoller::create().value();
  auto socket = ListeningSocket::open(Endpoint::parse("127.0.0.1", 0).value(), {}).value();
  Acceptor acceptor;
  auto listener = poller->listen(socket, acceptor).value();
  Pair pair = make_pair();
  Recorder recorder;
  recorder.data = [&](std::string_view bytes) {
    listener.reset();
    return bytes.size();
  };
  auto stream = poller->adopt(std::move(pair.ours), {});
  ASSERT_TRUE(stream->start(recorder));
  send(pair.theirs, "x");
  auto clients = connect_many(socket.local_endpoint(), 1);
  poll_once(*poller);
  EXPECT_EQ(recorder.shown.size(), 1U);
  EXPECT_TRUE(acceptor.accepted.empty());
  EXPECT_EQ(poller->told(), 1U);
}

TEST(EpollListener, MayBeDestroyedFromInsideACall) {
  auto poller = EpollPoller::create().value();
  auto socket = ListeningSocket::open(Endpoint::parse("127.0.0.1", 0).value(), {}).value();
  Acceptor acceptor;
  auto listener = poller->listen(socket, acceptor).value();
  acceptor.accept = [&] { listener.reset(); };
  auto clients = connect_many(socket.local_endpoint(), 3);
  poll_once(*poller);
  poll_once(*poller);
  EXPECT_EQ(acceptor.accepted.size(), 1U);
}

TEST(EpollListener, PausesItselfWhenThereIsNoDescriptorLeft) {
  auto poller = EpollPoller::create().value();
  auto socket = ListeningSocket::open(Endpoint::parse("127.0.0.1", 0).value(), {}).value();
  Acceptor acceptor;
  auto listener = poller->listen(socket, acceptor).value();
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
  Acceptor acceptor;
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

TEST_F(EpollStreamTest, DoesNotWaitWhileSomebodyIsToBeCalled) {
  open();
  stream->close();
  EXPECT_TRUE(poller->has_pending());
  poller->wait(Poller::kForever);
  poller->dispatch();
  EXPECT_EQ(recorder.closes.size(), 1U);
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

}  // namespace
}  // namespace fluxor::runtime
