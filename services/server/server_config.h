#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "observability/log/log_line.h"
#include "runtime/base/log.h"
#include "runtime/verticle/verticle_system_options.h"

namespace fluxor::services {

// Everything a user can decide about a server, and what holds if he decides nothing.  option_table.h says how each is
// called and what it may be.
struct ServerConfig {
  std::string address;                         // an IP address; empty: all of the machine
  std::uint16_t port = 8080;                   // 0: any free one
  std::size_t loops = 0;                       // 0: one per usable CPU
  std::optional<std::size_t> connections_max;  // unset: what the descriptors allow, at most kConnectionsMax

  std::size_t max_ccu = 5000;        // concurrent users: requests in flight
  unsigned utilization = 67;         // percent of max_ccu that is admitted
  std::size_t ring_capacity = 4096;  // events in the inbox of each loop; a power of two

  std::size_t request_line_max = 8192;  // bytes
  std::size_t header_max = 32 * 1024;   // bytes of all fields together
  std::size_t header_fields_max = 100;
  std::size_t body_max = 1024 * 1024;  // bytes

  std::chrono::milliseconds header_timeout{10'000};      // from the first byte of a request to the end of its header
  std::chrono::milliseconds body_timeout{10'000};        // between two pieces of a body
  std::chrono::milliseconds keep_alive_timeout{60'000};  // between two requests
  std::chrono::milliseconds write_timeout{10'000};       // for a peer to take what is sent to it

  std::chrono::milliseconds drain_delay{0};         // not ready, but still serving, before the drain
  std::chrono::milliseconds drain_timeout{30'000};  // for requests in flight to end
  std::optional<double> ready_threshold;            // ratio of a utilisation from which on /ready says no; unset: none

  runtime::OnGivingUp on_giving_up = runtime::OnGivingUp::restart;  // when a subtree fails too often

  std::chrono::milliseconds stall_threshold{1000};  // a loop held for longer is reported; 0: none is

  std::optional<observability::LogFormat> log_format;  // unset: text if standard error is a terminal, else json
  runtime::Severity log_level = runtime::Severity::info;

  std::string config_file;    // empty: there was none
  bool check_config = false;  // say whether the configuration is right, and end

  bool operator==(const ServerConfig&) const = default;
};

inline constexpr std::size_t kConnectionsMax = 65'536;

// Request line and header together: the transport keeps at most 48 KiB that are not parsed yet.
inline constexpr std::size_t kRequestHeadMax = 40 * 1024;  // bytes

}  // namespace fluxor::services
