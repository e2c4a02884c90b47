#include "runtime/testing/allocations.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>

#include "runtime/base/check.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#include <sanitizer/allocator_interface.h>
#define FLUXOR_HEAP_OF_A_SANITIZER 1
#endif
#endif
#ifndef FLUXOR_HEAP_OF_A_SANITIZER
#define FLUXOR_HEAP_OF_A_SANITIZER 0
#endif

namespace fluxor::runtime {
namespace {

// Since the beginning, but for `largest`: since the innermost watch began.  Initial-exec, because an access must not
// allocate what it counts.
[[gnu::tls_model("initial-exec")]] constinit thread_local Allocations of_thread;

struct ProcessAllocations {
  std::atomic<std::uint64_t> count{0};
  std::atomic<std::uint64_t> releases{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::size_t> largest{0};
};
constinit ProcessAllocations of_process;

void raise_to(std::atomic<std::size_t>& largest, std::size_t bytes) noexcept {
  std::size_t known = largest.load(std::memory_order_relaxed);
  while (known < bytes && !largest.compare_exchange_weak(known, bytes, std::memory_order_relaxed)) {
  }
}

[[clang::disable_sanitizer_instrumentation]] void count_allocation(std::size_t bytes) noexcept {
  ++of_thread.count;
  of_thread.bytes += bytes;
  of_thread.largest = std::max(of_thread.largest, bytes);
  of_process.count.fetch_add(1, std::memory_order_relaxed);
  of_process.bytes.fetch_add(bytes, std::memory_order_relaxed);
  raise_to(of_process.largest, bytes);
}

[[clang::disable_sanitizer_instrumentation]] void count_release() noexcept {
  ++of_thread.releases;
  of_process.releases.fetch_add(1, std::memory_order_relaxed);
}

#if FLUXOR_HEAP_OF_A_SANITIZER
void be_told() noexcept {
  static const bool told = __sanitizer_install_malloc_and_free_hooks(
                               [](const volatile void*, std::size_t bytes) { count_allocation(bytes); },
                               [](const volatile void* memory) {
                                 if (memory != nullptr) count_release();
                               }) != 0;
  FLUXOR_CHECK(told, "the sanitizer tells what is allocated");
}
#else
void be_told() noexcept {}
#endif

// Begins to look for the largest anew.
Allocations begin(AllocationWatch::Of whose) noexcept {
  be_told();
  if (whose == AllocationWatch::Of::this_thread) {
    const Allocations now = of_thread;
    of_thread.largest = 0;
    return now;
  }
  return {of_process.count, of_process.releases, of_process.bytes, of_process.largest.exchange(0)};
}

}  // namespace

AllocationWatch::AllocationWatch(Of whose) noexcept : whose_(whose), before_(begin(whose)) {}

AllocationWatch::~AllocationWatch() {
  // An outer watch has seen what this one has.
  if (whose_ == Of::this_thread) {
    of_thread.largest = std::max(of_thread.largest, before_.largest);
  } else {
    raise_to(of_process.largest, before_.largest);
  }
}

Allocations AllocationWatch::so_far() const noexcept {
  const Allocations now = whose_ == Of::this_thread ? of_thread
                                                    : Allocations{of_process.count, of_process.releases,
                                                                  of_process.bytes, of_process.largest};
  return {now.count - before_.count, now.releases - before_.releases, now.bytes - before_.bytes, now.largest};
}

}  // namespace fluxor::runtime

#if !FLUXOR_HEAP_OF_A_SANITIZER && !defined(__clang_analyzer__)  // the analyzer believes that all these leak

// The C library lets a program define these, and has its own under other names.
extern "C" {

void* __libc_malloc(std::size_t bytes) noexcept;                           // NOLINT(bugprone-reserved-identifier)
void* __libc_calloc(std::size_t count, std::size_t bytes) noexcept;        // NOLINT(bugprone-reserved-identifier)
void* __libc_realloc(void* memory, std::size_t bytes) noexcept;            // NOLINT(bugprone-reserved-identifier)
void* __libc_memalign(std::size_t alignment, std::size_t bytes) noexcept;  // NOLINT(bugprone-reserved-identifier)
void __libc_free(void* memory) noexcept;                                   // NOLINT(bugprone-reserved-identifier)

void* malloc(std::size_t bytes) noexcept {
  fluxor::runtime::count_allocation(bytes);
  return __libc_malloc(bytes);
}

void* calloc(std::size_t count, std::size_t bytes) noexcept {
  fluxor::runtime::count_allocation(count * bytes);
  return __libc_calloc(count, bytes);
}

void* realloc(void* memory, std::size_t bytes) noexcept {
  if (memory != nullptr) fluxor::runtime::count_release();
  if (memory == nullptr || bytes != 0) fluxor::runtime::count_allocation(bytes);
  return __libc_realloc(memory, bytes);
}

void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  fluxor::runtime::count_allocation(bytes);
  return __libc_memalign(alignment, bytes);
}

void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept { return memalign(alignment, bytes); }

int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) noexcept {
  if (alignment % sizeof(void*) != 0 || !std::has_single_bit(alignment)) return EINVAL;
  void* const aligned = memalign(alignment, bytes);
  if (aligned == nullptr) return ENOMEM;
  *memory = aligned;
  return 0;
}

void free(void* memory) noexcept {
  if (memory != nullptr) fluxor::runtime::count_release();
  __libc_free(memory);
}

}  // extern "C"

#endif
