#include "runtime/task/frame_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <set>
#include <thread>
#include <vector>

namespace {
std::atomic<std::size_t> allocations{0};
std::atomic<std::size_t> releases{0};
}  // namespace

#ifndef __clang_analyzer__  // it believes that all these leak
void* operator new(std::size_t bytes) {
  ++allocations;
  void* memory = std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept {
  ++releases;
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  ++releases;
  std::free(memory);
}
#endif

namespace fluxor::runtime {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kRecycles = false;
#else
constexpr bool kRecycles = true;
#endif
#else
constexpr bool kRecycles = true;
#endif

TEST(FramePool, AllocatesOnceForATaskThatIsStartedAgainAndAgainUnlessFramesAreWatched) {
  free_frame(allocate_frame(500), 500);
  const std::size_t before = allocations;
  for (int i = 0; i < 100'000; ++i) free_frame(allocate_frame(500), 500);
  EXPECT_EQ(allocations - before, kRecycles ? 0U : 100'000U);
}

TEST(FramePool, KeepsAtMostAMebibyteOfIdleFrames) {
  std::vector<void*> frames;
  for (int i = 0; i < 4096; ++i) frames.push_back(allocate_frame(1024));
  const std::size_t before = releases;
  for (void* frame : frames) free_frame(frame, 1024);
  EXPECT_GE(releases - before, 3072U);
}

TEST(FramePool, CountsLiveFramesAcrossThreads) {
  const std::uint64_t before = live_frames();
  void* here = allocate_frame(100);
  void* there = nullptr;
  std::thread([&there] { there = allocate_frame(100); }).join();
  EXPECT_EQ(live_frames(), before + 2);
  free_frame(there, 100);  // on another thread than it came from
  free_frame(here, 100);
  EXPECT_EQ(live_frames(), before);
}

// Made before the thread's pool, so destroyed after it, as what static objects of the main thread hold is.
struct HoldsAFrameToTheEnd {
  void* frame = nullptr;
  bool* told = nullptr;
  ~HoldsAFrameToTheEnd() {
    if (frame == nullptr) return;
    void* late = allocate_frame(100);
    std::memset(late, 1, 100);
    free_frame(frame, 100);
    void* later = allocate_frame(100);
    *told = late != later;
    free_frame(late, 100);
    free_frame(later, 100);
  }
};

TEST(FramePool, ServesAThreadThatHasDestroyedItsPool) {
  const std::uint64_t before = live_frames();
  bool distinct = false;
  std::thread([&distinct] {
    thread_local HoldsAFrameToTheEnd holder;
    holder.told = &distinct;
    holder.frame = allocate_frame(100);
    void* idle = allocate_frame(100);
    free_frame(idle, 100);
  }).join();
  EXPECT_TRUE(distinct);
  EXPECT_EQ(live_frames(), before);
}

TEST(FramePool, GivesEachFrameMemoryOfItsOwn) {
  for (const std::size_t bytes :
       {std::size_t{1}, std::size_t{64}, std::size_t{65}, std::size_t{2048}, std::size_t{2049}, std::size_t{100'000}}) {
    std::set<void*> seen;
    std::vector<void*> frames;
    for (int round = 0; round < 2; ++round) {
      for (int i = 0; i < 50; ++i) {
        frames.push_back(allocate_frame(bytes));
        std::memset(frames.back(), i, bytes);
        EXPECT_TRUE(seen.insert(frames.back()).second);
      }
      for (void* frame : frames) free_frame(frame, bytes);
      frames.clear();
      seen.clear();
    }
  }
}

}  // namespace
}  // namespace fluxor::runtime
