#include "web/admission/ccu_capacity.h"

#include <algorithm>
#include <limits>

namespace fluxor::web {

std::optional<CcuCapacity> CcuCapacity::of(std::size_t max, unsigned utilization_percent) noexcept {
  if (max == 0 || utilization_percent < 1 || utilization_percent > 100) return std::nullopt;
  if (max > std::numeric_limits<std::size_t>::max() / 100) return std::nullopt;
  CcuCapacity capacity;
  capacity.max = max;
  capacity.normal = std::max<std::size_t>(1, max * utilization_percent / 100);
  capacity.running = std::min(capacity.normal, std::clamp<std::size_t>(capacity.normal / 10, 50, 500));
  capacity.waiting = capacity.normal - capacity.running;
  return capacity;
}

}  // namespace fluxor::web
