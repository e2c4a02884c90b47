#include "runtime/testing/allocation_limit.h"

#include <cstdlib>
#include <limits>
#include <new>
#include <utility>

namespace fluxor::runtime {
namespace {

constinit thread_local std::size_t limit = std::numeric_limits<std::size_t>::max();

void* allocate(std::size_t bytes) noexcept { return bytes > limit ? nullptr : std::malloc(bytes); }

void* allocate_or_throw(std::size_t bytes) {
  void* const memory = allocate(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

AllocationLimit::AllocationLimit(std::size_t bytes_max) noexcept : outer_(std::exchange(limit, bytes_max)) {}

AllocationLimit::~AllocationLimit() { limit = outer_; }

}  // namespace fluxor::runtime

#ifndef __clang_analyzer__  // it believes that all these leak

// All that are not aligned, since a sanitizer minds what is freed by another family than it was allocated by.
void* operator new(std::size_t bytes) { return fluxor::runtime::allocate_or_throw(bytes); }
void* operator new[](std::size_t bytes) { return fluxor::runtime::allocate_or_throw(bytes); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return fluxor::runtime::allocate(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return fluxor::runtime::allocate(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

#endif
