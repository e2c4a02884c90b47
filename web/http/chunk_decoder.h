#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "web/http/refusal.h"

namespace fluxor::web {

struct ChunkLimits {
  std::size_t body_bytes = 1024 * 1024;     // content of all chunks together
  std::size_t line_bytes = 4 * 1024;        // one chunk header: size and extensions, without CRLF
  std::size_t extension_bytes = 16 * 1024;  // extensions of all chunks together
  std::size_t size_digits = 16;             // hexadecimal digits of one chunk size, leading zeros included; at most 16
  std::size_t tiny_chunk_bytes = 16;        // a chunk shorter than this is tiny…
  std::size_t tiny_chunks = 4096;           // …and so many are let pass in one body
  std::size_t trailer_bytes = 8 * 1024;     // trailer section, CRLFs included
  std::size_t trailer_count = 32;           // trailer fields
};

// Takes the chunked transfer coding apart (RFC 9112 7.1): one explicit state per place in the grammar.
//
// Not Boost.Beast's, whose 1.81 form makes four of our rules impossible to keep from outside: it runs trailers through
// the same framing logic as header fields before a subclass sees them (and joins folded ones); it learns the length of
// an extension only once the line is complete, so the caller has to buffer what nothing bounds; its quoted strings run
// over the end of the line, so that what is refused depends on how the bytes were cut; and it wants last chunk and
// trailers in one contiguous buffer.  Here each byte is looked at once and decides alone: the outcome is the same for
// every way of cutting the input, and nothing has to be presented twice.
//
// Extensions are checked and ignored; trailers are checked, bounded and dropped: they never reach framing or fields.
//
// Thread:  loop.
class ChunkDecoder {
 public:
  enum class State : std::uint8_t { need_more, content, complete, refused };
  struct Step {
    State state;
    std::size_t consumed;      // bytes of `data` that are done with
    std::string_view content;  // a part of the body, within `data`; only in State::content
  };

  explicit ChunkDecoder(const ChunkLimits& limits) noexcept : limits_(limits) {}

  // Reads on.  After `content` there may be more in the rest of `data`: call again with it.  Bytes after the end of the
  // body are not consumed.
  //
  // Errors:  State::refused, and refusal() says why; the stream is beyond repair then.
  // Cost:    content is not looked at and not copied; never allocates.
  Step next(std::string_view data) noexcept;

  // Only after State::refused.
  const Refusal& refusal() const noexcept { return *refusal_; }

  // Ready for another body, with the same limits.
  void reset() noexcept;

 private:
  enum class Place : std::uint8_t {
    size_start,
    size,
    before_semicolon,
    before_name,
    name,
    after_name,
    before_value,
    value,
    quoted,
    quoted_pair,
    quote_closed,
    after_value,
    line_feed,
    content,
    content_return,
    content_feed,
    trailer_start,
    trailer_name,
    trailer_value,
    trailer_feed,
    last_feed,
    complete,
    refused,
  };

  void go(Place place) noexcept { place_ = place; }
  void take(char c) noexcept;
  void take_line(char c) noexcept;
  void take_trailer(char c) noexcept;
  void after_extension_part(char c, Place otherwise) noexcept;
  void end_line() noexcept;
  void refuse(const Refusal& refusal) noexcept;

  const ChunkLimits limits_;
  Place place_ = Place::size_start;
  std::uint64_t size_ = 0;       // of this chunk; while in content: what is still to come
  std::size_t digits_ = 0;       // of this chunk's size
  std::size_t line_bytes_ = 0;   // of this chunk's header
  std::size_t total_bytes_ = 0;  // content announced so far
  std::size_t extension_bytes_ = 0;
  std::size_t tiny_chunks_ = 0;
  std::size_t trailer_bytes_ = 0;
  std::size_t trailer_count_ = 0;
  const Refusal* refusal_ = nullptr;
};

}  // namespace fluxor::web
