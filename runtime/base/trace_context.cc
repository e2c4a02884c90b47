#include "runtime/base/trace_context.h"

#include <algorithm>
#include <cstddef>
#include <span>

namespace fluxor::runtime {
namespace {

constexpr std::size_t kLength = 2 + 1 + 32 + 1 + 16 + 1 + 2;

// -1 unless it is a lower-case hex digit: others are malformed.
constexpr int digit(char letter) noexcept {
  if (letter >= '0' && letter <= '9') return letter - '0';
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

bool read(std::string_view text, std::span<std::uint8_t> bytes) noexcept {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = digit(text[2 * i]);
    const int low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

void write(std::span<const std::uint8_t> bytes, std::string& text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
}

bool all_zero(std::span<const std::uint8_t> bytes) noexcept {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

std::optional<TraceContext> TraceContext::parse(std::string_view traceparent) noexcept {
  if (traceparent.size() < kLength) return std::nullopt;
  std::uint8_t version = 0;
  TraceContext context;
  const bool well_formed = read(traceparent, {&version, 1}) && traceparent[2] == '-' &&
                           read(traceparent.substr(3), context.trace_id) && traceparent[35] == '-' &&
                           read(traceparent.substr(36), context.span_id) && traceparent[52] == '-' &&
                           read(traceparent.substr(53), {&context.flags, 1});
  if (!well_formed || version == 0xff || all_zero(context.trace_id) || all_zero(context.span_id)) return std::nullopt;
  // What follows belongs to a later version.
  if (traceparent.size() > kLength && (version == 0 || traceparent[kLength] != '-')) return std::nullopt;
  return context;
}

std::string TraceContext::traceparent() const {
  std::string text = "00-";
  write(trace_id, text);
  text += '-';
  write(span_id, text);
  text += '-';
  write({&flags, 1}, text);
  return text;
}

}  // namespace fluxor::runtime
