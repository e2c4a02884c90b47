#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace fluxor::runtime {

// What a piece of code asked of the heap.
struct Allocations {
  std::uint64_t count = 0;     // a realloc is an allocation and a release, wherever it leaves the bytes
  std::uint64_t releases = 0;  // of anything that is not null
  std::uint64_t bytes = 0;     // asked for; nothing is taken off for what is released
  std::size_t largest = 0;     // bytes of the largest one
};

// Counts from its construction on what is asked of the heap, by this thread or by the whole process, so that a test can
// say "allocates nothing".
//
// It sees malloc, calloc, realloc, aligned_alloc, posix_memalign and memalign, and so operator new and what libraries
// and the C library take for themselves: they are interposed, or, under the address and the thread sanitizer, told by
// its hooks (the latter says nothing of the aligned ones, and a wrong size of reallocarray).  What the optimiser leaves
// out is not counted: keep what is allocated.
//
// Thread:  made, asked and destroyed on one; watches nest.  Of those of the process there is one chain at a time.
class AllocationWatch {
 public:
  enum class Of { this_thread, process };

  explicit AllocationWatch(Of whose = Of::this_thread) noexcept;
  AllocationWatch(const AllocationWatch&) = delete;
  AllocationWatch& operator=(const AllocationWatch&) = delete;
  ~AllocationWatch();

  Allocations so_far() const noexcept;

 private:
  const Of whose_;
  const Allocations before_;
};

// What `code` asks of the heap on this thread.
template <std::invocable F>
Allocations allocations_of(F&& code) {
  const AllocationWatch watch;
  std::forward<F>(code)();
  return watch.so_far();
}

}  // namespace fluxor::runtime
