#include "runtime/verticle/exit_reason.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <typeinfo>

namespace fluxor::runtime {

std::string_view exit_kind_name(ExitKind kind) noexcept {
  switch (kind) {
    case ExitKind::normal: return "ended";
    case ExitKind::shutdown: return "stopped";
    case ExitKind::crashed: return "crashed";
    case ExitKind::start_failed: return "failed to start";
    case ExitKind::gave_up: return "gave up";
    case ExitKind::killed: return "killed";
    case ExitKind::abandoned: return "abandoned";
    case ExitKind::unknown: return "unknown";
  }
  return "unknown";
}

std::string ExitReason::text() const {
  std::string text(exit_kind_name(kind));
  if (error) text += ": " + make_error_code(*error).message();
  if (failure != nullptr) text += ": " + text_of(failure);
  return text;
}

std::string text_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& exception) {
    return exception.what();
  } catch (...) {
    const std::type_info* const type = abi::__cxa_current_exception_type();
    if (type == nullptr) return "an exception of another language";
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(type->name(), nullptr, nullptr, &status),
                                                           &std::free);
    return "an exception of type " + std::string(status == 0 ? name.get() : type->name());
  }
}

}  // namespace fluxor::runtime
