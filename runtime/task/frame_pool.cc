#include "runtime/task/frame_pool.h"

#include <array>
#include <atomic>
#include <mutex>
#include <new>
#include <vector>

#include "runtime/base/counter.h"

namespace fluxor::runtime {
namespace {

constexpr std::size_t kClassBytes = 64;
constexpr std::size_t kRecycledMaxBytes = 2048;
constexpr std::size_t kIdleMaxBytes = 256 * 1024;  // of each size, so that a burst of one does not shut out the others

struct FreeFrame {
  FreeFrame* next;
};

class ThreadPool;

// The pools of all threads, so that live_frames() can add them up.  A leaf: nothing is called under its lock.
struct Registry {
  std::mutex mutex;
  std::vector<const ThreadPool*> pools;
  std::int64_t of_ended_threads = 0;
};

Registry& registry() {
  static auto* const registry = new Registry;  // outlives every thread
  return *registry;
}

// Of this thread.  It has no destructor, so it can be asked to the very end: frames of static objects, and of what
// other thread-local objects hold, are freed after the pool.
constinit thread_local bool pool_ended = false;

class ThreadPool {
 public:
  ThreadPool() {
    const std::lock_guard lock(registry().mutex);
    registry().pools.push_back(this);
  }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool() {
    pool_ended = true;
    for (FreeFrame* frame : free_) {
      while (frame != nullptr) {
        FreeFrame* next = frame->next;
        ::operator delete(frame);
        frame = next;
      }
    }
    const std::lock_guard lock(registry().mutex);
    std::erase(registry().pools, this);
    registry().of_ended_threads += live();
  }

  void* allocate(std::size_t bytes) {
    const std::size_t index = (bytes + kClassBytes - 1) / kClassBytes;
    void* memory;
    if (index < free_.size() && free_[index] != nullptr) {
      memory = free_[index];
      free_[index] = free_[index]->next;
      idle_bytes_[index] -= index * kClassBytes;
    } else {
      memory = ::operator new(index * kClassBytes);
    }
    allocated_.add();
    return memory;
  }

  void free(void* memory, std::size_t bytes) noexcept {
    freed_.add();
    const std::size_t index = (bytes + kClassBytes - 1) / kClassBytes;
    if (!kRecyclesFrames || index >= free_.size() || idle_bytes_[index] >= kIdleMaxBytes) {
      ::operator delete(memory);
      return;
    }
    free_[index] = ::new (memory) FreeFrame{free_[index]};
    idle_bytes_[index] += index * kClassBytes;
  }

  // Negative when this thread freed frames of others.
  std::int64_t live() const noexcept { return static_cast<std::int64_t>(allocated_.get() - freed_.get()); }

 private:
  static constexpr std::size_t kClasses = kRecycledMaxBytes / kClassBytes + 1;

  std::array<FreeFrame*, kClasses> free_{};
  std::array<std::size_t, kClasses> idle_bytes_{};
  Counter allocated_;
  Counter freed_;
};

ThreadPool& pool() {
  thread_local ThreadPool pool;
  return pool;
}

void count_without_pool(std::int64_t frames) noexcept {
  const std::lock_guard lock(registry().mutex);
  registry().of_ended_threads += frames;
}

}  // namespace

void* allocate_frame(std::size_t bytes) {
  if (!pool_ended) return pool().allocate(bytes);
  void* memory = ::operator new(bytes);
  count_without_pool(1);
  return memory;
}

void free_frame(void* frame, std::size_t bytes) noexcept {
  if (!pool_ended) return pool().free(frame, bytes);
  ::operator delete(frame);
  count_without_pool(-1);
}

std::uint64_t live_frames() noexcept {
  const std::lock_guard lock(registry().mutex);
  std::int64_t live = registry().of_ended_threads;
  for (const ThreadPool* pool : registry().pools) live += pool->live();
  return static_cast<std::uint64_t>(live < 0 ? 0 : live);
}

}  // namespace fluxor::runtime
