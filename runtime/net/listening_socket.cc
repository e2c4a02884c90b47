#include "runtime/net/listening_socket.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "runtime/net/virtual_socket.h"

namespace fluxor::runtime {
namespace {

error_code last_error() noexcept { return {errno, boost::system::system_category()}; }

bool set_option(const Socket& socket, int level, int name, int value) noexcept {
  return ::setsockopt(socket.descriptor(), level, name, &value, sizeof(value)) == 0;
}

// The options of a socket for TCP, and its place.
bool bind_tcp(const Socket& socket, const Endpoint& endpoint) noexcept {
  return set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1) && set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1) &&
         (endpoint.family() != AF_INET6 || set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, 0)) &&
         ::bind(socket.descriptor(), endpoint.native(), endpoint.native_size()) == 0;
}

const VirtualAcceptor& acceptor_of(const Socket& socket) noexcept {
  return static_cast<const VirtualAcceptor&>(*socket.virtual_socket());
}

}  // namespace

ListeningSocket::ListeningSocket(std::unique_ptr<VirtualAcceptor> acceptor) noexcept : socket_(std::move(acceptor)) {}

Result<ListeningSocket> ListeningSocket::open(const Endpoint& endpoint, const ListenOptions& options) {
  Socket socket(::socket(endpoint.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return last_error();
  std::optional<UnixSocketFile> file;
  if (endpoint.is_unix()) {
    auto bound = UnixSocketFile::bind(socket, endpoint, options.unix_mode);
    if (!bound) return bound.error();
    file.emplace(std::move(*bound));
  } else if (!bind_tcp(socket, endpoint)) {
    return last_error();
  }
  Socket left_over(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!left_over.valid()) return last_error();
  if (::listen(socket.descriptor(), options.backlog) != 0) return last_error();
  return ListeningSocket(std::move(socket), std::move(left_over), std::move(file));
}

Endpoint ListeningSocket::local_endpoint() const noexcept {
  if (socket_.virtual_socket() != nullptr) return acceptor_of(socket_).local_endpoint();
  sockaddr_storage native{};
  socklen_t size = sizeof(native);
  ::getsockname(socket_.descriptor(), reinterpret_cast<sockaddr*>(&native), &size);
  return Endpoint::from_native(native, size);
}

Socket ListeningSocket::accept() const {
  if (VirtualSocket* const acceptor = socket_.virtual_socket()) {
    return static_cast<VirtualAcceptor&>(*acceptor).accept();
  }
  return Socket(::accept4(socket_.descriptor(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

void ListeningSocket::pass_on() const noexcept {
  pollfd waiting{socket_.descriptor(), POLLIN, 0};
  if (::poll(&waiting, 1, 0) != 1) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = ::write(left_over_.descriptor(), &one, sizeof(one));
}

void ListeningSocket::take_left_over() const noexcept {
  std::uint64_t count;
  [[maybe_unused]] const ssize_t ignored = ::read(left_over_.descriptor(), &count, sizeof(count));
}

// A socket filter on a listening socket sees each packet from its TCP header on.  A first packet has SYN and not ACK;
// everything else passes, so handshakes that have begun can end.
Result<void> ListeningSocket::refuse_new() noexcept {
  if (VirtualSocket* const acceptor = socket_.virtual_socket()) {
    static_cast<VirtualAcceptor&>(*acceptor).refuse_new();
    return {};
  }
  if (file_) {
    file_->remove();
    return {};
  }
  constexpr std::uint32_t kFlagsOffset = 13;
  constexpr std::uint32_t kSynAndAck = 0x12;
  constexpr std::uint32_t kSyn = 0x02;
  constexpr std::uint32_t kWholePacket = 0xffff;
  std::array<sock_filter, 5> code{{
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFlagsOffset),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kSynAndAck),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kSyn, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, kWholePacket),
  }};
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (::setsockopt(socket_.descriptor(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0) {
    return last_error();
  }
  return {};
}

}  // namespace fluxor::runtime
