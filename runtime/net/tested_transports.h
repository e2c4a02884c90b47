#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/listening_socket.h"
#include "runtime/net/poller.h"
#include "runtime/net/socket.h"

namespace fluxor::runtime {

// A way for bytes to go, so that the same tests run over all there are.
class TestedTransport {
 public:
  TestedTransport() = default;
  TestedTransport(const TestedTransport&) = delete;
  TestedTransport& operator=(const TestedTransport&) = delete;
  virtual ~TestedTransport() = default;

  virtual std::unique_ptr<Poller> make_poller() = 0;
  // Two connected sockets.  With `buffer_bytes` what lies between them holds about that much, by far less than a
  // million; without, as much as is usual.
  virtual std::pair<Socket, Socket> make_pair(int buffer_bytes) = 0;
  // Somewhere, with a port or a path of its own.
  virtual Result<ListeningSocket> listen(const ListenOptions& options) = 0;
  // Where nobody listens.
  virtual Endpoint nobody() = 0;

  // A peer can be told that a connection was reset.
  virtual bool knows_reset() const { return true; }
  // Lets time go to where the next thing happens, if nothing happens by itself.
  virtual void pass_time() {}
  // How long a poller may wait for what takes the kernel a moment.
  virtual Duration patience() const { return Duration::zero(); }

  // Lets all pollers find and tell what there is, once.
  void poll_once(const std::vector<Poller*>& pollers);
  // Polls until the condition holds; false if it does not within thousands of turns.
  bool poll_until(const std::vector<Poller*>& pollers, const std::function<bool()>& condition);
};

struct TransportKind {
  const char* name;
  std::unique_ptr<TestedTransport> (*make)();  // null if this machine does not have it
};

inline std::string name_of_transport(const testing::TestParamInfo<TransportKind>& info) { return info.param.name; }
inline std::ostream& operator<<(std::ostream& out, const TransportKind& kind) { return out << kind.name; }

// Those that connect and listen: TCP on IPv4 and IPv6, a Unix-domain socket, memory, and memory with delays.
std::vector<TransportKind> listening_transports();
// And socketpair().
std::vector<TransportKind> all_transports();

}  // namespace fluxor::runtime
