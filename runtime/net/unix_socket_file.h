#pragma once

#include <sys/types.h>

#include <string>

#include "runtime/base/result.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/socket.h"

namespace fluxor::runtime {

// The file by which clients find a listening Unix-domain socket.
//
// Thread:  owner.
// Owns:    the file, as long as it is the one that was made: another process may have put its own in this place, which
//          is then left alone.  Destroying it removes the file.  Inside runtime/net only.
class UnixSocketFile {
 public:
  // Binds `socket` to `endpoint`, a path, with the permissions `mode`; nobody can connect before it listens.  A socket
  // that nobody listens on, left by a process that was killed, is replaced.  Two processes that do so at the same
  // moment may both succeed; then one of them is found by nobody.
  // Errors:  address_in_use when somebody listens there; not_a_socket when the path is something else; what else the
  //          kernel says.
  static Result<UnixSocketFile> bind(const Socket& socket, const Endpoint& endpoint, mode_t mode);

  UnixSocketFile(UnixSocketFile&& other) noexcept;
  UnixSocketFile& operator=(UnixSocketFile&& other) noexcept;
  ~UnixSocketFile() { remove(); }

  // Nobody finds the socket any more; who has connected already is there still.
  void remove() noexcept;

 private:
  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;
    mode_t mode = 0;
    bool same(const Identity& other) const noexcept { return device == other.device && inode == other.inode; }
  };
  UnixSocketFile(std::string path, const Identity& identity) : path_(std::move(path)), identity_(identity) {}
  static Result<Identity> identify(const std::string& path) noexcept;
  static Result<void> remove_stale(const Endpoint& endpoint, const std::string& path) noexcept;

  std::string path_;  // empty: removed, or moved from
  Identity identity_;
};

}  // namespace fluxor::runtime
