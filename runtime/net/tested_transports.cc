#include "runtime/net/tested_transports.h"

#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "runtime/net/epoll_poller.h"
#include "runtime/net/memory_network.h"
#include "runtime/testing/manual_clock.h"

namespace fluxor::runtime {
namespace {

void set_buffers(const Socket& socket, int bytes) {
  if (bytes == 0) return;
  ::setsockopt(socket.descriptor(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
  ::setsockopt(socket.descriptor(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

class KernelTransport : public TestedTransport {
 public:
  std::unique_ptr<Poller> make_poller() override { return EpollPoller::create().value(); }
  Duration patience() const override { return std::chrono::milliseconds(1); }
};

class SocketPairTransport final : public KernelTransport {
 public:
  std::pair<Socket, Socket> make_pair(int buffer_bytes) override {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    std::pair<Socket, Socket> pair{Socket(ends[0]), Socket(ends[1])};
    set_buffers(pair.first, buffer_bytes);
    set_buffers(pair.second, buffer_bytes);
    return pair;
  }
  Result<ListeningSocket> listen(const ListenOptions&) override { return Errc::invalid; }
  Endpoint nobody() override { return {}; }
  bool knows_reset() const override { return false; }
};

// Through a listening socket.
class ListeningTransport : public KernelTransport {
 public:
  std::pair<Socket, Socket> make_pair(int buffer_bytes) override {
    const auto listening = listen({});
    EXPECT_TRUE(listening) << listening.error().message();
    set_buffers(listening->socket(), buffer_bytes);
    const Endpoint at = listening->local_endpoint();
    Socket connected(::socket(at.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    set_buffers(connected, buffer_bytes);
    EXPECT_EQ(::connect(connected.descriptor(), at.native(), at.native_size()), 0);
    Socket accepted;
    for (int i = 0; i < 100'000 && !accepted.valid(); ++i) accepted = listening->accept();
    EXPECT_TRUE(accepted.valid());
    set_buffers(accepted, buffer_bytes);
    return {std::move(accepted), std::move(connected)};
  }
};

class TcpTransport final : public ListeningTransport {
 public:
  explicit TcpTransport(const Endpoint& host) : host_(host) {}
  Result<ListeningSocket> listen(const ListenOptions& options) override {
    return ListeningSocket::open(host_, options);
  }
  Endpoint nobody() override { return listen({})->local_endpoint(); }

 private:
  const Endpoint host_;
};

class UnixTransport final : public ListeningTransport {
 public:
  UnixTransport() { EXPECT_NE(::mkdtemp(directory_.data()), nullptr); }
  ~UnixTransport() override { ::rmdir(directory_.c_str()); }
  Result<ListeningSocket> listen(const ListenOptions& options) override {
    return ListeningSocket::open(nobody(), options);
  }
  Endpoint nobody() override { return Endpoint::unix_path(directory_ + "/" + std::to_string(next_++)).value(); }
  bool knows_reset() const override { return false; }

 private:
  std::string directory_ = "/tmp/fluxor-XXXXXX";  // short: a path may have 107 bytes
  int next_ = 0;
};

class FixedDelay final : public NetworkModel {
 public:
  explicit FixedDelay(Duration delay) : delay_(delay) {}
  Duration delay(const Endpoint&, const Endpoint&) override { return delay_; }

 private:
  const Duration delay_;
};

class MemoryTransport final : public TestedTransport {
 public:
  explicit MemoryTransport(Duration delay) : model_(delay) {}
  std::unique_ptr<Poller> make_poller() override { return network_.make_poller(); }
  std::pair<Socket, Socket> make_pair(int buffer_bytes) override {
    return network_.make_pair(static_cast<std::size_t>(buffer_bytes));
  }
  Result<ListeningSocket> listen(const ListenOptions& options) override {
    return network_.listen(Endpoint::parse("127.0.0.1", 0).value(), options);
  }
  Endpoint nobody() override { return Endpoint::parse("127.0.0.1", 1).value(); }
  void pass_time() override {
    if (network_.next_due() > clock_.now() && network_.next_due() != kNever) {
      clock_.advance(network_.next_due() - clock_.now());
    }
  }

 private:
  ManualClock clock_;
  FixedDelay model_;
  MemoryNetwork network_{clock_, model_};
};

std::unique_ptr<TestedTransport> make_tcp6() {
  const Endpoint host = Endpoint::parse("::1", 0).value();
  if (!ListeningSocket::open(host, {})) return nullptr;
  return std::make_unique<TcpTransport>(host);
}

}  // namespace

void TestedTransport::poll_once(const std::vector<Poller*>& pollers) {
  for (Poller* const poller : pollers) {
    pass_time();
    poller->wait(Duration::zero());
    poller->dispatch();
  }
}

bool TestedTransport::poll_until(const std::vector<Poller*>& pollers, const std::function<bool()>& condition) {
  for (int i = 0; i < 10'000; ++i) {
    poll_once(pollers);
    if (condition()) return true;
    pollers.front()->wait(patience());
  }
  return false;
}

std::vector<TransportKind> listening_transports() {
  return {
      {"Tcp4",
       [] { return std::unique_ptr<TestedTransport>(new TcpTransport(Endpoint::parse("127.0.0.1", 0).value())); }},
      {"Tcp6", make_tcp6},
      {"Unix", [] { return std::unique_ptr<TestedTransport>(new UnixTransport); }},
      {"Memory", [] { return std::unique_ptr<TestedTransport>(new MemoryTransport(Duration::zero())); }},
      {"MemoryWithDelays",
       [] { return std::unique_ptr<TestedTransport>(new MemoryTransport(std::chrono::milliseconds(3))); }},
  };
}

std::vector<TransportKind> all_transports() {
  auto all = listening_transports();
  all.insert(all.begin(), {"SocketPair", [] { return std::unique_ptr<TestedTransport>(new SocketPairTransport); }});
  return all;
}

}  // namespace fluxor::runtime
