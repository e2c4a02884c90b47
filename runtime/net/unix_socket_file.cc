#include "runtime/net/unix_socket_file.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace fluxor::runtime {
namespace {

error_code system_error(int number) noexcept { return {number, boost::system::system_category()}; }
error_code last_error() noexcept { return system_error(errno); }

}  // namespace

UnixSocketFile::UnixSocketFile(UnixSocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), identity_(other.identity_) {}

UnixSocketFile& UnixSocketFile::operator=(UnixSocketFile&& other) noexcept {
  if (this == &other) return *this;
  remove();
  path_ = std::exchange(other.path_, {});
  identity_ = other.identity_;
  return *this;
}

Result<UnixSocketFile> UnixSocketFile::bind(const Socket& socket, const Endpoint& endpoint, mode_t mode) {
  const std::string path(endpoint.path());
  if (::bind(socket.descriptor(), endpoint.native(), endpoint.native_size()) != 0) {
    if (errno != EADDRINUSE) return last_error();
    if (auto removed = remove_stale(endpoint, path); !removed) return removed.error();
    if (::bind(socket.descriptor(), endpoint.native(), endpoint.native_size()) != 0) return last_error();
  }
  auto identity = identify(path);
  if (!identity) return identity.error();
  UnixSocketFile file(path, *identity);
  if (::chmod(path.c_str(), mode) != 0) return last_error();
  return file;
}

void UnixSocketFile::remove() noexcept {
  if (path_.empty()) return;
  // While our socket is open the kernel keeps its inode, so nobody else's file can have the same number.
  const auto found = identify(path_);
  if (found && found->same(identity_)) ::unlink(path_.c_str());
  path_.clear();
}

Result<UnixSocketFile::Identity> UnixSocketFile::identify(const std::string& path) noexcept {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) return last_error();
  return Identity{.device = found.st_dev, .inode = found.st_ino, .mode = found.st_mode};
}

Result<void> UnixSocketFile::remove_stale(const Endpoint& endpoint, const std::string& path) noexcept {
  const auto before = identify(path);
  if (!before) return before.error().value() == ENOENT ? Result<void>() : before.error();
  if (!S_ISSOCK(before->mode)) return system_error(ENOTSOCK);
  const Socket probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!probe.valid()) return last_error();
  // Only a refusal says that nobody listens; a full queue or a permission denied does not.
  if (::connect(probe.descriptor(), endpoint.native(), endpoint.native_size()) == 0 || errno != ECONNREFUSED) {
    return system_error(EADDRINUSE);
  }
  const auto after = identify(path);
  if (after && !after->same(*before)) return system_error(EADDRINUSE);
  if (after && ::unlink(path.c_str()) != 0) return last_error();
  return {};
}

}  // namespace fluxor::runtime
