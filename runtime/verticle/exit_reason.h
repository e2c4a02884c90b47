#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/errc.h"

namespace fluxor::runtime {

// How a verticle, or a supervisor, came to its end.
enum class ExitKind : std::uint8_t {
  normal,        // it said that it is done
  shutdown,      // it was told to stop
  crashed,       // an exception came out of it, or of somebody it is linked to
  start_failed,  // it never ran
  gave_up,       // a supervisor whose children failed too often
  killed,        // it did not stop in its time, and was cancelled
  abandoned,     // nor did it end then: it still holds what it holds
  unknown        // nobody has that id (any more)
};

std::string_view exit_kind_name(ExitKind kind) noexcept;

struct ExitReason {
  ExitKind kind = ExitKind::normal;
  // Why it could not even be tried: Errc::exists, Errc::closed, Errc::invalid.
  std::optional<Errc> error{};
  // What was thrown, if that is why; also by stop(), of one that was told to stop.
  std::exception_ptr failure{};

  // Whether a transient child is restarted after it, and links carry it on.
  bool abnormal() const noexcept { return kind != ExitKind::normal && kind != ExitKind::shutdown; }
  // "crashed: disk on fire"
  std::string text() const;
};

// What an exception says of itself: what(), or its type.
std::string text_of(const std::exception_ptr& failure);

}  // namespace fluxor::runtime
