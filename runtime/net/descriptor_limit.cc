#include "runtime/net/descriptor_limit.h"

#include <sys/resource.h>

#include <cerrno>

namespace fluxor::runtime {

Result<std::size_t> raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return error_code(errno, boost::system::system_category());
  if (limit.rlim_cur < limit.rlim_max) {
    const rlimit raised{limit.rlim_max, limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return static_cast<std::size_t>(limit.rlim_cur);
}

}  // namespace fluxor::runtime
