#include "runtime/net/system_call.h"

namespace fluxor::runtime {
namespace {

template <typename Call>
Endpoint ask_kernel(const Socket& socket, Call call) noexcept {
  sockaddr_storage native{};
  socklen_t size = sizeof(native);
  if (call(socket.descriptor(), reinterpret_cast<sockaddr*>(&native), &size) != 0) return {};
  return Endpoint::from_native(native, size);
}

}  // namespace

void end_writing(const Socket& socket) {
  if (socket.virtual_socket() != nullptr) return virtual_connection(socket).end();
  ::shutdown(socket.descriptor(), SHUT_WR);
}

int take_error(const Socket& socket) noexcept {
  if (socket.virtual_socket() != nullptr) return virtual_connection(socket).take_error();
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(socket.descriptor(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

void reset_on_close(const Socket& socket) noexcept {
  if (socket.virtual_socket() != nullptr) return virtual_connection(socket).reset_on_close();
  const linger at_once{1, 0};
  ::setsockopt(socket.descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

Endpoint local_endpoint_of(const Socket& socket) {
  if (socket.virtual_socket() != nullptr) return virtual_connection(socket).local_endpoint();
  return ask_kernel(socket, ::getsockname);
}

Endpoint peer_endpoint_of(const Socket& socket) {
  if (socket.virtual_socket() != nullptr) return virtual_connection(socket).peer_endpoint();
  return ask_kernel(socket, ::getpeername);
}

}  // namespace fluxor::runtime
