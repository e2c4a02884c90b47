#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "web/http/output_buffer.h"

namespace fluxor::web {

// Bytes that outlive every response: a literal, a page inside the binary.
struct StaticBody {
  std::string_view bytes;
};

// How long the connection lives after this response, and whether that has to be said.
enum class Persistence : std::uint8_t {
  implied,     // it stays, and HTTP/1.1 says so by itself
  keep_alive,  // it stays, and an HTTP/1.0 client has to be told
  close,       // it is closed
};

// What a response cannot know by itself.
struct ResponseContext {
  std::string_view date_line = {};  // DateLine::at(): the whole line; empty for none
  Persistence persistence = Persistence::implied;
  bool to_head = false;  // answers a HEAD request: the same head, no body
};

// A response: status, fields and a body, checked while it is built.
//
// Nothing unchecked reaches the wire.  A name that is no token, a value with CR, LF, NUL or another control, or one of
// the fields that are the connection's business (content-length, transfer-encoding, connection, date) spoils the
// response: valid() says so, and it is sent as a plain 500.  Not an error to return, because that can be thrown away,
// and the client would get an answer that lacks, say, the cookie attribute or the policy that made it safe; a 500 is
// seen, counted, and repaired.
//
// Fields are kept as the bytes they will be, up to kInlineBytes of them in place, so that an ordinary response
// allocates nothing but its body and is written by a few copies.
//
// Thread:  owner.
class Response {
 public:
  static constexpr std::size_t kInlineBytes = 160;  // field lines, CRLFs included

  // `status` from 200 to 599; anything else spoils the response, 1xx too: those are the connection's.
  explicit Response(int status = 200) noexcept;
  Response(Response&& other) noexcept;
  Response& operator=(Response&& other) noexcept;
  ~Response() = default;

  static Response json(int status, std::string body);
  static Response json(int status, StaticBody body);
  static Response text(int status, std::string body);
  static Response text(int status, StaticBody body);
  // The one shape of errors: {"code":"UPPER_CASE","error":…,"message":…}; any text, it is escaped.
  static Response error(int status, std::string_view code, std::string_view error, std::string_view message);

  // Replaces all fields of that name / adds one more (set-cookie).  Case of names does not matter; they are sent as
  // given.  Blanks around the value are dropped.
  Response& set(std::string_view name, std::string_view value) &;
  Response&& set(std::string_view name, std::string_view value) &&;
  Response& add(std::string_view name, std::string_view value) &;
  Response&& add(std::string_view name, std::string_view value) &&;

  Response& body(std::string bytes) &;
  Response&& body(std::string bytes) &&;
  Response& body(StaticBody bytes) &;
  Response&& body(StaticBody bytes) &&;

  int status() const noexcept { return status_; }
  std::string_view body() const noexcept { return body_is_static_ ? static_body_ : std::string_view(owned_body_); }
  // The field lines, each with its CRLF.
  std::string_view field_lines() const noexcept { return {lines(), lines_size_}; }
  // False once something was refused: it will be a 500.
  bool valid() const noexcept { return valid_; }

  // Appends the whole response: status line, date, content-length, connection, fields, empty line, body.
  //
  // No body goes out to HEAD, and with 204, 205 and 304; no content-length with 204 and 304.
  //
  // Cost:    copies only; allocates only if `out` has to grow.
  void serialize_to(OutputBuffer& out, const ResponseContext& context) const;

 private:
  const char* lines() const noexcept { return heap_lines_ ? heap_lines_.get() : inline_lines_.data(); }
  char* lines() noexcept { return heap_lines_ ? heap_lines_.get() : inline_lines_.data(); }
  bool accept(std::string_view name, std::string_view value) noexcept;
  void append_line(std::string_view name, std::string_view value);
  void erase_lines(std::string_view name) noexcept;
  void take_lines(Response& other) noexcept;

  std::uint16_t status_;
  bool valid_ = true;
  bool body_is_static_ = true;
  std::uint32_t lines_size_ = 0;
  std::uint32_t lines_capacity_ = kInlineBytes;
  std::string_view static_body_;
  std::string owned_body_;
  std::unique_ptr<char[]> heap_lines_;  // null while they fit in place
  std::array<char, kInlineBytes> inline_lines_;
};

}  // namespace fluxor::web
