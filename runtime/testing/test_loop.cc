#include "runtime/testing/test_loop.h"

#include <algorithm>

namespace fluxor::runtime {

void TestLoop::advance(Duration by) {
  const Instant end = later(clock_.now(), by);
  run_until_idle();
  for (;;) {
    const Instant next = std::min({loop_.next_expiry(), network_.next_due(), end});
    if (next > clock_.now()) clock_.advance(next - clock_.now());
    const std::size_t ran = run_until_idle();
    if (next == end && ran == 0) return;
  }
}

std::string TestLoop::text_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& exception) {
    return exception.what();
  } catch (...) {
    return "not a std::exception";
  }
}

}  // namespace fluxor::runtime
