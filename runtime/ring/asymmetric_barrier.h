#pragma once

#include <atomic>

namespace fluxor::runtime {

// A store-load barrier of which one side pays all: the frequent side none at run time, the rare one a system call.
//
// Of two threads, one does `store a; light_barrier(); load b`, the other `store b; heavy_barrier(); load a`: at least
// one of them sees the other's store.

// Whether this kernel has heavy_barrier(); the first call registers the process for it.  Thread: any.
bool has_heavy_barrier() noexcept;

// Makes every running thread of the process pass a full barrier before it returns.
//
// Thread:  any; needs has_heavy_barrier().
// Cost:    a system call and an interrupt of each running thread: some microseconds.
void heavy_barrier() noexcept;

// Keeps the compiler from moving a store behind a load; the processor may, until a heavy_barrier().
inline void light_barrier() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }

}  // namespace fluxor::runtime
