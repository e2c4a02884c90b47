#include "observability/log/spdlog_sink.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <string>

#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/sink.h>

namespace fluxor::observability {
namespace {

using std::chrono::milliseconds;

// How soon a blocked writer notices that the sink is being destroyed.
constexpr milliseconds kLookUp{20};
// What a pipe that is ready takes without blocking, and in one piece (PIPE_BUF).
constexpr std::size_t kPieceBytes = 4096;

spdlog::level::level_enum spdlog_level(runtime::Severity severity) noexcept {
  switch (severity) {
    case runtime::Severity::debug: return spdlog::level::debug;
    case runtime::Severity::info: return spdlog::level::info;
    case runtime::Severity::warning: return spdlog::level::warn;
    case runtime::Severity::error: break;
  }
  return spdlog::level::err;
}

std::unique_ptr<spdlog::formatter> layout(LogFormat format) {
  const char* const pattern = format == LogFormat::json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v)"
                                                        : "%Y-%m-%dT%H:%M:%S.%eZ %-5l %v";
  auto formatter = std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc, "\n");
  // It believes that it already knows the date of second 0, and would print 1900 for it.
  spdlog::memory_buf_t thrown_away;
  formatter->format({spdlog::log_clock::time_point(std::chrono::seconds(1)), {}, "", spdlog::level::info, ""},
                    thrown_away);
  return formatter;
}

// How many lines were accepted, and how many of them are done with: written or dropped.
class Ledger {
 public:
  explicit Ledger(std::size_t lines_max) : lines_max_(lines_max) {}

  // False, and counted as dropped, if `lines_max` lines are not done with.
  bool accept() noexcept {
    std::uint64_t accepted = accepted_.load(std::memory_order_relaxed);
    do {
      // An old value of done_ makes the queue look fuller than it is, never emptier.
      if (accepted - std::min(accepted, done_.load(std::memory_order_acquire)) >= lines_max_) {
        dropped_.fetch_add(1, std::memory_order_relaxed);
        return false;
      }
    } while (!accepted_.compare_exchange_weak(accepted, accepted + 1, std::memory_order_relaxed));
    return true;
  }

  void finish(bool written) noexcept {
    if (!written) dropped_.fetch_add(1, std::memory_order_relaxed);
    {
      std::lock_guard lock(mutex_);
      done_.fetch_add(1, std::memory_order_release);
    }
    changed_.notify_all();
  }

  // Lines leave in the order they entered the queue, so once as many are done as were accepted now, these are among
  // them.
  bool wait(milliseconds patience) noexcept {
    const std::uint64_t target = accepted_.load(std::memory_order_relaxed);
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return done_.load(std::memory_order_acquire) >= target; });
  }

  std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

 private:
  const std::uint64_t lines_max_;
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> done_{0};  // written under mutex_ only
  std::atomic<std::uint64_t> dropped_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
};

// Where spdlog's thread hands the lines to.
class DescriptorSink final : public spdlog::sinks::sink {
 public:
  DescriptorSink(int descriptor, LogFormat format, Ledger& ledger)
      : descriptor_(descriptor), formatter_(layout(format)), ledger_(ledger) {}

  void log(const spdlog::details::log_msg& message) noexcept override {
    bool written = false;
    try {
      spdlog::memory_buf_t line;
      formatter_->format(message, line);
      written = write_all({line.data(), line.size()});
    } catch (...) {
      written = false;  // no memory for the line
    }
    ledger_.finish(written);
  }
  void flush() override {}
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

  // From now on a line that cannot be written at once is dropped.  Thread: any.
  void stop_waiting() noexcept { impatient_.store(true, std::memory_order_relaxed); }

 private:
  bool write_all(std::string_view bytes) noexcept {
    while (!bytes.empty()) {
      if (!wait_until_writable()) return false;
      const ssize_t written = ::write(descriptor_, bytes.data(), std::min(bytes.size(), kPieceBytes));
      if (written >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(written));
      } else if (errno != EINTR && errno != EAGAIN) {
        return false;
      }
    }
    return true;
  }

  // poll() instead of a write that blocks: nobody could end that one.  O_NONBLOCK would be seen by everybody who shares
  // the terminal.
  bool wait_until_writable() noexcept {
    while (true) {
      const bool impatient = impatient_.load(std::memory_order_relaxed);
      pollfd one{descriptor_, POLLOUT, 0};
      const int ready = ::poll(&one, 1, impatient ? 0 : static_cast<int>(kLookUp.count()));
      if (ready > 0) return true;  // for an error, too: write() will say which
      if (ready == 0 ? impatient : errno != EINTR) return false;
    }
  }

  const int descriptor_;
  const std::unique_ptr<spdlog::formatter> formatter_;
  Ledger& ledger_;
  std::atomic<bool> impatient_{false};
};

// Signals go to the threads that expect them.  A SIGPIPE of ours stays pending here, for ever.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace

struct SpdlogSink::Backend {
  Backend(int descriptor, const SpdlogOptions& options)
      : close_max(options.close_max),
        ledger(options.lines_max),
        writer(std::make_shared<DescriptorSink>(descriptor, options.format, ledger)),
        // One more than lines_max, for the message that ends the thread: its queue is never full.
        pool(std::make_shared<spdlog::details::thread_pool>(options.lines_max + 1, 1, block_signals)),
        logger(std::make_shared<spdlog::async_logger>("", writer, pool, spdlog::async_overflow_policy::block)) {}

  const milliseconds close_max;
  Ledger ledger;
  const std::shared_ptr<DescriptorSink> writer;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  const std::shared_ptr<spdlog::async_logger> logger;
};

SpdlogSink::SpdlogSink(int descriptor, const runtime::Clock& clock, SpdlogOptions options)
    : level_(options.level),
      clock_(clock),
      format_(options.format),
      backend_(std::make_unique<Backend>(descriptor, options)) {}

SpdlogSink::~SpdlogSink() {
  if (!backend_->ledger.wait(backend_->close_max)) backend_->writer->stop_waiting();
  backend_->pool.reset();  // joins the thread
}

void SpdlogSink::write(runtime::Severity severity, std::string_view message,
                       std::span<const runtime::LogField> fields) noexcept {
  if (severity < level() || !backend_->ledger.accept()) return;
  try {
    const std::string line = log_line(format_, message, fields);
    // Past the logger's own log(), which keeps exceptions to itself.
    backend_->pool->post_log(std::shared_ptr(backend_->logger),
                             {std::chrono::time_point_cast<spdlog::log_clock::duration>(clock_.wall_now()),
                              {},
                              "",
                              spdlog_level(severity),
                              spdlog::string_view_t(line.data(), line.size())},
                             spdlog::async_overflow_policy::block);
  } catch (...) {
    backend_->ledger.finish(false);  // no memory for the line
  }
}

bool SpdlogSink::flush(milliseconds patience) noexcept { return backend_->ledger.wait(patience); }

std::uint64_t SpdlogSink::dropped() const noexcept { return backend_->ledger.dropped(); }

}  // namespace fluxor::observability
