#include "web/http/method_set.h"

#include <cstddef>

namespace fluxor::web {

std::string allow_text(MethodSet methods) {
  std::string text;
  for (std::size_t i = 0; i < kMethodCount; ++i) {
    const auto method = static_cast<Method>(i);
    if (!methods.contains(method)) continue;
    if (!text.empty()) text += ", ";
    text += method_name(method);
  }
  return text;
}

}  // namespace fluxor::web
