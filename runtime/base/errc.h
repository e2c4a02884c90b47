#pragma once

#include <boost/system/error_code.hpp>

namespace fluxor::runtime {

// How work of the runtime fails in normal life.  Each answer means one thing: full is never called late, and closed is
// never called full.  Append, never renumber: values are logged.
enum class Errc {
  overloaded = 1,  // a bound was reached and the policy is to refuse; surely not done
  closed = 2,      // the receiver takes nothing any more; surely not done
  cancelled = 3,   // whoever waited was told to stop
  timeout = 4,     // it did not happen in time; it may still happen
  not_found = 5,   // nothing has that name
  invalid = 6,     // the request itself makes no sense
  try_again = 7,   // whoever knows did not answer; the same request may succeed later
  deadline = 8,    // the time of whoever waited was over
  exists = 9,      // something has that name already
};

const boost::system::error_category& runtime_category() noexcept;

inline boost::system::error_code make_error_code(Errc errc) noexcept {
  return {static_cast<int>(errc), runtime_category()};
}

}  // namespace fluxor::runtime

// Without this, comparing an error_code with an Errc would compile and never match.
template <>
struct boost::system::is_error_code_enum<fluxor::runtime::Errc> : std::true_type {};
