#include "tools/load/response_counter.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace fluxor::load {
namespace {

constexpr size_t kHeadMax = size_t{64} * 1024;  // bytes
constexpr std::string_view kHeadEnd = "\r\n\r\n";

bool equal_ignoring_case(std::string_view left, std::string_view lower) {
  return std::ranges::equal(left, lower,
                            [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b; });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Reads a complete head; nothing if it is not one or does not say where its body ends.
std::optional<KnownHead> parse(std::string_view head) {
  // "HTTP/1.1 200" and then a space or the end of the line.
  if (head.size() < 16 || !head.starts_with("HTTP/1.") || head[8] != ' ') return std::nullopt;
  const auto status = number<int>(head.substr(9, 3));
  if (!status || *status < 100) return std::nullopt;

  std::optional<uint64_t> length;
  KnownHead known{.bytes = std::string(head), .status = *status, .closing = head[7] == '0'};
  for (size_t at = head.find("\r\n") + 2; at + 2 < head.size();) {
    const size_t end = head.find("\r\n", at);
    const std::string_view line = head.substr(at, end - at);
    at = end + 2;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (equal_ignoring_case(name, "content-length")) {
      if (length) return std::nullopt;
      length = number<uint64_t>(value);
      if (!length) return std::nullopt;
    } else if (equal_ignoring_case(name, "transfer-encoding")) {
      return std::nullopt;
    } else if (equal_ignoring_case(name, "connection")) {
      known.closing =
          equal_ignoring_case(value, "close") || (known.closing && !equal_ignoring_case(value, "keep-alive"));
    }
  }
  const bool bodyless = *status < 200 || *status == 204 || *status == 304;
  if (!length && !bodyless) return std::nullopt;
  known.body_length = bodyless ? 0 : *length;
  return known;
}

}  // namespace

Responses ResponseCounter::consume(std::string_view bytes) {
  Responses seen;
  while (!bytes.empty()) {
    if (body_left_ == 0 && !begin_response(bytes, seen)) break;
    const size_t taken = std::min<uint64_t>(body_left_, bytes.size());
    bytes.remove_prefix(taken);
    body_left_ -= taken;
    if (body_left_ == 0) end_response(seen);
  }
  return seen;
}

void ResponseCounter::reset() noexcept {
  head_.clear();
  body_left_ = 0;
}

// Takes one head off the front of `bytes`; false if it is not complete yet, or malformed.
bool ResponseCounter::begin_response(std::string_view& bytes, Responses& seen) {
  const bool again = head_.empty() && !known_->bytes.empty() && bytes.starts_with(known_->bytes);
  if (again) {
    bytes.remove_prefix(known_->bytes.size());
  } else {
    const size_t before = head_.size();
    head_ += bytes.substr(0, kHeadMax - before);
    const size_t end = head_.find(kHeadEnd, before < kHeadEnd.size() ? 0 : before - (kHeadEnd.size() - 1));
    if (end == std::string::npos) {
      seen.malformed = head_.size() == kHeadMax;
      return false;
    }
    head_.resize(end + kHeadEnd.size());
    bytes.remove_prefix(head_.size() - before);
    auto parsed = parse(head_);
    head_.clear();
    if (!parsed) {
      seen.malformed = true;
      return false;
    }
    *known_ = *std::move(parsed);
  }
  status_ = known_->status;
  body_left_ = known_->body_length;
  seen.closing |= known_->closing;
  return true;
}

void ResponseCounter::end_response(Responses& seen) const noexcept {
  if (status_ < 200) return;  // an interim answer: the real one follows
  if (status_ < 300) {
    ++seen.succeeded;
  } else if (status_ == 503) {
    ++seen.refused;
  } else {
    ++seen.other;
  }
}

}  // namespace fluxor::load
