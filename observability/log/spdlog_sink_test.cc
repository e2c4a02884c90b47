#include "observability/log/spdlog_sink.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include "runtime/testing/manual_clock.h"

namespace fluxor::observability {
namespace {

using namespace std::chrono_literals;
using runtime::ManualClock;
using runtime::Severity;

constexpr auto kLong = 60s;  // ends a test that would otherwise hang

class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0); }
  ~Pipe() {
    close_reader();
    close_writer();
  }
  int writer() const { return ends_[1]; }
  void close_reader() { close_end(0); }
  void close_writer() { close_end(1); }

  // Fills it with blanks until a write would block.
  void fill() {
    ::fcntl(writer(), F_SETPIPE_SZ, 4096);
    ::fcntl(writer(), F_SETFL, O_NONBLOCK);
    const std::string blanks(4096, ' ');
    while (::write(writer(), blanks.data(), blanks.size()) > 0) {
    }
    ::fcntl(writer(), F_SETFL, 0);
  }

  // The next `lines` lines, without the blanks of fill(); waits for them.
  std::string read_lines(int lines) {
    std::string all;
    for (char byte = 0; lines > 0 && ::read(ends_[0], &byte, 1) == 1;) {
      if (byte == '\n') --lines;
      if (byte != ' ' || !all.empty()) all.push_back(byte);
    }
    return all;
  }

  // All up to the end, without the blanks of fill().
  std::string read_to_end() {
    std::string all;
    char piece[4096];
    for (ssize_t size = 0; (size = ::read(ends_[0], piece, sizeof piece)) > 0;) {
      all.append(piece, static_cast<std::size_t>(size));
    }
    return all.substr(std::min(all.find_first_not_of(' '), all.size()));
  }

 private:
  void close_end(int end) {
    if (ends_[end] >= 0) ::close(ends_[end]);
    ends_[end] = -1;
  }
  int ends_[2] = {-1, -1};
};

// A clock that stands at 2026-01-02T03:04:05.678Z.
struct FixedClock final : runtime::Clock {
  runtime::Instant now() const noexcept override { return {}; }
  runtime::WallTime wall_now() const noexcept override {
    return runtime::WallTime(std::chrono::sys_days(std::chrono::year(2026) / 1 / 2) + 3h + 4min + 5s + 678'999'999ns);
  }
};

const FixedClock kClock;

// What a sink with `options` writes to a reader that reads, up to its destruction.
std::string written(SpdlogOptions options, const runtime::Clock& clock, void (*use)(SpdlogSink&)) {
  Pipe pipe;
  {
    SpdlogSink sink(pipe.writer(), clock, options);
    use(sink);
  }
  pipe.close_writer();
  return pipe.read_to_end();
}

void write_all_severities(SpdlogSink& sink) {
  const runtime::LogField fields[] = {{"port", "8080"}, {"why", "two words"}};
  sink.write(Severity::debug, "a \"message\"", fields);
  sink.write(Severity::info, "listening", fields);
  sink.write(Severity::warning, "late", {});
  sink.write(Severity::error, "broken\n", {});
}

TEST(SpdlogSink, WritesAnObjectOfJsonALine) {
  EXPECT_EQ(
      written({.level = Severity::debug}, kClock, write_all_severities),
      R"({"time":"2026-01-02T03:04:05.678Z","level":"debug","message":"a \"message\"","port":"8080","why":"two words"})"
      "\n"
      R"({"time":"2026-01-02T03:04:05.678Z","level":"info","message":"listening","port":"8080","why":"two words"})"
      "\n"
      R"({"time":"2026-01-02T03:04:05.678Z","level":"warning","message":"late"})"
      "\n"
      R"({"time":"2026-01-02T03:04:05.678Z","level":"error","message":"broken\n"})"
      "\n");
}

TEST(SpdlogSink, WritesTextForPeople) {
  EXPECT_EQ(written({.format = LogFormat::text, .level = Severity::debug}, kClock, write_all_severities),
            R"(2026-01-02T03:04:05.678Z debug a "message" port=8080 why="two words")"
            "\n"
            R"(2026-01-02T03:04:05.678Z info  listening port=8080 why="two words")"
            "\n"
            "2026-01-02T03:04:05.678Z warning late\n"
            R"(2026-01-02T03:04:05.678Z error broken\n)"
            "\n");
}

TEST(SpdlogSink, DoesNotReadAPatternInAMessage) {
  EXPECT_EQ(written({.format = LogFormat::text}, kClock,
                    [](SpdlogSink& sink) { sink.write(Severity::info, "100 %v %l {} %", {}); }),
            "2026-01-02T03:04:05.678Z info  100 %v %l {} %\n");
}

TEST(SpdlogSink, TakesTheTimeOfTheCallFromItsClock) {
  Pipe pipe;
  ManualClock clock;
  {
    SpdlogSink sink(pipe.writer(), clock, {.format = LogFormat::text});
    sink.write(Severity::info, "a", {});
    clock.advance(1ms);
    sink.write(Severity::info, "b", {});
    clock.advance(24h);
    sink.write(Severity::info, "c", {});
  }
  pipe.close_writer();
  EXPECT_EQ(pipe.read_to_end(),
            "1970-01-01T00:00:00.000Z info  a\n"
            "1970-01-01T00:00:00.001Z info  b\n"
            "1970-01-02T00:00:00.001Z info  c\n");
}

TEST(SpdlogSink, WritesALineLongerThanAnyPieceWhole) {
  Pipe pipe;
  const std::string message(50'000, 'm');
  {
    SpdlogSink sink(pipe.writer(), kClock, {.format = LogFormat::text});
    sink.write(Severity::info, message, {});
    ASSERT_TRUE(sink.flush(kLong));
    EXPECT_EQ(sink.dropped(), 0);
  }
  pipe.close_writer();
  EXPECT_EQ(pipe.read_to_end(), "2026-01-02T03:04:05.678Z info  " + message + "\n");
}

TEST(SpdlogSink, LeavesOutWhatIsBelowTheLevelAndDoesNotCountIt) {
  Pipe pipe;
  SpdlogSink sink(pipe.writer(), kClock, {.format = LogFormat::text, .level = Severity::warning, .lines_max = 1});
  for (const Severity below : {Severity::debug, Severity::info}) {
    for (int i = 0; i < 10; ++i) sink.write(below, "x", {});
  }
  EXPECT_TRUE(sink.flush(0ms));  // nothing was accepted
  EXPECT_EQ(sink.dropped(), 0);
  sink.write(Severity::warning, "first", {});
  EXPECT_EQ(pipe.read_lines(1), "2026-01-02T03:04:05.678Z warning first\n");
}

TEST(SpdlogSink, ChangesItsLevelWhileItRuns) {
  Pipe pipe;
  SpdlogSink sink(pipe.writer(), kClock, {.format = LogFormat::text, .level = Severity::error});
  EXPECT_EQ(sink.level(), Severity::error);
  sink.write(Severity::warning, "before", {});
  sink.set_level(Severity::warning);
  EXPECT_EQ(sink.level(), Severity::warning);
  sink.write(Severity::warning, "after", {});
  EXPECT_EQ(pipe.read_lines(1), "2026-01-02T03:04:05.678Z warning after\n");
}

TEST(SpdlogSink, DropsAndCountsExactlyTheNewestLinesWhileTheReaderDoesNotRead) {
  Pipe pipe;
  pipe.fill();
  SpdlogSink sink(pipe.writer(), kClock, {.format = LogFormat::text, .lines_max = 4});
  for (int i = 0; i < 10; ++i) sink.write(Severity::info, std::to_string(i), {});
  EXPECT_EQ(sink.dropped(), 6);
  EXPECT_FALSE(sink.flush(0ms));

  std::string seen = pipe.read_lines(4);
  ASSERT_TRUE(sink.flush(kLong));
  sink.write(Severity::info, "again", {});  // there is room once more
  seen += pipe.read_lines(1);
  std::string expected;
  for (const char* line : {"0", "1", "2", "3", "again"}) {
    expected.append("2026-01-02T03:04:05.678Z info  ").append(line).append("\n");
  }
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(sink.dropped(), 6);
}

TEST(SpdlogSink, CountsWhatTheDescriptorRefuses) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  {
    SpdlogSink sink(full, kClock, {});
    for (int i = 0; i < 3; ++i) sink.write(Severity::info, "x", {});
    EXPECT_TRUE(sink.flush(kLong));
    EXPECT_EQ(sink.dropped(), 3);
  }
  ::close(full);
}

TEST(SpdlogSink, SurvivesAReaderThatWentAway) {
  ::signal(SIGPIPE, SIG_DFL);
  Pipe pipe;
  pipe.close_reader();
  SpdlogSink sink(pipe.writer(), kClock, {});
  sink.write(Severity::info, "x", {});
  EXPECT_TRUE(sink.flush(kLong));
  EXPECT_EQ(sink.dropped(), 1);
}

TEST(SpdlogSink, WritesWhatIsQueuedWhenItIsDestroyed) {
  Pipe pipe;
  pipe.fill();
  std::optional<SpdlogSink> sink;
  sink.emplace(pipe.writer(), kClock, SpdlogOptions{.format = LogFormat::text, .close_max = kLong});
  for (int i = 0; i < 500; ++i) sink->write(Severity::info, "x", {});
  std::string seen;
  std::thread reader([&] { seen = pipe.read_to_end(); });
  sink.reset();
  pipe.close_writer();
  reader.join();
  EXPECT_EQ(std::count(seen.begin(), seen.end(), '\n'), 500);
}

TEST(SpdlogSink, DoesNotHoldUpTheEndForAReaderThatDoesNotRead) {
  Pipe pipe;
  pipe.fill();
  {
    SpdlogSink sink(pipe.writer(), kClock, {.format = LogFormat::text, .close_max = 0ms});
    for (int i = 0; i < 10; ++i) sink.write(Severity::info, "x", {});
  }
  pipe.close_writer();
  EXPECT_EQ(pipe.read_to_end(), "");
}

TEST(SpdlogSink, WritesOrCountsEachLineOfSeveralThreadsInOrderPerThread) {
  constexpr int kThreads = 4;
  constexpr int kLines = 2000;
  Pipe pipe;
  std::string seen;
  std::thread reader([&] { seen = pipe.read_to_end(); });
  std::uint64_t dropped = 0;
  {
    SpdlogSink sink(pipe.writer(), kClock, {.format = LogFormat::text, .lines_max = 16, .close_max = kLong});
    std::vector<std::thread> writers;
    for (int thread = 0; thread < kThreads; ++thread) {
      writers.emplace_back([&sink, thread] {
        const std::string name = std::to_string(thread);
        const runtime::LogField fields[] = {{"thread", name}};
        for (int i = 0; i < kLines; ++i) {
          sink.write(Severity::info, std::to_string(i), fields);
          if (i % 64 == 0) EXPECT_TRUE(sink.flush(kLong));
          sink.set_level(i % 2 == 0 ? Severity::debug : Severity::info);
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
    ASSERT_TRUE(sink.flush(kLong));
    dropped = sink.dropped();
  }
  pipe.close_writer();
  reader.join();

  std::map<int, int> last;
  int lines = 0;
  std::istringstream in(seen);
  for (std::string time, level, number, thread; in >> time >> level >> number >> thread; ++lines) {
    ASSERT_EQ(thread.substr(0, 7), "thread=");
    const int who = std::stoi(thread.substr(7));
    const int value = std::stoi(number);
    if (last.contains(who)) EXPECT_GT(value, last[who]);
    last[who] = value;
  }
  EXPECT_EQ(lines + dropped, kThreads * kLines);
}

}  // namespace
}  // namespace fluxor::observability
