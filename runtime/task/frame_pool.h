#pragma once

#include <cstddef>
#include <cstdint>

namespace fluxor::runtime {

// Whether memory of frames is used again: not under the address sanitizer, so that a frame used after its end is found.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FLUXOR_RECYCLES_FRAMES false
#endif
#endif
#ifndef FLUXOR_RECYCLES_FRAMES
#define FLUXOR_RECYCLES_FRAMES true
#endif
inline constexpr bool kRecyclesFrames = FLUXOR_RECYCLES_FRAMES;
#undef FLUXOR_RECYCLES_FRAMES

// Memory of coroutine frames: a free list per thread and size, so that a task that is started again and again
// allocates once.
//
// A loop's tasks live on its thread, so the lists need no lock; a frame freed on another thread joins that one's list.
//
// Thread:  any.
// Errors:  std::bad_alloc.
// Cost:    a few loads and stores when recycled.  Frames over 2 KiB, and what exceeds 256 KiB of idle frames of one
// size
//          per thread, go through malloc, and so does what a thread does after its pool was destroyed.
void* allocate_frame(std::size_t bytes);
void free_frame(void* frame, std::size_t bytes) noexcept;

// Frames allocated and not yet freed, in the whole process.  Thread: any.
std::uint64_t live_frames() noexcept;

}  // namespace fluxor::runtime
