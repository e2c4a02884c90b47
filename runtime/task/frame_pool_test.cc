#include "runtime/task/frame_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <new>
#include <set>
#include <thread>
#include <vector>

#include "runtime/testing/allocation_limit.h"
#include "runtime/testing/allocations.h"

namespace fluxor::runtime {
namespace {

TEST(FramePool, AllocatesOnceForATaskThatIsStartedAgainAndAgainUnlessFramesAreWatched) {
  free_frame(allocate_frame(500), 500);
  const Allocations seen = allocations_of([] {
    for (int i = 0; i < 100'000; ++i) free_frame(allocate_frame(500), 500);
  });
  EXPECT_EQ(seen.count, kRecyclesFrames ? 0U : 100'000U);
}

TEST(FramePool, KeepsNoFrameOver2KiB) {
  for (const std::size_t bytes : {std::size_t{2048}, std::size_t{2049}}) {
    free_frame(allocate_frame(bytes), bytes);
    const Allocations seen = allocations_of([bytes] { free_frame(allocate_frame(bytes), bytes); });
    EXPECT_EQ(seen.count, bytes > 2048 || !kRecyclesFrames ? 1U : 0U) << bytes;
    EXPECT_EQ(seen.releases, seen.count);
  }
}

TEST(FramePool, ThrowsAndCountsNoFrameWhenMemoryRunsOut) {
  free_frame(allocate_frame(100), 100);
  const std::uint64_t before = live_frames();
  {
    const AllocationLimit limit(10'000);
    EXPECT_THROW(static_cast<void>(allocate_frame(20'000)), std::bad_alloc);
  }
  EXPECT_EQ(live_frames(), before);
}

TEST(FramePool, KeepsAtMostAMebibyteOfIdleFrames) {
  std::vector<void*> frames;
  for (int i = 0; i < 4096; ++i) frames.push_back(allocate_frame(1024));
  const Allocations seen = allocations_of([&frames] {
    for (void* frame : frames) free_frame(frame, 1024);
  });
  EXPECT_GE(seen.releases, 3072U);
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

TEST(FramePool, KeepsIdleFramesOfASizeWhateverThereIsOfAnother) {
  std::vector<void*> frames;
  for (int i = 0; i < 10'000; ++i) frames.push_back(allocate_frame(200));
  for (void* frame : frames) free_frame(frame, 200);
  free_frame(allocate_frame(700), 700);
  EXPECT_EQ(allocations_of([] { free_frame(allocate_frame(700), 700); }).count, kRecyclesFrames ? 0U : 1U);
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
  std::vector<void*> here;  // enough that no wrong count hides at 0
  for (int i = 0; i < 4; ++i) here.push_back(allocate_frame(100));
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
  for (void* frame : here) free_frame(frame, 100);
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
