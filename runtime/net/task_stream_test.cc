#include "runtime/net/task_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/net/endpoint.h"
#include "runtime/net/listening_socket.h"
#include "runtime/net/memory_network.h"
#include "runtime/net/tested_transports.h"
#include "runtime/net/transport_loop.h"
#include "runtime/task/frame_pool.h"
#include "runtime/task/scope.h"
#include "runtime/task/task.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/test_loop.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

constexpr StreamOptions kSmallMarks{.unsent_high_bytes = 4096, .unsent_low_bytes = 1024};

class TaskStreamTest : public testing::TestWithParam<TransportKind> {
 protected:
  void SetUp() override {
    transport = GetParam().make();
    if (transport == nullptr) GTEST_SKIP() << "not on this machine";
    here.emplace(*transport);
  }
  void TearDown() override {
    if (here) EXPECT_TRUE(here->failures.empty());
    left.reset();
    right.reset();
    here.reset();
    EXPECT_EQ(live_frames(), frames_before_);
  }
  void connect(int buffer_bytes = 0) {
    auto [a, b] = transport->make_pair(buffer_bytes);
    left = TaskStream::over(here->poller().adopt(std::move(a), kSmallMarks)).value();
    right = TaskStream::over(here->poller().adopt(std::move(b), kSmallMarks)).value();
  }

  const std::uint64_t frames_before_ = live_frames();
  std::unique_ptr<TestedTransport> transport;
  std::optional<TransportLoop> here;
  std::unique_ptr<TaskStream> left, right;
};

// Everything until the peer's end, in pieces of at most `size` bytes.
Task<std::string> read_all(TaskStream* stream, std::size_t size) {
  std::string all, buffer(size, '\0');
  for (;;) {
    const Result<std::size_t> read = co_await stream->read_some(buffer);
    if (!read) co_return all + "!" + read.error().message();
    if (*read == 0) co_return all;
    all += buffer.substr(0, *read);
  }
}

Task<error_code> write_one(TaskStream* stream, std::string bytes) {
  const Result<void> written = co_await stream->write(bytes);
  co_return written ? error_code() : written.error();
}

Task<error_code> read_one(TaskStream* stream) {
  std::array<char, 16> buffer;
  const Result<std::size_t> read = co_await stream->read_some(buffer);
  co_return read ? error_code() : read.error();
}

// A task in a scope that a test can cancel.
template <typename Make>
Task<> in_scope(Scope** scope, std::optional<error_code>* answer, Make make) {
  co_await with_scope([&](Scope& inner) -> Task<> {
    *scope = &inner;
    *answer = co_await make();
  });
}

std::string pattern(std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>('a' + i * 7 % 23);
  return text;
}

TEST_P(TaskStreamTest, ReadsWhatWasWrittenInOrderUntilTheEnd) {
  connect();
  for (const std::size_t size : {1, 7, 4096}) {
    connect();
    const std::string text = pattern(3000);
    auto reading = here->start(read_all(left.get(), size));
    for (std::size_t at = 0; at < text.size(); at += 1000) {
      auto writing = here->start(write_one(right.get(), text.substr(at, 1000)));
      ASSERT_TRUE(here->run_until([&] { return writing.ready(); }));
    }
    right->finish();
    ASSERT_TRUE(here->run_until([&] { return reading.ready(); }));
    EXPECT_EQ(reading.get(), text);
  }
}

TEST_P(TaskStreamTest, KeepsSayingThatThePeerHasEnded) {
  connect();
  right->finish();
  for (int i = 0; i < 2; ++i) {
    auto reading = here->start(read_all(left.get(), 10));
    ASSERT_TRUE(here->run_until([&] { return reading.ready(); }));
    EXPECT_EQ(reading.get(), "");
  }
}

TEST_P(TaskStreamTest, MakesWhoWritesWaitWhileNobodyReadsAndLosesNothing) {
  connect(4096);
  constexpr std::size_t kPieces = 1200;
  const auto write_all = [](TaskStream* stream, std::size_t* written) -> Task<> {
    const std::string piece = pattern(1000);
    for (; *written < kPieces; ++*written) EXPECT_TRUE(co_await stream->write(piece));
    stream->finish();
  };
  std::size_t written = 0;
  auto writing = here->start(write_all(right.get(), &written));
  here->settle();
  EXPECT_FALSE(writing.ready());
  const std::size_t stuck = written;
  EXPECT_LT(stuck, kPieces);
  EXPECT_LE(right->stream().unsent_bytes(), kSmallMarks.unsent_high_bytes + 1000);
  here->settle();
  EXPECT_EQ(written, stuck) << "nothing is read while nobody reads";
  auto reading = here->start(read_all(left.get(), 5000));
  ASSERT_TRUE(here->run_until([&] { return reading.ready(); }));
  EXPECT_TRUE(writing.ready());
  std::string expected;
  for (std::size_t i = 0; i < kPieces; ++i) expected += pattern(1000);
  EXPECT_TRUE(reading.get() == expected);
}

TEST_P(TaskStreamTest, LetsThoseWhoWaitToWriteDoItInOrder) {
  connect(4096);
  auto first = here->start(write_one(right.get(), std::string(900'000, '0')));
  EXPECT_TRUE(first.ready());
  std::vector<Started<error_code>> writing;
  for (const char digit : {'1', '2', '3'}) {
    writing.push_back(here->start(write_one(right.get(), std::string(5000, digit))));
    EXPECT_FALSE(writing.back().ready());
  }
  auto reading = here->start(read_all(left.get(), 8000));
  ASSERT_TRUE(here->run_until([&] { return writing.back().ready(); }));
  right->finish();
  ASSERT_TRUE(here->run_until([&] { return reading.ready(); }));
  std::string expected(900'000, '0');
  for (const char digit : {'1', '2', '3'}) expected += std::string(5000, digit);
  EXPECT_TRUE(reading.get() == expected);
  for (auto& write : writing) EXPECT_FALSE(write.get());
}

TEST_P(TaskStreamTest, LetsOneWriteAtATimeGoOverTheMark) {
  connect(4096);
  constexpr std::size_t kWrite = 900'000;
  std::vector<Started<error_code>> writing;
  for (const char digit : {'0', '1', '2'})
    writing.push_back(here->start(write_one(right.get(), std::string(kWrite, digit))));
  auto reading = here->start(read_all(left.get(), 8000));
  std::size_t most = 0;
  ASSERT_TRUE(here->run_until([&] {
    most = std::max(most, right->stream().unsent_bytes());
    return writing.back().ready() && right->stream().unsent_bytes() == 0;
  }));
  EXPECT_LE(most, kSmallMarks.unsent_high_bytes + kWrite);
  right->finish();
  ASSERT_TRUE(here->run_until([&] { return reading.ready(); }));
  EXPECT_EQ(reading.get().size(), 3 * kWrite);
}

TEST_P(TaskStreamTest, WakesAReaderAtOnceWhenItIsCancelledAndLosesNoByte) {
  connect();
  Scope* scope = nullptr;
  std::optional<error_code> answer;
  auto reading = here->start(in_scope(&scope, &answer, [&] { return read_one(left.get()); }));
  here->settle();
  scope->cancel();
  here->loop().run_until_idle();
  EXPECT_TRUE(reading.ready());
  EXPECT_EQ(answer, make_error_code(Errc::cancelled));
  auto writing = here->start(write_one(right.get(), "after"));
  here->settle();
  right->finish();
  auto again = here->start(read_all(left.get(), 3));
  ASSERT_TRUE(here->run_until([&] { return again.ready(); }));
  EXPECT_EQ(again.get(), "after");
}

TEST_P(TaskStreamTest, AnswersDeadlineToAReaderExactlyThen) {
  connect();
  const auto wait = [](TaskStream* stream, std::optional<error_code>* answer) -> Task<> {
    try {
      co_await with_scope(within(5ms), [&](Scope&) -> Task<> { *answer = co_await read_one(stream); });
    } catch (const std::exception&) {
    }
  };
  std::optional<error_code> answer;
  auto waiting = here->start(wait(left.get(), &answer));
  here->clock().advance(5ms - 1ns);
  here->settle();
  EXPECT_FALSE(answer);
  here->clock().advance(1ns);
  here->loop().run_until_idle();
  EXPECT_EQ(answer, make_error_code(Errc::deadline));
  EXPECT_TRUE(waiting.ready());
}

TEST_P(TaskStreamTest, WritesNothingOfAWriteThatWasCancelledInLine) {
  connect(4096);
  auto first = here->start(write_one(right.get(), std::string(900'000, '0')));
  Scope* scope = nullptr;
  std::optional<error_code> answer;
  auto cut = here->start(in_scope(&scope, &answer, [&] { return write_one(right.get(), "cut"); }));
  auto behind = here->start(write_one(right.get(), "behind"));
  scope->cancel();
  here->loop().run_until_idle();
  EXPECT_EQ(answer, make_error_code(Errc::cancelled));
  auto reading = here->start(read_all(left.get(), 8000));
  ASSERT_TRUE(here->run_until([&] { return behind.ready(); }));
  right->finish();
  ASSERT_TRUE(here->run_until([&] { return reading.ready(); }));
  EXPECT_TRUE(reading.get() == std::string(900'000, '0') + "behind");
}

TEST_P(TaskStreamTest, TellsAllWhoWaitThatItWasClosed) {
  connect(4096);
  auto full = here->start(write_one(right.get(), std::string(900'000, '0')));
  auto writing = here->start(write_one(right.get(), "late"));
  auto reading = here->start(read_one(right.get()));
  right->close();
  here->loop().run_until_idle();
  EXPECT_EQ(writing.get(), Errc::closed);
  EXPECT_EQ(reading.get(), Errc::closed);
  EXPECT_EQ(here->start(write_one(right.get(), "x")).get(), Errc::closed);
  EXPECT_EQ(here->start(read_one(right.get())).get(), Errc::closed);
  here->settle();
  EXPECT_EQ(here->start(read_one(right.get())).get(), Errc::closed);
}

TEST_P(TaskStreamTest, RefusesToWriteAfterItsOwnEndAndStillReads) {
  connect(4096);
  auto full = here->start(write_one(right.get(), std::string(900'000, '0')));
  auto writing = here->start(write_one(right.get(), "late"));
  right->finish();
  here->loop().run_until_idle();
  EXPECT_EQ(writing.get(), Errc::closed);
  EXPECT_EQ(here->start(write_one(right.get(), "x")).get(), Errc::closed);
  auto answer = here->start(write_one(left.get(), "answer"));
  left->finish();
  auto drain = here->start(read_all(left.get(), 8000));
  auto reading = here->start(read_all(right.get(), 10));
  ASSERT_TRUE(here->run_until([&] { return reading.ready() && drain.ready(); }));
  EXPECT_EQ(reading.get(), "answer");
}

TEST_P(TaskStreamTest, TellsWhoReadsAndWritesThatThePeerResetTheConnection) {
  if (!transport->knows_reset()) GTEST_SKIP() << "no reset here";
  connect(4096);
  auto full = here->start(write_one(right.get(), std::string(900'000, '0')));
  auto writing = here->start(write_one(right.get(), "late"));
  auto reading = here->start(read_one(right.get()));
  left->abort();
  ASSERT_TRUE(here->run_until([&] { return reading.ready() && writing.ready(); }));
  EXPECT_EQ(reading.get(), boost::system::errc::connection_reset);
  EXPECT_EQ(writing.get(), boost::system::errc::connection_reset);
  EXPECT_EQ(here->start(read_one(right.get())).get(), boost::system::errc::connection_reset);
  EXPECT_EQ(here->start(write_one(right.get(), "x")).get(), boost::system::errc::connection_reset);
}

TEST_P(TaskStreamTest, MayBeDestroyedByWhoJustRead) {
  connect();
  const auto read_and_go = [](std::unique_ptr<TaskStream>* stream) -> Task<> {
    std::array<char, 2> buffer;
    EXPECT_TRUE(co_await (*stream)->read_some(buffer));
    stream->reset();
  };
  auto reading = here->start(read_and_go(&left));
  auto writing = here->start(write_one(right.get(), "bytes"));
  ASSERT_TRUE(here->run_until([&] { return reading.ready(); }));
  EXPECT_EQ(left, nullptr);
}

INSTANTIATE_TEST_SUITE_P(On, TaskStreamTest, testing::ValuesIn(all_transports()), name_of_transport);

// Nobody answers, and the time of the scope is over.
TEST(TaskStreamConnect, GivesUpExactlyAtTheDeadlineOfItsScope) {
  ManualClock clock;
  TestLoop loop(clock);
  const Endpoint host = Endpoint::parse("127.0.0.1", 0).value();
  const ListeningSocket listening = loop.network().listen(host).value();
  loop.network().partition(host, host);
  std::optional<error_code> answer;
  const auto connect = [](TestLoop* loop, Endpoint to, std::optional<error_code>* answer) -> Task<> {
    try {
      co_await with_scope(within(5ms), [&](Scope&) -> Task<> {
        const auto stream = co_await TaskStream::connect(loop->loop().poller(), to);
        *answer = stream.error();
      });
    } catch (const std::exception&) {
    }
  };
  auto connecting = loop.start(connect(&loop, listening.local_endpoint(), &answer));
  loop.advance(5ms - 1ns);
  EXPECT_FALSE(connecting.ready());
  loop.advance(1ns);
  EXPECT_TRUE(connecting.ready());
  EXPECT_EQ(answer, make_error_code(Errc::deadline));
  loop.network().heal(host, host);
  loop.advance(1s);
  EXPECT_TRUE(loop.failures().empty());
}

TEST(TaskStreamConnect, ThrowsCancelledInATaskThatWasCancelledBefore) {
  ManualClock clock;
  TestLoop loop(clock);
  bool went_on = false;
  const auto connect = [](TestLoop* loop, bool* went_on) -> Task<> {
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.cancel();
      static_cast<void>(co_await TaskStream::connect(loop->loop().poller(), Endpoint::parse("127.0.0.1", 1).value()));
      *went_on = true;
    });
  };
  auto connecting = loop.start(connect(&loop, &went_on));
  EXPECT_TRUE(connecting.ready());
  EXPECT_FALSE(went_on);
}

// Who waits goes first.
TEST(TaskStreamDeathTest, StopsWhenItIsDestroyedUnderAReader) {
  const auto transport = all_transports().front().make();
  TransportLoop here(*transport);
  const auto die = [&] {
    auto [a, b] = transport->make_pair(0);
    auto stream = TaskStream::over(here.poller().adopt(std::move(a), {})).value();
    auto reading = here.start(read_one(stream.get()));
    stream.reset();
  };
  EXPECT_DEATH(die(), "goes before the stream");
}

TEST(TaskStreamDeathTest, StopsWhenTwoTasksRead) {
  const auto transport = all_transports().front().make();
  TransportLoop here(*transport);
  const auto die = [&] {
    auto [a, b] = transport->make_pair(0);
    auto stream = TaskStream::over(here.poller().adopt(std::move(a), {})).value();
    auto first = here.start(read_one(stream.get()));
    auto second = here.start(read_one(stream.get()));
  };
  EXPECT_DEATH(die(), "one task at a time reads");
}

}  // namespace
}  // namespace fluxor::runtime
