#pragma once

#include <array>
#include <cstdint>

namespace fluxor::runtime {

// A function at an address of code, as far as the binaries tell.  What they do not tell is null or 0.
struct CodePlace {
  const char* function;  // mangled, where it is a name of the linker's
  const char* file;
  int line;
  bool inlined;  // into the next place
};

// Visits the functions at `address`: those inlined into each other, innermost first, and last the one that was called.
// Reads symbol tables and debug information, also where they lie beside the binaries (/usr/lib/debug); without any of
// it, there is one place that tells nothing.
//
// Thread:  any; usable in a handler of signals: memory comes from the kernel, and no lock is taken, except the dynamic
//          linker's in the first call.
// Cost:    the first call reads what there is, about 0.1 s; later ones a search.
void for_each_place(std::uintptr_t address, void (*visit)(void* argument, const CodePlace& place),
                    void* argument) noexcept;

// The binary that holds an address of code, and what the address is in there: `addr2line -e FILE OFFSET` finds it in a
// copy that has its debug information, however stripped this one is.
//
// Thread:  any; async-signal-safe.
class CodeOffset {
 public:
  explicit CodeOffset(std::uintptr_t address) noexcept;
  CodeOffset(const CodeOffset&) = delete;
  CodeOffset& operator=(const CodeOffset&) = delete;
  // Null if no binary holds the address; then the offset is the address.
  const char* file() const noexcept { return file_; }
  std::uintptr_t offset() const noexcept { return offset_; }

 private:
  const char* file_ = nullptr;
  std::uintptr_t offset_;
  std::array<char, 512> executable_;
};

}  // namespace fluxor::runtime
