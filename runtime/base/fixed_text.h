#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fluxor::runtime {

// Text of at most N bytes, in place; what does not fit is cut off.
//
// It neither allocates nor asks the locale, so a handler of signals can put a line together with it.
//
// Thread:  owner.
template <std::size_t N>
class FixedText {
 public:
  FixedText& add(std::string_view text) noexcept {
    const std::size_t count = std::min(text.size(), N - size_);
    size_ += text.copy(text_.data() + size_, count);
    return *this;
  }
  template <std::integral T>
  FixedText& add_decimal(T number) noexcept {
    return add_number(number, 10);
  }
  FixedText& add_hex(std::uintptr_t number) noexcept {
    add("0x");
    return add_number(number, 16);
  }

  std::string_view view() const noexcept { return {text_.data(), size_}; }

 private:
  template <typename T>
  FixedText& add_number(T number, int base) noexcept {
    std::array<char, 24> digits;  // enough for 64 bits and a sign
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
    return add({digits.data(), static_cast<std::size_t>(end - digits.data())});
  }

  std::array<char, N> text_;
  std::size_t size_ = 0;
};

}  // namespace fluxor::runtime
