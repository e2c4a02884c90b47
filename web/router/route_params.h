#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "web/router/route_pattern.h"

namespace fluxor::web {

// What a path had in the places that its route left open: names and values, in the order of the pattern.
//
// The values are those of the normalised path, decoded but for "%2F" and "%25", which decode_segment
// (web/http/target.h) turns into text.  They are held inline, because a lookup must not allocate.
//
// Thread:  owner.
// Owns:    nothing: the names belong to the RouteTree, the values to the path that was looked up.
class RouteParams {
 public:
  struct Param {
    std::string_view name;
    std::string_view value;
  };

  RouteParams() = default;
  // `names` points to as many names as there are values.
  RouteParams(const std::string* names, const std::array<std::string_view, kParamsMax>& values,
              std::size_t size) noexcept
      : names_(names), size_(size) {
    for (std::size_t i = 0; i < size; ++i) values_[i] = values[i];
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // `i` below size().
  [[nodiscard]] Param operator[](std::size_t i) const noexcept { return {.name = names_[i], .value = values_[i]}; }
  // Nothing if the pattern has no param of that name; that of `*rest` may be empty.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept {
    for (std::size_t i = 0; i < size_; ++i) {
      if (names_[i] == name) return values_[i];
    }
    return std::nullopt;
  }

 private:
  const std::string* names_ = nullptr;
  std::size_t size_ = 0;
  std::array<std::string_view, kParamsMax> values_;
};

}  // namespace fluxor::web
