#include "runtime/testing/allocations.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

namespace fluxor::runtime {
namespace {

// The optimiser may not see what becomes of it, and so not leave the allocation out.
template <typename T>
T* kept(T* memory) {
  asm volatile("" : : "r"(memory) : "memory");
  return memory;
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FLUXOR_TOLD_OF_ALIGNED 0U
#endif
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define FLUXOR_HEAP_OF_A_SANITIZER 1
#endif
#endif
#ifndef FLUXOR_TOLD_OF_ALIGNED
#define FLUXOR_TOLD_OF_ALIGNED 1U
#endif

struct alignas(256) Aligned {
  char bytes[256];
};

TEST(Allocations, AreCountedWhicheverWayTheyAreAskedFor) {
  const std::vector<std::function<void()>> ways = {
      [] { ::operator delete(kept(::operator new(1000))); },
      [] { ::operator delete[](kept(::operator new[](1000))); },
      [] { ::operator delete(kept(::operator new(1000, std::nothrow))); },
      [] { std::free(kept(std::malloc(1000))); },
      [] { std::free(kept(std::calloc(10, 100))); },
      [] { std::free(kept(std::realloc(nullptr, 1000))); },
#if FLUXOR_TOLD_OF_ALIGNED
      [] { std::free(kept(::reallocarray(nullptr, 10, 100))); },
      [] { std::free(kept(std::aligned_alloc(8, 1000))); },
      [] { std::free(kept(::memalign(64, 1000))); },
      [] {
        void* memory = nullptr;
        ASSERT_EQ(::posix_memalign(&memory, 64, 1000), 0);
        ASSERT_EQ(reinterpret_cast<std::uintptr_t>(memory) % 64, 0U);
        std::free(kept(memory));
      },
#endif
      [] { std::free(kept(::strdup(std::string(999, 'x').c_str()))); },  // inside the C library
  };
  for (std::size_t i = 0; i < ways.size(); ++i) {
    ways[i]();
    const Allocations seen = allocations_of(ways[i]);
    const std::uint64_t expected = i + 1 == ways.size() ? 2 : 1;  // the string, too
    EXPECT_EQ(seen.count, expected) << i;
    EXPECT_EQ(seen.releases, expected) << i;
    EXPECT_GE(seen.bytes, 1000U) << i;
    EXPECT_LT(seen.bytes, 1100U * expected) << i;
    EXPECT_GE(seen.largest, 1000U) << i;
  }
}

TEST(Allocations, ArriveWithTheAlignmentAskedFor) {
  const Allocations seen = allocations_of([] {
    const auto aligned = std::make_unique<Aligned>();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(kept(aligned.get())) % 256, 0U);
  });
  EXPECT_EQ(seen.count, FLUXOR_TOLD_OF_ALIGNED);
  EXPECT_EQ(seen.bytes, 256U * FLUXOR_TOLD_OF_ALIGNED);
}

TEST(Allocations, AreNoneWhereNothingIsAllocated) {
  const Allocations seen = allocations_of([] {
    std::string small = "small";
    kept(small.data())[0] = 'S';
    std::free(kept<void>(nullptr));
  });
  EXPECT_EQ(seen.count, 0U);
  EXPECT_EQ(seen.releases, 0U);
  EXPECT_EQ(seen.bytes, 0U);
  EXPECT_EQ(seen.largest, 0U);
}

TEST(Allocations, CountAReallocAsAnAllocationAndARelease) {
  void* memory = std::malloc(100);
  const Allocations grown = allocations_of([&memory] { memory = kept(std::realloc(memory, 5000)); });
  EXPECT_EQ(grown.count, 1U);
  EXPECT_EQ(grown.releases, 1U);
  EXPECT_EQ(grown.largest, 5000U);
  const Allocations freed = allocations_of([&memory] { std::free(memory); });
  EXPECT_EQ(freed.count, 0U);
  EXPECT_EQ(freed.releases, 1U);
}

TEST(Allocations, KeepZeroedWhatCallocGives) {
  auto* const bytes = static_cast<unsigned char*>(std::calloc(100, 7));
  for (int i = 0; i < 700; ++i) EXPECT_EQ(bytes[i], 0);
  std::free(bytes);
}

#ifndef FLUXOR_HEAP_OF_A_SANITIZER  // which ends the process, as a bug
TEST(Allocations, RefuseAnAlignmentThatIsNone) {
  void* memory = nullptr;
  std::size_t odd = *kept(std::make_unique<std::size_t>(24).get());  // else the compiler complains
  EXPECT_EQ(::posix_memalign(&memory, odd, 100), EINVAL);
  odd /= 6;
  EXPECT_EQ(::posix_memalign(&memory, odd, 100), EINVAL);
}
#endif

TEST(AllocationWatch, TellsTheLargestOfItsOwnTimeAndWatchesNest) {
  const auto allocate = [](std::size_t bytes) { ::operator delete(kept(::operator new(bytes))); };
  allocate(900'000);
  const AllocationWatch outer;
  allocate(5000);
  {
    const AllocationWatch inner;
    EXPECT_EQ(inner.so_far().largest, 0U);
    allocate(100);
    EXPECT_EQ(inner.so_far().largest, 100U);
    EXPECT_EQ(inner.so_far().count, 1U);
  }
  EXPECT_EQ(outer.so_far().largest, 5000U);
  {
    const AllocationWatch inner;
    allocate(7000);
  }
  EXPECT_EQ(outer.so_far().largest, 7000U);
  EXPECT_EQ(outer.so_far().count, 3U);
}

TEST(AllocationWatch, TellsTheLargestOfTheProcessInItsOwnTime) {
  const auto allocate = [](std::size_t bytes) { ::operator delete(kept(::operator new(bytes))); };
  allocate(900'000);
  const AllocationWatch outer(AllocationWatch::Of::process);
  allocate(50'000);
  {
    const AllocationWatch inner(AllocationWatch::Of::process);
    allocate(100);
    EXPECT_EQ(inner.so_far().largest, 100U);
  }
  EXPECT_EQ(outer.so_far().largest, 50'000U);
}

TEST(AllocationWatchThreads, TellsThisThreadFromTheProcess) {
  static constexpr std::uint64_t kTimes = 1000;
  const AllocationWatch process(AllocationWatch::Of::process);
  const AllocationWatch mine;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      const AllocationWatch theirs;
      for (std::uint64_t k = 0; k < kTimes; ++k) ::operator delete(kept(::operator new(2000)));
      EXPECT_EQ(theirs.so_far().count, kTimes);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LT(mine.so_far().count, 100U);  // the threads themselves
  EXPECT_GE(process.so_far().count, 4 * kTimes);
  EXPECT_GE(process.so_far().releases, 4 * kTimes);
  EXPECT_GE(process.so_far().bytes, 4 * kTimes * 2000);
}

}  // namespace
}  // namespace fluxor::runtime
