#include "runtime/net/stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/net/recording_handlers.h"
#include "runtime/net/tested_transports.h"
#include "runtime/testing/allocation_limit.h"
#include "runtime/testing/allocations.h"

namespace fluxor::runtime {
namespace {

constexpr std::size_t kMillion = 1'000'000;  // more than lies between two ends with small buffers
constexpr int kSmall = 8192;

// A stream and its peer.  The peer has a poller of its own, so that it reads only when a test lets it.
class StreamTest : public testing::TestWithParam<TransportKind> {
 protected:
  void SetUp() override {
    transport = GetParam().make();
    if (transport == nullptr) GTEST_SKIP() << "this machine has no " << GetParam().name;
    poller = transport->make_poller();
    peer_poller = transport->make_poller();
  }

  void open(int buffer_bytes = 0, const StreamOptions& options = {}) {
    make(buffer_bytes, options);
    ASSERT_TRUE(stream->start(recorder));
    ASSERT_TRUE(peer->start(peer_recorder));
  }
  void make(int buffer_bytes = 0, const StreamOptions& options = {}) {
    auto pair = transport->make_pair(buffer_bytes);
    stream = poller->adopt(std::move(pair.first), options);
    peer = peer_poller->adopt(std::move(pair.second), {});
  }
  // Ours only.
  void poll(int times = 3) {
    while (times-- > 0) transport->poll_once({poller.get()});
  }
  void poll_peer(int times = 3) {
    while (times-- > 0) transport->poll_once({peer_poller.get()});
  }
  bool until(const std::function<bool()>& condition) { return transport->poll_until({poller.get()}, condition); }
  bool until_both(const std::function<bool()>& condition) {
    return transport->poll_until({poller.get(), peer_poller.get()}, condition);
  }
  // With whatever lies at hand, it is not called again and again.
  bool told_no_more() {
    poll(3);
    const std::uint64_t told = poller->told();
    poll(3);
    return poller->told() == told;
  }

  std::unique_ptr<TestedTransport> transport;
  std::unique_ptr<Poller> poller;
  std::unique_ptr<Poller> peer_poller;
  StreamRecorder recorder;
  StreamRecorder peer_recorder;
  std::unique_ptr<Stream> stream;
  std::unique_ptr<Stream> peer;
};

INSTANTIATE_TEST_SUITE_P(Transports, StreamTest, testing::ValuesIn(all_transports()), name_of_transport);

// Reading.

TEST_P(StreamTest, ShowsWhatThePeerWrote) {
  open();
  peer->write("hello");
  ASSERT_TRUE(until([&] { return !recorder.shown.empty(); }));
  EXPECT_EQ(recorder.shown, std::vector<std::string>{"hello"});
  EXPECT_EQ(poller->told(), 1U);
  EXPECT_EQ(recorder.connects, 0) << "it was connected when it was made";
}

TEST_P(StreamTest, ShowsUnusedBytesAgainInFrontOfTheNext) {
  open();
  recorder.data = [](std::string_view bytes) { return bytes.size() > 3 ? bytes.size() : std::size_t{1}; };
  peer->write("abc");
  ASSERT_TRUE(until([&] { return recorder.shown.size() == 1; }));
  peer->write("de");
  ASSERT_TRUE(until([&] { return recorder.shown.size() == 2; }));
  EXPECT_EQ(recorder.shown, (std::vector<std::string>{"abc", "bcde"}));
}

TEST_P(StreamTest, ReadsNothingWhilePausedAndShowsWhatWasLeftOnceResumed) {
  open();
  recorder.data = [this](std::string_view) {
    stream->pause_reading();
    return std::size_t{1};
  };
  peer->write("ab");
  ASSERT_TRUE(until([&] { return recorder.shown.size() == 1; }));
  peer->write("c");
  poll();
  EXPECT_EQ(recorder.shown, std::vector<std::string>{"ab"});
  recorder.data = [](std::string_view bytes) { return bytes.size(); };
  stream->resume_reading();
  EXPECT_EQ(recorder.shown.size(), 1U) << "never from inside resume_reading()";
  ASSERT_TRUE(until([&] { return recorder.used == "abc"; }));
  EXPECT_EQ(recorder.shown, (std::vector<std::string>{"ab", "b", "c"}));
}

TEST_P(StreamTest, ShowsNothingWhenPausedAgainBeforeItWasShown) {
  open();
  recorder.data = [this](std::string_view) {
    stream->pause_reading();
    return std::size_t{0};
  };
  peer->write("ab");
  ASSERT_TRUE(until([&] { return recorder.shown.size() == 1; }));
  stream->resume_reading();
  stream->pause_reading();
  poll();
  EXPECT_EQ(recorder.shown.size(), 1U);
  recorder.data = [](std::string_view bytes) { return bytes.size(); };
  stream->resume_reading();
  poll();
  EXPECT_EQ(recorder.shown, (std::vector<std::string>{"ab", "ab"}));
}

TEST_P(StreamTest, IsCalledOnceHoweverOftenItWasResumed) {
  open();
  for (int i = 0; i < 3; ++i) {
    stream->pause_reading();
    stream->resume_reading();
  }
  poll();
  EXPECT_EQ(poller->told(), 1U);
}

TEST_P(StreamTest, ShowsTheRestWhenOthersHaveHadTheirTurn) {
  open();
  recorder.data = [this](std::string_view bytes) {
    stream->pause_reading();
    stream->resume_reading();
    return std::min<std::size_t>(bytes.size(), 1);
  };
  peer->write(std::string(100, 'x'));
  ASSERT_TRUE(until([&] { return !recorder.shown.empty(); }));
  std::size_t shown = recorder.shown.size();
  for (int i = 0; i < 100 && recorder.shown.size() < 100; ++i) {
    poll(1);
    EXPECT_LE(recorder.shown.size(), shown + 3);
    shown = recorder.shown.size();
  }
  EXPECT_EQ(shown, 100U);
}

TEST_P(StreamTest, LetsThePeerFeelThatItIsPaused) {
  open(kSmall);
  stream->pause_reading();
  peer->write(std::string(kMillion, 'x'));
  for (int i = 0; i < 20; ++i) {
    poll(1);
    poll_peer(1);
  }
  const std::size_t stuck = peer->unsent_bytes();
  EXPECT_GT(stuck, kMillion / 10) << "what lies between them is bounded";
  EXPECT_TRUE(recorder.shown.empty());
  stream->resume_reading();
  EXPECT_TRUE(until_both([&] { return recorder.used.size() == kMillion; }));
  EXPECT_EQ(peer->unsent_bytes(), 0U);
}

// Both halves and their ends.

TEST_P(StreamTest, TellsTheEndOnceAndStillWrites) {
  open();
  peer->finish();
  ASSERT_TRUE(until([&] { return recorder.ends == 1; }));
  stream->write("late");
  EXPECT_TRUE(until_both([&] { return peer_recorder.used == "late"; }));
  EXPECT_EQ(recorder.ends, 1);
  EXPECT_TRUE(recorder.closes.empty());
}

TEST_P(StreamTest, ReadsOnWhenItHasFinished) {
  open(kSmall);
  stream->finish();
  ASSERT_TRUE(until_both([&] { return peer_recorder.ends == 1; }));
  peer->write(std::string(kMillion, 'x'));
  EXPECT_TRUE(until_both([&] { return recorder.used.size() == kMillion; }));
  EXPECT_EQ(recorder.ends, 0);
  peer->finish();
  EXPECT_TRUE(until_both([&] { return !recorder.closes.empty() && !peer_recorder.closes.empty(); }));
  EXPECT_EQ(recorder.ends, 1);
  EXPECT_EQ(recorder.closes, std::vector<error_code>{error_code()});
  EXPECT_EQ(peer_recorder.closes, std::vector<error_code>{error_code()});
}

TEST_P(StreamTest, ShowsWhatCameBeforeTheEndFirst) {
  open();
  peer->write("last");
  peer->close();
  recorder.end = [&] { EXPECT_EQ(recorder.used, "last"); };
  EXPECT_TRUE(until([&] { return recorder.ends == 1; }));
}

TEST_P(StreamTest, ShowsWhatWasLeftBeforeItTellsTheEnd) {
  open();
  recorder.data = [this](std::string_view) {
    stream->pause_reading();
    return std::size_t{0};
  };
  peer->write("ab");
  ASSERT_TRUE(until([&] { return recorder.shown.size() == 1; }));
  peer->finish();
  poll();
  EXPECT_EQ(recorder.ends, 0);
  recorder.data = [this](std::string_view bytes) {
    EXPECT_EQ(recorder.ends, 0);
    return bytes.size();
  };
  stream->resume_reading();
  EXPECT_TRUE(until([&] { return recorder.ends == 1; }));
  EXPECT_EQ(recorder.shown, (std::vector<std::string>{"ab", "ab"}));
}

TEST_P(StreamTest, DoesNotSpinOnAnEndItMayNotTell) {
  open();
  stream->pause_reading();
  peer->write("x");
  peer->finish();
  EXPECT_TRUE(told_no_more());
  stream->resume_reading();
  EXPECT_TRUE(until([&] { return recorder.ends == 1; }));
  EXPECT_EQ(recorder.shown, std::vector<std::string>{"x"});
}

TEST_P(StreamTest, ClosesWithoutAnErrorWhenBothHalvesHaveEnded) {
  open();
  stream->finish();
  peer->finish();
  EXPECT_TRUE(until([&] { return !recorder.closes.empty(); }));
  EXPECT_EQ(recorder.ends, 1);
  EXPECT_EQ(recorder.closes, std::vector<error_code>{error_code()});
  EXPECT_TRUE(told_no_more());
}

TEST_P(StreamTest, KeepsWhatItHasNotReadThoughBothHalvesEndWhileItIsPaused) {
  open();
  stream->pause_reading();
  stream->finish();
  peer->write("unread");
  ASSERT_TRUE(until_both([&] { return peer_recorder.ends == 1; }));
  peer->finish();
  EXPECT_TRUE(told_no_more());
  EXPECT_TRUE(recorder.closes.empty());
  recorder.end = [&] { EXPECT_EQ(recorder.used, "unread"); };
  stream->resume_reading();
  EXPECT_TRUE(until([&] { return !recorder.closes.empty(); }));
  EXPECT_EQ(recorder.used, "unread");
  EXPECT_EQ(recorder.ends, 1);
  EXPECT_EQ(recorder.closes, std::vector<error_code>{error_code()});
}

TEST_P(StreamTest, KeepsWhatItHasNotReadThoughThePeerHasGoneWhileItIsPaused) {
  open();
  stream->pause_reading();
  peer->write("unread");
  peer->close();
  EXPECT_TRUE(told_no_more());
  EXPECT_TRUE(recorder.closes.empty());
  stream->resume_reading();
  EXPECT_TRUE(until([&] { return recorder.ends == 1; }));
  EXPECT_EQ(recorder.used, "unread");
}

TEST_P(StreamTest, EndsItsHalfOnlyWhenAllIsSent) {
  open(kSmall);
  stream->write(std::string(kMillion, 'x'));
  EXPECT_GT(stream->unsent_bytes(), 0U);
  stream->finish();
  stream->write("dropped");
  EXPECT_TRUE(until_both([&] { return peer_recorder.ends == 1; }));
  EXPECT_EQ(peer_recorder.used, std::string(kMillion, 'x'));
}

// Writing.

TEST_P(StreamTest, WritesThePiecesInOrder) {
  open();
  const std::array<std::string_view, 4> pieces{"one ", "two ", "", "three"};
  EXPECT_EQ(stream->write(pieces), WriteState::flowing);
  EXPECT_EQ(stream->unsent_bytes(), 0U);
  EXPECT_TRUE(until_both([&] { return peer_recorder.used == "one two three"; }));
}

TEST_P(StreamTest, WritesNothingAtAll) {
  open();
  EXPECT_EQ(stream->write(""), WriteState::flowing);
  EXPECT_EQ(stream->write(std::span<const std::string_view>()), WriteState::flowing);
  poll();
  EXPECT_TRUE(recorder.closes.empty());
}

TEST_P(StreamTest, WritesMorePiecesThanOneCallOfTheKernelTakes) {
  open(kSmall);
  std::vector<std::string> lines;
  std::vector<std::string_view> pieces;
  std::string expected;
  for (std::size_t i = 0; i < 1000; ++i) lines.push_back(std::string(i % 7 * 400, static_cast<char>('a' + i % 26)));
  for (const std::string& line : lines) {
    pieces.emplace_back(line);
    expected += line;
  }
  stream->write(pieces);
  EXPECT_GT(stream->unsent_bytes(), 0U) << "the kernel has taken a part, so that both ways are tried";
  EXPECT_TRUE(until_both([&] { return peer_recorder.used.size() >= expected.size(); }));
  EXPECT_EQ(peer_recorder.used, expected);
  EXPECT_TRUE(told_no_more()) << "with nothing unsent, room is no news";
}

TEST_P(StreamTest, KeepsTheOrderWhenTheKernelHasRoomAgain) {
  open(kSmall);
  const std::string bytes(kMillion, 'x');
  stream->write(bytes);
  ASSERT_GT(stream->unsent_bytes(), 0U);
  poll_peer();
  stream->write("last");  // there is room for it, but others come first
  EXPECT_TRUE(until_both([&] { return peer_recorder.used.size() == bytes.size() + 4; }));
  EXPECT_EQ(peer_recorder.used, bytes + "last");
}

// Water marks.

TEST_P(StreamTest, IsCongestedFromTheFirstByteAboveItsHighMarkOn) {
  open(kSmall, {.unsent_high_bytes = 2 * kMillion, .unsent_low_bytes = 1000});
  EXPECT_EQ(stream->write(std::string(kMillion, 'x')), WriteState::flowing);
  ASSERT_GT(stream->unsent_bytes(), 0U) << "the kernel takes no more, so what follows counts exactly";
  EXPECT_EQ(stream->write(std::string(2 * kMillion - stream->unsent_bytes(), 'x')), WriteState::flowing);
  EXPECT_EQ(stream->unsent_bytes(), 2 * kMillion);
  EXPECT_EQ(stream->write("x"), WriteState::congested);
  EXPECT_EQ(stream->write("x"), WriteState::congested) << "nothing is refused; who writes has to stop";
  EXPECT_EQ(stream->unsent_bytes(), 2 * kMillion + 2);
}

TEST_P(StreamTest, TellsThatThereIsRoomAtItsLowMarkOnceForAllThatWasCongested) {
  open(kSmall, {.unsent_high_bytes = 20'000, .unsent_low_bytes = 5'000});
  EXPECT_EQ(stream->write(std::string(kMillion, 'x')), WriteState::congested);
  std::size_t before = stream->unsent_bytes();
  recorder.drained = [&] {
    EXPECT_LE(stream->unsent_bytes(), 5'000U);
    EXPECT_GT(before, 5'000U) << "as soon as it was there";
  };
  EXPECT_TRUE(until_both([&] {
    if (recorder.drains == 0) before = stream->unsent_bytes();
    return stream->unsent_bytes() == 0;
  }));
  EXPECT_EQ(recorder.drains, 1);
}

TEST_P(StreamTest, TellsNothingOfRoomWhenItWasNeverCongested) {
  open(kSmall, {.unsent_high_bytes = 2 * kMillion, .unsent_low_bytes = kMillion});
  EXPECT_EQ(stream->write(std::string(kMillion, 'x')), WriteState::flowing);
  EXPECT_TRUE(until_both([&] { return peer_recorder.used.size() == kMillion; }));
  poll();
  EXPECT_EQ(recorder.drains, 0);
}

TEST_P(StreamTest, MayBeCongestedAgain) {
  open(kSmall, {.unsent_high_bytes = 20'000, .unsent_low_bytes = 5'000});
  int left = 3;
  recorder.drained = [&] {
    if (--left > 0) EXPECT_EQ(stream->write(std::string(kMillion, 'x')), WriteState::congested);
  };
  stream->write(std::string(kMillion, 'x'));
  EXPECT_TRUE(until_both([&] { return peer_recorder.used.size() == 3 * kMillion; }));
  EXPECT_TRUE(until_both([&] { return recorder.drains == 3; }));
}

TEST_P(StreamTest, KeepsItsMemoryWhileTheUnsentBytesNeverRunOut) {
  open(kSmall, {.unsent_high_bytes = 20'000, .unsent_low_bytes = 10'000});
  const std::string line(1000, 'x');
  stream->write(std::string(kMillion, 'x'));
  ASSERT_TRUE(until_both([&] { return stream->unsent_bytes() < 20'000; }));
  std::size_t written = 0;
  peer_recorder.used.reserve(8 * kMillion);
  const AllocationWatch watch;
  while (written < 3 * kMillion) {
    while (stream->unsent_bytes() < 20'000) {
      stream->write(line);
      written += line.size();
    }
    transport->poll_once({poller.get(), peer_poller.get()});
    peer_recorder.shown.clear();
  }
  EXPECT_LT(watch.so_far().largest, 300'000U);
}

// Closing and breaking.

TEST_P(StreamTest, TellsACloseOnceAndNeverFromInsideTheCall) {
  open();
  stream->close();
  stream->close();
  EXPECT_TRUE(recorder.closes.empty());
  poll();
  EXPECT_EQ(recorder.closes, std::vector<error_code>{error_code()});
  EXPECT_TRUE(until_both([&] { return peer_recorder.ends == 1; }));
}

TEST_P(StreamTest, EndsWhenItIsDestroyed) {
  open();
  stream.reset();
  EXPECT_TRUE(until_both([&] { return peer_recorder.ends == 1; }));
  EXPECT_TRUE(recorder.closes.empty());
}

TEST_P(StreamTest, DropsWhatIsWrittenAfterItWasClosed) {
  open();
  stream->close();
  EXPECT_EQ(stream->write("dropped"), WriteState::flowing);
  stream->finish();
  stream->abort();
  stream->pause_reading();
  stream->resume_reading();
  EXPECT_TRUE(until_both([&] { return peer_recorder.ends == 1; }));
  EXPECT_TRUE(peer_recorder.used.empty());
  EXPECT_EQ(recorder.closes, std::vector<error_code>{error_code()});
}

TEST_P(StreamTest, ResetsThePeerWhenItAborts) {
  open();
  stream->write("x");
  stream->abort();
  EXPECT_TRUE(until_both([&] { return recorder.closes.size() == 1; }));
  EXPECT_EQ(recorder.closes[0], error_code()) << "it was asked for";
  if (transport->knows_reset()) {
    EXPECT_TRUE(until_both([&] { return peer_recorder.closes.size() == 1; }));
    EXPECT_EQ(peer_recorder.closes[0], boost::system::errc::connection_reset);
    EXPECT_EQ(peer_recorder.ends, 0);
  } else {
    EXPECT_TRUE(until_both([&] { return peer_recorder.ends == 1; }));
  }
}

TEST_P(StreamTest, ResetsThePeerWhenItClosesWithoutHavingReadAll) {
  open();
  stream->pause_reading();
  peer->write("unread");
  poll();
  stream->close();
  EXPECT_TRUE(until_both([&] { return peer_recorder.closes.size() == 1; }));
  EXPECT_EQ(peer_recorder.closes[0], boost::system::errc::connection_reset);
}

TEST_P(StreamTest, TellsABrokenConnectionWithItsReason) {
  open();
  peer->close();
  EXPECT_TRUE(until([&] {
    stream->write("nobody reads this");
    return !recorder.closes.empty();
  }));
  ASSERT_EQ(recorder.closes.size(), 1U);
  EXPECT_TRUE(recorder.closes[0] == boost::system::errc::connection_reset ||
              recorder.closes[0] == boost::system::errc::broken_pipe)
      << recorder.closes[0].message();
}

TEST_P(StreamTest, NoticesAResetWhilePaused) {
  open();
  if (!transport->knows_reset()) return;
  stream->pause_reading();
  peer->abort();
  ASSERT_TRUE(until([&] { return recorder.closes.size() == 1; }));
  EXPECT_EQ(recorder.closes[0], boost::system::errc::connection_reset);
  EXPECT_TRUE(recorder.shown.empty());
}

TEST_P(StreamTest, NoticesAResetWhileItHasBytesUnsent) {
  open(kSmall);
  if (!transport->knows_reset()) return;
  stream->write(std::string(kMillion, 'x'));
  peer->abort();
  ASSERT_TRUE(until([&] { return recorder.closes.size() == 1; }));
  EXPECT_EQ(recorder.closes[0], boost::system::errc::connection_reset);
  EXPECT_EQ(recorder.drains, 0);
}

TEST_P(StreamTest, ClosesWhenThereIsNoMemoryForWhatTheKernelDoesNotTake) {
  open(kSmall);
  const std::string bytes(kMillion, 'x');
  {
    const AllocationLimit limit(100'000);
    EXPECT_EQ(stream->write(bytes), WriteState::flowing);
  }
  EXPECT_EQ(stream->write("this would leave a gap"), WriteState::flowing);
  EXPECT_TRUE(until_both([&] { return recorder.closes.size() == 1 && peer_recorder.ends == 1; }));
  EXPECT_EQ(recorder.closes[0], boost::system::errc::not_enough_memory);
  EXPECT_EQ(peer_recorder.used, bytes.substr(0, peer_recorder.used.size()));
}

TEST_P(StreamTest, ClosesWhenThereIsNoMemoryForWhatTheHandlerLeft) {
  open();
  std::optional<AllocationLimit> limit;
  recorder.data = [&limit](std::string_view) {
    limit.emplace(1000);
    return std::size_t{1};
  };
  peer->write(std::string(2000, 'x'));
  EXPECT_TRUE(until([&] {
    limit.reset();
    return recorder.closes.size() == 1;
  }));
  EXPECT_EQ(recorder.closes[0], boost::system::errc::not_enough_memory);
  EXPECT_EQ(recorder.shown.size(), 1U);
}

// Before it is started.

TEST_P(StreamTest, SendsWhatWasWrittenBeforeItWasStarted) {
  make(kSmall);
  ASSERT_TRUE(peer->start(peer_recorder));
  stream->write("early ");
  stream->write(std::string(kMillion, 'x'));
  ASSERT_GT(stream->unsent_bytes(), 0U);
  stream->finish();
  ASSERT_TRUE(stream->start(recorder));
  EXPECT_TRUE(until_both([&] { return peer_recorder.ends == 1; }));
  EXPECT_EQ(peer_recorder.used, "early " + std::string(kMillion, 'x'));
}

TEST_P(StreamTest, TellsThatItWasClosedBeforeItWasStarted) {
  make();
  stream->close();
  poll();
  EXPECT_TRUE(recorder.closes.empty());
  ASSERT_TRUE(stream->start(recorder));
  EXPECT_TRUE(recorder.closes.empty()) << "never from inside start()";
  poll();
  EXPECT_EQ(recorder.closes, std::vector<error_code>{error_code()});
}

TEST_P(StreamTest, TellsThatItBrokeBeforeItWasStarted) {
  make();
  peer->abort();
  poll_peer();
  EXPECT_TRUE(until([&] {
    stream->write("nobody reads this");
    return poller->has_pending();
  }));
  ASSERT_TRUE(stream->start(recorder));
  ASSERT_TRUE(until([&] { return recorder.closes.size() == 1; }));
  EXPECT_TRUE(recorder.closes[0].failed());
}

TEST_P(StreamTest, MayBePausedBeforeItIsStarted) {
  make();
  stream->pause_reading();
  ASSERT_TRUE(stream->start(recorder));
  peer->write("x");
  EXPECT_TRUE(told_no_more());
  EXPECT_TRUE(recorder.shown.empty());
  stream->resume_reading();
  EXPECT_TRUE(until([&] { return recorder.used == "x"; }));
}

TEST_P(StreamTest, KnowsItsTwoEnds) {
  open();
  EXPECT_EQ(stream->peer_endpoint(), peer->local_endpoint());
  EXPECT_EQ(stream->local_endpoint(), peer->peer_endpoint());
  EXPECT_NE(stream->local_endpoint().family(), 0);
  stream->close();
  EXPECT_EQ(stream->peer_endpoint(), Endpoint());
  EXPECT_EQ(stream->local_endpoint(), Endpoint());
}

// From inside calls.

TEST_P(StreamTest, MayBeDestroyedFromInsideEveryCall) {
  open();
  recorder.data = [this](std::string_view bytes) {
    stream.reset();
    return bytes.size();
  };
  peer->write("x");
  EXPECT_TRUE(until_both([&] { return stream == nullptr && peer_recorder.ends == 1; }));

  open();
  recorder.end = [this] { stream.reset(); };
  peer->finish();
  EXPECT_TRUE(until([&] { return stream == nullptr; }));

  open();
  recorder.closed = [this] { stream.reset(); };
  stream->close();
  EXPECT_TRUE(until([&] { return stream == nullptr; }));

  open(kSmall, {.unsent_high_bytes = 20'000, .unsent_low_bytes = 5'000});
  recorder.drained = [this] { stream.reset(); };
  stream->write(std::string(kMillion, 'x'));
  EXPECT_TRUE(until_both([&] { return stream == nullptr; }));
}

TEST_P(StreamTest, MayBeClosedFromInsideEveryCall) {
  open();
  recorder.data = [this](std::string_view) {
    stream->close();
    return std::size_t{0};
  };
  peer->write("x");
  EXPECT_TRUE(until([&] { return recorder.closes.size() == 1; }));

  open();
  recorder.end = [this] { stream->close(); };
  peer->finish();
  EXPECT_TRUE(until([&] { return recorder.closes.size() == 2; }));

  open(kSmall, {.unsent_high_bytes = 20'000, .unsent_low_bytes = 5'000});
  recorder.drained = [this] { stream->close(); };
  stream->write(std::string(kMillion, 'x'));
  EXPECT_TRUE(until_both([&] { return recorder.closes.size() == 3; }));
}

TEST_P(StreamTest, MayBeDestroyedWhileACallForItWaits) {
  open();
  stream->close();
  stream.reset();
  poll();
  EXPECT_TRUE(recorder.closes.empty());
}

TEST_P(StreamTest, DoesNotWaitWhileSomebodyIsToBeCalled) {
  open();
  stream->close();
  EXPECT_TRUE(poller->has_pending());
  poller->wait(Poller::kForever);
  poller->dispatch();
  EXPECT_EQ(recorder.closes.size(), 1U);
  EXPECT_FALSE(poller->has_pending());
}

// Two streams on one poller.
class TwoStreamsTest : public StreamTest {
 protected:
  void open_two() {
    open();
    auto pair = transport->make_pair(0);
    other = poller->adopt(std::move(pair.first), {});
    other_peer = peer_poller->adopt(std::move(pair.second), {});
    ASSERT_TRUE(other->start(other_recorder));
    ASSERT_TRUE(other_peer->start(other_peer_recorder));
  }
  // Both have something in the same turn.
  void write_to_both() {
    peer->write("x");
    other_peer->write("y");
  }

  StreamRecorder other_recorder;
  StreamRecorder other_peer_recorder;
  std::unique_ptr<Stream> other;
  std::unique_ptr<Stream> other_peer;
};

INSTANTIATE_TEST_SUITE_P(Transports, TwoStreamsTest, testing::ValuesIn(all_transports()), name_of_transport);

TEST_P(TwoStreamsTest, MayBeDestroyedWhileAnEventForItWaits) {
  open_two();
  // Whichever is told first destroys the other one.
  recorder.data = [&](std::string_view bytes) {
    other.reset();
    return bytes.size();
  };
  other_recorder.data = [&](std::string_view bytes) {
    stream.reset();
    return bytes.size();
  };
  write_to_both();
  ASSERT_TRUE(until([&] { return recorder.shown.size() + other_recorder.shown.size() != 0; }));
  poll();
  EXPECT_EQ(recorder.shown.size() + other_recorder.shown.size(), 1U);
}

TEST_P(TwoStreamsTest, MayBeDestroyedFromInsideACallOfAnotherWhileACallForItWaits) {
  open_two();
  recorder.closed = [&] { other.reset(); };
  stream->close();
  other->close();
  poll();
  EXPECT_EQ(recorder.closes.size(), 1U);
  EXPECT_TRUE(other_recorder.closes.empty());
}

TEST_P(TwoStreamsTest, EndsOnlyTheStreamWhoseHandlerThrew) {
  open_two();
  recorder.data = [](std::string_view) -> std::size_t { throw std::runtime_error("boom"); };
  write_to_both();
  int thrown = 0;
  const auto done = [&] { return recorder.closes.size() == 1 && !other_recorder.shown.empty(); };
  for (int i = 0; i < 10 && !done(); ++i) {
    try {
      until(done);
    } catch (const std::runtime_error&) {
      ++thrown;
    }
  }
  EXPECT_EQ(thrown, 1);
  EXPECT_EQ(recorder.closes.size(), 1U);
  EXPECT_EQ(other_recorder.shown, std::vector<std::string>{"y"});
}

using StreamDeathTest = StreamTest;

INSTANTIATE_TEST_SUITE_P(Transports, StreamDeathTest, testing::ValuesIn(all_transports()), name_of_transport);

TEST_P(StreamDeathTest, StopsWhenAHandlerUsesMoreThanItWasShown) {
  open();
  recorder.data = [](std::string_view bytes) { return bytes.size() + 1; };
  peer->write("x");
  EXPECT_DEATH(until([] { return false; }), "a handler uses no more than it was shown");
}

TEST_P(StreamDeathTest, StopsWhenAHandlerThatReadsLeavesTooMuch) {
  open();
  recorder.data = [](std::string_view) { return std::size_t{0}; };
  peer->write(std::string(60'000, 'x'));
  EXPECT_DEATH(until([] { return false; }), "leaves at most kUnusedBytesMax unused");
}

TEST_P(StreamDeathTest, StopsWhenItIsStartedTwice) {
  open();
  EXPECT_DEATH(static_cast<void>(stream->start(recorder)), "a stream is started once");
}

}  // namespace
}  // namespace fluxor::runtime
