#pragma once

#include <string_view>

namespace fluxor::services {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace fluxor::services
