#include "web/http/response.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "web/http/characters.h"
#include "web/http/json_text.h"
#include "web/http/status.h"

namespace fluxor::web {
namespace {

constexpr int kInternalError = 500;
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kSpoiledLines = "content-type: application/json\r\n";
constexpr std::string_view kSpoiledBody =
    R"({"code":"INTERNAL_ERROR","error":"invalid_response","message":"The handler built a response that cannot be sent"})";
constexpr std::string_view kContentLength = "content-length: ";
constexpr std::string_view kKeepAlive = "connection: keep-alive\r\n";
constexpr std::string_view kClose = "connection: close\r\n";
// Field lines of one response, in bytes; more is a loop that went wild, and no client would take it.
constexpr std::size_t kLinesMax = std::size_t{64} * 1024;
constexpr std::size_t kDigitsMax = 20;

// Framing, persistence and date are said once, by whoever knows: serialize_to().
bool is_reserved(std::string_view name) noexcept {
  switch (name.size()) {
    case 4: return equals_ignoring_case(name, "date");
    case 10: return equals_ignoring_case(name, "connection");
    case 14: return equals_ignoring_case(name, "content-length");
    case 17: return equals_ignoring_case(name, "transfer-encoding");
    default: return false;
  }
}

char* put(char* at, std::string_view bytes) noexcept {
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}

Response with_type(int status, std::string_view type, auto body) {
  Response response(status);
  response.set("content-type", type).body(std::move(body));
  return response;
}

}  // namespace

Response::Response(int status) noexcept : valid_(status >= 200 && status <= 599) {
  status_ = static_cast<std::uint16_t>(valid_ ? status : kInternalError);
}

Response::Response(Response&& other) noexcept
    : status_(other.status_),
      valid_(other.valid_),
      body_is_static_(other.body_is_static_),
      static_body_(other.static_body_),
      owned_body_(std::move(other.owned_body_)) {
  take_lines(other);
}

Response& Response::operator=(Response&& other) noexcept {
  if (this == &other) return *this;
  status_ = other.status_;
  valid_ = other.valid_;
  body_is_static_ = other.body_is_static_;
  static_body_ = other.static_body_;
  owned_body_ = std::move(other.owned_body_);
  take_lines(other);
  return *this;
}

// Copies only the bytes in use: most responses hold fewer than 100.
void Response::take_lines(Response& other) noexcept {
  heap_lines_ = std::move(other.heap_lines_);
  lines_size_ = std::exchange(other.lines_size_, 0);
  lines_capacity_ = std::exchange(other.lines_capacity_, kInlineBytes);
  if (!heap_lines_) std::memcpy(inline_lines_.data(), other.inline_lines_.data(), lines_size_);
}

Response Response::json(int status, std::string body) { return with_type(status, kJson, std::move(body)); }
Response Response::json(int status, StaticBody body) { return with_type(status, kJson, body); }
Response Response::text(int status, std::string body) { return with_type(status, kText, std::move(body)); }
Response Response::text(int status, StaticBody body) { return with_type(status, kText, body); }

Response Response::error(int status, std::string_view code, std::string_view error, std::string_view message) {
  std::string body;
  body.reserve(code.size() + error.size() + message.size() + 48);
  body += R"({"code":)";
  append_json_string(body, code);
  body += R"(,"error":)";
  append_json_string(body, error);
  body += R"(,"message":)";
  append_json_string(body, message);
  body += '}';
  return json(status, std::move(body));
}

bool Response::accept(std::string_view name, std::string_view value) noexcept {
  const bool good = !name.empty() && std::ranges::all_of(name, is_token_char) &&
                    std::ranges::all_of(value, is_value_char) && !is_reserved(name) &&
                    name.size() + value.size() + 4 <= kLinesMax - lines_size_;
  if (!good) valid_ = false;
  return good;
}

void Response::append_line(std::string_view name, std::string_view value) {
  const std::size_t size = name.size() + value.size() + 4;
  if (size > lines_capacity_ - lines_size_) {
    const std::size_t capacity = std::max<std::size_t>(lines_size_ + size, lines_capacity_ * std::size_t{2});
    std::unique_ptr<char[]> lines_now(new char[capacity]);
    std::memcpy(lines_now.get(), lines(), lines_size_);
    heap_lines_ = std::move(lines_now);
    lines_capacity_ = static_cast<std::uint32_t>(capacity);
  }
  char* at = lines() + lines_size_;
  at = put(at, name);
  at = put(at, ": ");
  at = put(at, value);
  put(at, "\r\n");
  lines_size_ += static_cast<std::uint32_t>(size);
}

void Response::erase_lines(std::string_view name) noexcept {
  char* const begin = lines();
  for (std::size_t at = 0; at < lines_size_;) {
    const std::string_view rest(begin + at, lines_size_ - at);
    const std::size_t line_size = rest.find('\n') + 1;  // no value holds one
    if (!equals_ignoring_case(rest.substr(0, rest.find(':')), name)) {
      at += line_size;
      continue;
    }
    std::memmove(begin + at, begin + at + line_size, rest.size() - line_size);
    lines_size_ -= static_cast<std::uint32_t>(line_size);
  }
}

Response& Response::set(std::string_view name, std::string_view value) & {
  value = trim_blanks(value);
  if (!accept(name, value)) return *this;
  erase_lines(name);
  append_line(name, value);
  return *this;
}

Response& Response::add(std::string_view name, std::string_view value) & {
  value = trim_blanks(value);
  if (accept(name, value)) append_line(name, value);
  return *this;
}

Response&& Response::set(std::string_view name, std::string_view value) && { return std::move(set(name, value)); }
Response&& Response::add(std::string_view name, std::string_view value) && { return std::move(add(name, value)); }

Response& Response::body(std::string bytes) & {
  owned_body_ = std::move(bytes);
  body_is_static_ = false;
  return *this;
}

Response& Response::body(StaticBody bytes) & {
  static_body_ = bytes.bytes;
  body_is_static_ = true;
  return *this;
}

Response&& Response::body(std::string bytes) && { return std::move(body(std::move(bytes))); }
Response&& Response::body(StaticBody bytes) && { return std::move(body(bytes)); }

void Response::serialize_to(OutputBuffer& out, const ResponseContext& context) const {
  const int status = valid_ ? status_ : kInternalError;
  const std::string_view fields = valid_ ? field_lines() : kSpoiledLines;
  std::string_view content = valid_ ? body() : kSpoiledBody;
  const bool without_length = status == 204 || status == 304;
  if (without_length || status == 205) content = {};
  const std::string_view sent = context.to_head ? std::string_view{} : content;

  const std::size_t head_max = kStatusLineMax + context.date_line.size() + kContentLength.size() + kDigitsMax + 2 +
                               kKeepAlive.size() + fields.size() + 2;
  char* const begin = out.prepare(head_max + sent.size());
  char* at = write_status_line(begin, status);
  at = put(at, context.date_line);
  if (!without_length) {
    at = put(at, kContentLength);
    at = std::to_chars(at, at + kDigitsMax, content.size()).ptr;
    at = put(at, "\r\n");
  }
  if (context.persistence == Persistence::close) at = put(at, kClose);
  if (context.persistence == Persistence::keep_alive) at = put(at, kKeepAlive);
  at = put(at, fields);
  at = put(at, "\r\n");
  at = put(at, sent);
  out.commit(static_cast<std::size_t>(at - begin));
}

}  // namespace fluxor::web
