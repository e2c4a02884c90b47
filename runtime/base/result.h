#pragma once

#include <boost/system/result.hpp>

#include "runtime/base/errc.h"

namespace fluxor::runtime {

// A value, or the reason why there is none.
//
// An alias, because libstdc++ 12 has no std::expected.  The default error is an error_code, so that what Asio or the
// kernel said passes through unchanged; Errc converts to it by itself: `return Errc::overloaded;`.
template <typename T, typename E = boost::system::error_code>
using Result = boost::system::result<T, E>;

using boost::system::error_code;

}  // namespace fluxor::runtime
