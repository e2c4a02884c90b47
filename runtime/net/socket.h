#pragma once

#include <unistd.h>

#include <utility>

namespace fluxor::runtime {

// Owns a descriptor of the kernel and closes it.  Moves between threads freely: it is how a connection that one loop
// accepted is handed to another, before it becomes a Stream.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) noexcept : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    if (this != &other) {
      reset();
      descriptor_ = std::exchange(other.descriptor_, -1);
    }
    return *this;
  }
  ~Socket() { reset(); }

  bool valid() const noexcept { return descriptor_ >= 0; }
  int descriptor() const noexcept { return descriptor_; }
  void reset() noexcept {
    if (valid()) ::close(std::exchange(descriptor_, -1));
  }

 private:
  int descriptor_ = -1;
};

}  // namespace fluxor::runtime
