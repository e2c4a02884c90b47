#include "runtime/net/listening_socket.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace fluxor::runtime {
namespace {

error_code last_error() noexcept { return {errno, boost::system::system_category()}; }

bool set_option(const Socket& socket, int level, int name, int value) noexcept {
  return ::setsockopt(socket.descriptor(), level, name, &value, sizeof(value)) == 0;
}

}  // namespace

Result<ListeningSocket> ListeningSocket::open(const Endpoint& endpoint, const ListenOptions& options) {
  Socket socket(::socket(endpoint.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return last_error();
  if (!set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1)) return last_error();
  if (!set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1)) return last_error();
  if (endpoint.family() == AF_INET6 && !set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, 0)) return last_error();
  if (::bind(socket.descriptor(), endpoint.native(), endpoint.native_size()) != 0) return last_error();
  if (::listen(socket.descriptor(), options.backlog) != 0) return last_error();
  return ListeningSocket(std::move(socket));
}

Endpoint ListeningSocket::local_endpoint() const noexcept {
  sockaddr_storage native{};
  socklen_t size = sizeof(native);
  ::getsockname(socket_.descriptor(), reinterpret_cast<sockaddr*>(&native), &size);
  return Endpoint::from_native(native, size);
}

// A socket filter on a listening socket sees each packet from its TCP header on.  A first packet has SYN and not ACK;
// everything else passes, so handshakes that have begun can end.
Result<void> ListeningSocket::refuse_new() noexcept {
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
