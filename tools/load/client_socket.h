#pragma once
#include <cstdint>

namespace fluxor::load {

// Connects to 127.0.0.1, without Nagle's delay.  The socket still blocks, for at most two seconds per call.
//
// Owns:    the caller closes the descriptor.
// Errors:  -1, and errno says why.
int connect_to(uint16_t port) noexcept;

// The socket blocks no more.
void set_non_blocking(int fd) noexcept;

}  // namespace fluxor::load
