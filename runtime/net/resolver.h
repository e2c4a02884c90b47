#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/net/endpoint.h"
#include "runtime/task/task.h"

namespace fluxor::runtime {

inline constexpr std::size_t kLookupsMax = 256;  // under way or waiting, per loop

// The addresses of a host, IPv4 and IPv6, in the order in which the system wants them tried (its hosts file, then DNS),
// each with `port`.  Never empty.  A literal address is answered at once, without a loop and without a lookup.
//
// The C library looks names up and blocks meanwhile, so Asio does that on a thread beside the loop: one name after
// another.  Nothing is kept: who asks often remembers the answer.
//
// Thread:  loop.
// Owns:    a lookup cannot be called back.  A loop that is destroyed waits for the one under way, as long as the C
//          library takes; the tasks that wait then go on, outside of any turn, and hear Errc::cancelled.
// Errors:  Errc::not_found: nobody has that name.  Errc::try_again: no server answered.  Errc::invalid: it can be no
//          name.  Errc::overloaded: kLookupsMax are waiting.  Else what the system said.
Task<Result<std::vector<Endpoint>>> resolve(std::string host, std::uint16_t port);

}  // namespace fluxor::runtime
