#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace fluxor::runtime {

// Visits the calls that have led to where a signal has interrupted this thread, innermost first, until `visit` says
// false.  Called in the handler of the signal with the third argument it was given; the frames of the handler itself
// are left out.  Each address lies inside the instruction that runs or calls, not behind it: what addr2line takes.
//
// It unwinds by the tables that exceptions use, so it needs no frame pointers, in our code or in others'.  Where the
// code runs at no known address (a call of a null pointer), it gives that, and the caller found on the stack.
//
// Thread:  any; async-signal-safe: no lock and no allocation.
// Errors:  a stack that is overwritten may fault here: whoever prints a crash prints frame by frame.
void for_each_interrupted_frame(const void* signal_context, bool (*visit)(void* argument, std::uintptr_t address),
                                void* argument) noexcept;

// Where a thread was: as many of the calls above as fit.
//
// Thread:  owner; interrupted() is async-signal-safe.
class StackTrace {
 public:
  static constexpr std::size_t kFramesMax = 48;

  StackTrace() noexcept = default;
  static StackTrace interrupted(const void* signal_context) noexcept;

  std::span<const std::uintptr_t> addresses() const noexcept { return {addresses_.data(), size_}; }
  bool empty() const noexcept { return size_ == 0; }
  // There were more calls, further out.
  bool cut_off() const noexcept { return cut_off_; }

 private:
  static bool add(void* trace, std::uintptr_t address) noexcept;

  std::array<std::uintptr_t, kFramesMax> addresses_{};
  std::size_t size_ = 0;
  bool cut_off_ = false;
};

}  // namespace fluxor::runtime
