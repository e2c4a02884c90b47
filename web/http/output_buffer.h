#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace fluxor::web {

// Bytes on their way out, in one piece.
//
// Responses write straight into it (prepare, fill, commit), so that pipelined answers become one write; clear() keeps
// the memory.  Not a std::string, because that one writes zeros over what will be overwritten at once.
//
// Thread:  loop.
class OutputBuffer {
 public:
  OutputBuffer() = default;
  OutputBuffer(OutputBuffer&&) = delete;

  std::string_view view() const noexcept { return {bytes_.get(), size_}; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  std::size_t capacity() const noexcept { return capacity_; }

  // Room for `more_bytes` bytes behind what is there; what was written there counts only after commit().
  //
  // Cost:    allocates only when the capacity does not reach, then at least doubles it.
  char* prepare(std::size_t more_bytes) {
    if (more_bytes > capacity_ - size_) grow(more_bytes);
    return bytes_.get() + size_;
  }
  void commit(std::size_t bytes) noexcept { size_ += bytes; }

  void append(std::string_view bytes) {
    if (bytes.empty()) return;
    std::memcpy(prepare(bytes.size()), bytes.data(), bytes.size());
    commit(bytes.size());
  }

  void clear() noexcept { size_ = 0; }

 private:
  void grow(std::size_t more_bytes) {
    const std::size_t capacity = std::max({size_ + more_bytes, capacity_ * 2, std::size_t{1024}});
    std::unique_ptr<char[]> bytes(new char[capacity]);
    if (size_ != 0) std::memcpy(bytes.get(), bytes_.get(), size_);
    bytes_ = std::move(bytes);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace fluxor::web
