#pragma once

#include <boost/system/error_code.hpp>

namespace fluxor::eventbus {

// Why a message did not do what its sender wanted.  Each answer means one thing: full is never called late, absent is
// never called crashed, and none of them is ever called success.
//
// The values travel between processes: append, never renumber.
enum class Errc {
  no_handlers = 1,         // nobody is registered at the address
  overloaded = 2,          // mailbox, ring, gate or credit is full, and the policy is to refuse
  unregistered = 3,        // it was buffered when its consumer went away
  undelivered = 4,         // the link was down, or the frame never left
  denied = 5,              // an address rule refused it
  too_large = 6,           // a size limit refused it
  no_codec = 7,            // its body cannot leave the process
  type_mismatch = 8,       // its body is of another type than the consumer's
  would_deadlock = 9,      // a request back to a consumer that serves an earlier link of the same call chain
  intercepted = 10,        // an interceptor stopped it
  timeout = 11,            // no reply in time
  cancelled = 12,          // the caller's scope was cancelled
  deadline = 13,           // the caller's deadline passed
  recipient_failure = 14,  // the handler failed
  no_reply = 15,           // the handler finished and dropped the message without a reply
  peer_down = 16,          // the verticle that served it crashed or was undeployed
  peer_lost = 17,          // the link or process that served it was lost
  closed = 18,             // the bus is shutting down
};

// What a sender may assume about a message that failed: whether sending it again could do the work twice.
enum class Handled {
  surely_not,  // no handler has seen it
  maybe,       // nobody knows
  partly,      // a handler began, and failed
  surely,      // a handler has finished with it
};

Handled handled(Errc errc) noexcept;

const boost::system::error_category& eventbus_category() noexcept;

inline boost::system::error_code make_error_code(Errc errc) noexcept {
  return {static_cast<int>(errc), eventbus_category()};
}

}  // namespace fluxor::eventbus

// Without this, comparing an error_code with an Errc would compile and never match.
template <>
struct boost::system::is_error_code_enum<fluxor::eventbus::Errc> : std::true_type {};
