#include "runtime/base/symbolizer.h"

#include <backtrace.h>
#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <atomic>
#include <bit>

namespace fluxor::runtime {
namespace {

// What cannot be read is unknown, and nothing else follows from it.
void ignore_error(void* /*argument*/, const char* /*message*/, int /*number*/) {}

backtrace_state* symbols() noexcept {
  // Two threads may make it at the same time; the one who is later leaves his few bytes behind.
  static std::atomic<backtrace_state*> shared{nullptr};
  backtrace_state* state = shared.load(std::memory_order_acquire);
  if (state != nullptr) return state;
  backtrace_state* const made = ::backtrace_create_state(nullptr, 1, &ignore_error, nullptr);
  return shared.compare_exchange_strong(state, made, std::memory_order_acq_rel) ? made : state;
}

// Passes each place on when it is known whether another follows.
struct Places {
  void (*visit)(void* argument, const CodePlace& place);
  void* argument;
  CodePlace last;
  bool any;
};

int on_place(void* argument, std::uintptr_t /*address*/, const char* file, int line, const char* function) {
  Places& places = *static_cast<Places*>(argument);
  if (places.any) {
    places.last.inlined = true;
    places.visit(places.argument, places.last);
  }
  places.any = true;
  places.last = {function, file, line, false};
  return 0;
}

void on_symbol(void* argument, std::uintptr_t /*address*/, const char* name, std::uintptr_t /*value*/,
               std::uintptr_t /*size*/) {
  // The linker's name is the whole name; debug information of the level that ships has only the last part.
  if (name != nullptr) static_cast<Places*>(argument)->last.function = name;
}

}  // namespace

void for_each_place(std::uintptr_t address, void (*visit)(void* argument, const CodePlace& place),
                    void* argument) noexcept {
  Places places{visit, argument, {}, false};
  if (backtrace_state* const state = symbols()) {
    ::backtrace_pcinfo(state, address, &on_place, &ignore_error, &places);
    ::backtrace_syminfo(state, address, &on_symbol, &ignore_error, &places);
  }
  visit(argument, places.last);
}

CodeOffset::CodeOffset(std::uintptr_t address) noexcept : offset_(address) {
  dl_find_object found;
  if (::_dl_find_object(std::bit_cast<void*>(address), &found) != 0) return;
  offset_ = address - found.dlfo_link_map->l_addr;
  file_ = found.dlfo_link_map->l_name;
  if (*file_ != '\0') return;
  // The program itself has no name there.
  const ssize_t size = ::readlink("/proc/self/exe", executable_.data(), executable_.size() - 1);
  executable_[size > 0 ? static_cast<std::size_t>(size) : 0] = '\0';
  file_ = executable_.data();
}

}  // namespace fluxor::runtime
