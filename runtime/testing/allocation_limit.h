#pragma once

#include <cstddef>

namespace fluxor::runtime {

// As long as it lives, operator new throws std::bad_alloc on this thread for more than `bytes_max`, so that a test can
// see what happens when memory runs out.  Limits nest; the inner one holds.  A program that is linked with it has
// operators new and delete of its own, by malloc and free.
//
// Thread:  owner.
class AllocationLimit {
 public:
  explicit AllocationLimit(std::size_t bytes_max) noexcept;
  AllocationLimit(const AllocationLimit&) = delete;
  AllocationLimit& operator=(const AllocationLimit&) = delete;
  ~AllocationLimit();

 private:
  const std::size_t outer_;
};

}  // namespace fluxor::runtime
