#include "tools/load/load_options.h"

#include <charconv>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>

namespace fluxor::load {
namespace {

int64_t number(std::string_view flag, std::string_view text, int64_t min, int64_t max) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < min || value > max) {
    throw UsageError("--" + std::string(flag) + ": '" + std::string(text) + "' is not a number from " +
                     std::to_string(min) + " to " + std::to_string(max));
  }
  return value;
}

std::string contents_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw UsageError("--request: cannot read " + file);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

const char* const kUsage =
    R"(load_generator: one thread of HTTP/1.1 load against 127.0.0.1; one JSON object on standard output.

  --port N          required
  --connections N   64       kept open and reused
  --pipeline N      1        requests per batch; the next batch goes out when all of them are answered
  --warmup MS       100      load before the window, not counted
  --duration MS     750      the window
  --rate N          0        open loop: N requests per second on a fixed schedule, latency from the scheduled time;
                             0 is the closed loop: as fast as answers come
  --tick US         0        open loop: what falls due within a tick is due at its start; 0: each at its own time
  --path P          /        the request, put together: with
  --method M        GET
  --body TEXT
  --header H:V               (may be repeated)
  --request FILE             the request, byte for byte, instead of the four above
  --watch PID                report the CPU time which that process used in the window
  --idle MS         0        no load: one request on each connection, then hold all of them that long
)";

LoadOptions parse_options(int argc, const char* const* argv) {
  using std::chrono::milliseconds;
  LoadOptions options;
  std::string file;
  std::string path;
  std::string method;
  std::string body;
  std::string headers;
  for (int i = 1; i < argc; ++i) {
    std::string_view flag = argv[i];
    if (!flag.starts_with("--")) throw UsageError("not a flag: " + std::string(flag));
    flag.remove_prefix(2);
    std::string_view value;
    if (const size_t equals = flag.find('='); equals != std::string_view::npos) {
      value = flag.substr(equals + 1);
      flag = flag.substr(0, equals);
    } else if (++i < argc) {
      value = argv[i];
    } else {
      throw UsageError("--" + std::string(flag) + ": a value is missing (or there is no such flag)");
    }
    if (flag == "port") {
      options.port = static_cast<uint16_t>(number(flag, value, 1, 65'535));
    } else if (flag == "connections") {
      options.connections = static_cast<int>(number(flag, value, 1, 100'000));
    } else if (flag == "pipeline") {
      options.pipeline = static_cast<int>(number(flag, value, 1, 1024));
    } else if (flag == "warmup") {
      options.warmup = milliseconds(number(flag, value, 0, 60'000));
    } else if (flag == "duration") {
      options.duration = milliseconds(number(flag, value, 1, 600'000));
    } else if (flag == "rate") {
      options.rate = number(flag, value, 0, 10'000'000);
    } else if (flag == "tick") {
      options.tick = std::chrono::microseconds(number(flag, value, 0, 1'000'000));
    } else if (flag == "watch") {
      options.watch = static_cast<pid_t>(number(flag, value, 1, INT32_MAX));
    } else if (flag == "idle") {
      options.idle = milliseconds(number(flag, value, 0, 600'000));
    } else if (flag == "request") {
      file = value;
    } else if (flag == "path") {
      path = value;
    } else if (flag == "method") {
      method = value;
    } else if (flag == "body") {
      body = value;
    } else if (flag == "header") {
      headers += std::string(value) + "\r\n";
    } else {
      throw UsageError("no such flag: --" + std::string(flag));
    }
  }

  if (options.port == 0) throw UsageError("--port is required");
  if (options.rate == 0 && options.tick.count() > 0) throw UsageError("--tick needs --rate");
  // An open loop keeps one due time per connection.
  if (options.rate > 0 && options.pipeline > 1) throw UsageError("--rate and --pipeline exclude each other");
  if (!file.empty()) {
    if (!path.empty() || !method.empty() || !body.empty() || !headers.empty()) {
      throw UsageError("--request excludes --path, --method, --body and --header");
    }
    options.request = contents_of(file);
  } else {
    if (path.empty()) path = "/";
    if (method.empty()) method = body.empty() ? "GET" : "POST";
    options.request = method + " " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + headers;
    if (!body.empty()) options.request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    options.request += "\r\n" + body;
  }
  if (options.request.empty()) throw UsageError("the request is empty");
  return options;
}

}  // namespace fluxor::load
