#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <typeinfo>

#include "runtime/base/stack_trace.h"

namespace fluxor::runtime {

// The lines that tell what is at an address of code, innermost function first, numbered from `number` on:
//
//     #4 read_price at price.cc:12 (inlined)
//     #5 fluxor::shop::PriceVerticle::poll() at price.cc:40 (/opt/shop/server+0x1f3a7)
//
// What is in brackets is for `addr2line -e /opt/shop/server 0x1f3a7`.  Names lose the arguments of templates and
// functions, so that nothing is allocated.  A line is valid during its call only, and has no line end.
//
// Thread:  any; usable in a handler of signals, as for_each_place() is.
void for_each_line(std::uintptr_t address, std::size_t& number, void (*write)(void* argument, std::string_view line),
                   void* argument) noexcept;

// The name of a type, put into `buffer`, as names are above.  Thread: any; async-signal-safe.
std::string_view short_type_name(const std::type_info& type, std::span<char> buffer) noexcept;

// The lines of a whole trace, with line ends between them, and with names in full.  Thread: any; allocates.
std::string stack_text(const StackTrace& trace);

// The name of a type, in full.  Thread: any; allocates.
std::string type_name(const std::type_info& type);

}  // namespace fluxor::runtime
