// One thread of HTTP/1.1 load, or a crowd of idle connections: see --help, and README.md for what the figures mean.
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

#include "tools/load/client_socket.h"
#include "tools/load/load_loop.h"
#include "tools/load/load_options.h"
#include "tools/load/response_counter.h"

namespace fluxor::load {
namespace {

double microseconds(int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e3; }

void print(const LoadOptions& options, const LoadReport& report) {
  const double seconds = static_cast<double>(report.window_ns) / 1e9;
  const Tally& window = report.window;
  const Histogram& latencies = report.latencies;
  std::printf("{\"connections\":%d,\"pipeline\":%d,\"rate\":%jd,\"seconds\":%.6f,\"completed\":%jd,\"rps\":%.1f,",
              options.connections, options.pipeline, intmax_t{options.rate}, seconds, intmax_t{window.completed()},
              static_cast<double>(window.completed()) / seconds);
  std::printf("\"responses\":{\"2xx\":%jd,\"503\":%jd,\"other\":%jd},", intmax_t{window.succeeded},
              intmax_t{window.refused}, intmax_t{window.other});
  std::printf("\"errors\":{\"connect\":%jd,\"lost\":%jd,\"malformed\":%jd,\"unanswered\":%jd},",
              intmax_t{report.whole_run.connect_failures}, intmax_t{report.whole_run.lost},
              intmax_t{report.whole_run.malformed}, intmax_t{report.unanswered});
  std::printf("\"reconnects\":%jd,\"overdue\":%jd,\"bytes_received\":%jd,", intmax_t{window.reconnects},
              intmax_t{report.overdue}, intmax_t{window.bytes_received});
  std::printf("\"latency_us\":{\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p99.9\":%.1f,\"max\":%.1f},",
              microseconds(latencies.quantile(0.5)), microseconds(latencies.quantile(0.9)),
              microseconds(latencies.quantile(0.99)), microseconds(latencies.quantile(0.999)),
              microseconds(latencies.max()));
  std::printf("\"watched\":{\"cpu_ns\":%jd,\"user_ticks\":%jd,\"system_ticks\":%jd,\"threads\":%jd},",
              intmax_t{report.server.total_ns}, intmax_t{report.server.user_ticks},
              intmax_t{report.server.system_ticks}, intmax_t{report.server.threads});
  std::printf("\"client_cpu_ns\":%jd,\"whole_run\":{\"sent\":%jd,\"completed\":%jd}}\n", intmax_t{report.client_cpu_ns},
              intmax_t{report.whole_run.sent}, intmax_t{report.whole_run.completed()});
}

// Sends one request and waits for its answer.
bool ask(int fd, const LoadOptions& options, KnownHead& known) {
  std::string_view rest = options.request;
  while (!rest.empty()) {
    const ssize_t taken = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (taken <= 0) return false;
    rest.remove_prefix(static_cast<size_t>(taken));
  }
  ResponseCounter responses(known);
  std::array<char, 16'384> buffer;
  while (true) {
    const ssize_t size = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (size <= 0) return false;
    const Responses seen = responses.consume({buffer.data(), static_cast<size_t>(size)});
    if (seen.malformed || seen.closing) return false;
    if (seen.total() > 0) return seen.succeeded == 1;
  }
}

// One line when all connections are open and quiet (measure now), a second one at the end: how many lasted.
void hold_idle(const LoadOptions& options) {
  KnownHead known;
  std::vector<int> open;
  for (int i = 0; i < options.connections; ++i) {
    const int fd = connect_to(options.port);
    if (fd < 0) break;  // the next one would wait as long for the same refusal
    if (ask(fd, options, known)) {
      open.push_back(fd);
    } else {
      ::close(fd);
    }
  }
  std::printf("{\"connections\":%d,\"open\":%zu}\n", options.connections, open.size());
  std::fflush(stdout);
  std::this_thread::sleep_for(options.idle);
  size_t lasted = 0;
  for (const int fd : open) {
    char byte = 0;
    lasted += ::recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
    ::close(fd);
  }
  std::printf("{\"connections\":%d,\"lasted\":%zu}\n", options.connections, lasted);
}

void allow_all_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int run(int argc, const char* const* argv) {
  if (argc == 2 && std::strcmp(argv[1], "--help") == 0) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  const LoadOptions options = parse_options(argc, argv);
  allow_all_descriptors();
  if (options.idle.count() > 0) {
    hold_idle(options);
    return 0;
  }
  const LoadReport report = LoadLoop(options).run();
  print(options, report);
  return report.window.completed() > 0 ? 0 : 2;  // a figure of nothing is not a figure
}

}  // namespace
}  // namespace fluxor::load

int main(int argc, char** argv) {
  try {
    return fluxor::load::run(argc, argv);
  } catch (const fluxor::load::UsageError& wrong) {
    std::fprintf(stderr, "load_generator: %s\n", wrong.what());
    return 1;
  }
}
