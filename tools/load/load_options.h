#pragma once
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace fluxor::load {

// What the command line of the load generator asked for.
struct LoadOptions {
  uint16_t port = 0;
  int connections = 64;
  int pipeline = 1;  // requests that go out together; the next batch goes when all are answered
  std::chrono::milliseconds warmup{100};
  std::chrono::milliseconds duration{750};
  int64_t rate = 0;                   // requests per second in an open loop; 0: closed loop
  std::chrono::microseconds tick{0};  // open loop: what falls due within one leaves at its start; 0: one by one
  std::string request;                // the bytes of one request
  pid_t watch = 0;                    // process whose CPU time is measured over the window; 0: none
  std::chrono::milliseconds idle{0};  // not 0: one request on each connection, then hold all of them that long
};

// A command line that cannot be run; what() is one line for the user.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Errors:  throws UsageError for an unknown flag, a value out of its range, or flags that contradict each other.
LoadOptions parse_options(int argc, const char* const* argv);

extern const char* const kUsage;

}  // namespace fluxor::load
