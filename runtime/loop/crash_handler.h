#pragma once

namespace fluxor::runtime {

// From now on, a signal that ends the process (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT) first says on standard error
// what it was, what the event loop was at, and where in the code:
//
//     fluxor: SIGSEGV at address 0x8 in thread 4711
//     on event loop 1, stage ring, handler fluxor::shop::Order::place()::$_0, label /orders
//     #0 fluxor::shop::PriceCache::find() at price_cache.cc:31 (/opt/shop/server+0x1f3a7)
//     ...
//
// Then the signal takes its default course, from the very instruction: exit status and core dump are what they would
// be without this.  It covers FLUXOR_CHECK and uncaught exceptions, since both end in SIGABRT.
//
// It uses no heap and takes no lock, except the dynamic linker's if it is the first to read symbols.  A fault inside it
// ends the process at once, and so does a SIGALRM after ten seconds, whatever it waits for.
//
// Thread:  owner, once, before what may crash.  For a stack that is used up each thread needs a SignalStack.
void install_crash_handler() noexcept;

}  // namespace fluxor::runtime
