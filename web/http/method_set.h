#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "web/http/method.h"

namespace fluxor::web {

// Which methods something takes: a value of two bytes.
class MethodSet {
 public:
  constexpr MethodSet() = default;
  constexpr MethodSet(std::initializer_list<Method> methods) {
    for (const Method method : methods) insert(method);
  }

  constexpr void insert(Method method) noexcept { bits_ = static_cast<std::uint16_t>(bits_ | bit(method)); }
  constexpr void insert(MethodSet others) noexcept { bits_ = static_cast<std::uint16_t>(bits_ | others.bits_); }
  [[nodiscard]] constexpr bool contains(Method method) const noexcept { return (bits_ & bit(method)) != 0; }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }
  friend constexpr bool operator==(MethodSet, MethodSet) = default;

 private:
  static constexpr std::uint16_t bit(Method method) noexcept {
    return static_cast<std::uint16_t>(1U << static_cast<unsigned>(method));
  }

  std::uint16_t bits_ = 0;
};

// The value of an Allow field, in the order of the enumeration: "GET, HEAD, OPTIONS".
//
// Cost: may allocate; it is written into refusals only.
[[nodiscard]] std::string allow_text(MethodSet methods);

}  // namespace fluxor::web
