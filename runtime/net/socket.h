#pragma once

#include <unistd.h>

#include <memory>
#include <utility>

namespace fluxor::runtime {

// A socket that no kernel knows: an end of a connection, or a place to listen, of a MemoryNetwork.  Destroying it
// closes it, as closing its descriptor does for one of the kernel's.
class VirtualSocket {
 public:
  VirtualSocket() = default;
  VirtualSocket(const VirtualSocket&) = delete;
  VirtualSocket& operator=(const VirtualSocket&) = delete;
  virtual ~VirtualSocket() = default;
};

// Owns a descriptor of the kernel, or a virtual socket, and closes it.  Moves between threads freely (a virtual one
// stays on its network's): it is how a connection that one loop accepted is handed to another, before it becomes a
// Stream.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) noexcept : descriptor_(descriptor) {}
  explicit Socket(std::unique_ptr<VirtualSocket> made) noexcept : virtual_(std::move(made)) {}
  Socket(Socket&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), virtual_(std::move(other.virtual_)) {}
  Socket& operator=(Socket&& other) noexcept {
    if (this != &other) {
      reset();
      descriptor_ = std::exchange(other.descriptor_, -1);
      virtual_ = std::move(other.virtual_);
    }
    return *this;
  }
  ~Socket() { reset(); }

  bool valid() const noexcept { return descriptor_ >= 0 || virtual_ != nullptr; }
  // -1 if it is virtual.
  int descriptor() const noexcept { return descriptor_; }
  // Null if it is the kernel's.
  VirtualSocket* virtual_socket() const noexcept { return virtual_.get(); }
  void reset() noexcept {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
    virtual_.reset();
  }

 private:
  int descriptor_ = -1;
  std::unique_ptr<VirtualSocket> virtual_;
};

}  // namespace fluxor::runtime
