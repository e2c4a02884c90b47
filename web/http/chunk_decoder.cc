#include "web/http/chunk_decoder.h"

#include <algorithm>

#include "web/http/characters.h"

namespace fluxor::web {
namespace {

constexpr Refusal kBadSize{400, "BAD_REQUEST", "bad_chunk_size", "A chunk size is not a plain hexadecimal number"};
constexpr Refusal kBadExtension{400, "BAD_REQUEST", "bad_chunk_extension", "A chunk extension breaks the grammar"};
constexpr Refusal kBadEnd{400, "BAD_REQUEST", "bad_chunk_end", "A chunk does not end where its size says"};
constexpr Refusal kBadTrailer{400, "BAD_REQUEST", "bad_trailer", "A trailer field breaks the grammar"};
constexpr Refusal kLongLine{400, "BAD_REQUEST", "chunk_header_too_long", "A chunk header is too long"};
constexpr Refusal kLongExtensions{400, "BAD_REQUEST", "chunk_extensions_too_long", "Chunk extensions are too long"};
constexpr Refusal kTinyChunks{400, "BAD_REQUEST", "too_many_tiny_chunks", "The body comes in too many tiny chunks"};
constexpr Refusal kLargeBody{413, "CONTENT_TOO_LARGE", "body_too_large", "The body is larger than this server takes"};
constexpr Refusal kLargeTrailers{431, "FIELDS_TOO_LARGE", "trailers_too_large", "The trailer section is too large"};

// May stand in a quoted string: what a value may hold (the caller handles quote and backslash).
constexpr bool is_quotable(char c) { return is_value_char(c); }

}  // namespace

void ChunkDecoder::reset() noexcept {
  place_ = Place::size_start;
  size_ = digits_ = line_bytes_ = total_bytes_ = extension_bytes_ = tiny_chunks_ = trailer_bytes_ = trailer_count_ = 0;
  refusal_ = nullptr;
}

void ChunkDecoder::refuse(const Refusal& refusal) noexcept {
  refusal_ = &refusal;
  place_ = Place::refused;
}

ChunkDecoder::Step ChunkDecoder::next(std::string_view data) noexcept {
  std::size_t at = 0;
  while (at < data.size()) {
    if (place_ == Place::content) {
      const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(size_, data.size() - at));
      size_ -= length;
      if (size_ == 0) place_ = Place::content_return;
      return {State::content, at + length, data.substr(at, length)};
    }
    if (place_ == Place::complete || place_ == Place::refused) break;
    take(data[at++]);
  }
  if (place_ == Place::complete) return {State::complete, at, {}};
  if (place_ == Place::refused) return {State::refused, at, {}};
  return {State::need_more, at, {}};
}

void ChunkDecoder::take(char c) noexcept {
  switch (place_) {
    case Place::content_return: return c == '\r' ? go(Place::content_feed) : refuse(kBadEnd);
    case Place::content_feed:
      if (c != '\n') return refuse(kBadEnd);
      place_ = Place::size_start;
      line_bytes_ = digits_ = 0;
      size_ = 0;
      return;
    case Place::line_feed: return c == '\n' ? end_line() : refuse(kBadExtension);
    case Place::trailer_start:
    case Place::trailer_name:
    case Place::trailer_value:
    case Place::trailer_feed:
    case Place::last_feed: return take_trailer(c);
    default: return take_line(c);
  }
}

// Size and extensions:  1*HEXDIG *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] ) CR
void ChunkDecoder::take_line(char c) noexcept {
  if (c != '\r' && ++line_bytes_ > limits_.line_bytes) return refuse(kLongLine);
  if (place_ == Place::size_start || place_ == Place::size) {
    if (const int digit = hex_value(c); digit >= 0) {
      if (++digits_ > limits_.size_digits) return refuse(kBadSize);
      size_ = size_ << 4 | static_cast<unsigned>(digit);
      place_ = Place::size;
      return;
    }
    if (place_ == Place::size_start) return refuse(kBadSize);  // no digit at all, a sign, a blank
    if (c == '\r') return go(Place::line_feed);
    if (!is_blank(c) && c != ';') return refuse(kBadSize);  // "0x10", "1_0"
    place_ = Place::before_semicolon;
  }
  if (c != '\r' && ++extension_bytes_ > limits_.extension_bytes) return refuse(kLongExtensions);

  switch (place_) {
    case Place::before_semicolon:  // blanks after the size: only before an extension
    case Place::after_value:       // and after a value
      if (c == ';') return go(Place::before_name);
      return is_blank(c) ? void() : refuse(kBadExtension);
    case Place::before_name:
      if (is_token_char(c)) return go(Place::name);
      return is_blank(c) ? void() : refuse(kBadExtension);
    case Place::name:
      if (is_token_char(c)) return;
      if (c == '=') return go(Place::before_value);
      return after_extension_part(c, Place::after_name);
    case Place::after_name:
      if (c == '=') return go(Place::before_value);
      if (c == ';') return go(Place::before_name);
      return is_blank(c) ? void() : refuse(kBadExtension);
    case Place::before_value:
      if (c == '"') return go(Place::quoted);
      if (is_token_char(c)) return go(Place::value);
      return is_blank(c) ? void() : refuse(kBadExtension);
    case Place::value: return is_token_char(c) ? void() : after_extension_part(c, Place::after_value);
    case Place::quoted:
      // A line end within quotes is refused, never skipped: others would end the line there.
      if (c == '"') return go(Place::quote_closed);
      if (c == '\\') return go(Place::quoted_pair);
      return is_quotable(c) ? void() : refuse(kBadExtension);
    case Place::quoted_pair: return is_quotable(c) ? go(Place::quoted) : refuse(kBadExtension);
    default: return after_extension_part(c, Place::after_value);  // quote_closed
  }
}

// What may follow a name or a value directly: the next extension, the end of the line, blanks.
void ChunkDecoder::after_extension_part(char c, Place otherwise) noexcept {
  if (c == ';') return go(Place::before_name);
  if (c == '\r') return go(Place::line_feed);
  return is_blank(c) ? go(otherwise) : refuse(kBadExtension);
}

void ChunkDecoder::end_line() noexcept {
  if (size_ == 0) return go(Place::trailer_start);
  if (size_ > limits_.body_bytes - total_bytes_) return refuse(kLargeBody);
  total_bytes_ += static_cast<std::size_t>(size_);
  if (size_ < limits_.tiny_chunk_bytes && ++tiny_chunks_ > limits_.tiny_chunks) return refuse(kTinyChunks);
  place_ = Place::content;
}

void ChunkDecoder::take_trailer(char c) noexcept {
  if (place_ == Place::last_feed) return c == '\n' ? go(Place::complete) : refuse(kBadTrailer);
  if (place_ == Place::trailer_start && c == '\r') return go(Place::last_feed);
  if (++trailer_bytes_ > limits_.trailer_bytes) return refuse(kLargeTrailers);

  switch (place_) {
    case Place::trailer_start:
      if (!is_token_char(c)) return refuse(kBadTrailer);  // also a folded line
      if (++trailer_count_ > limits_.trailer_count) return refuse(kLargeTrailers);
      return go(Place::trailer_name);
    case Place::trailer_name:
      if (is_token_char(c)) return;
      return c == ':' ? go(Place::trailer_value) : refuse(kBadTrailer);
    case Place::trailer_value:
      if (c == '\r') return go(Place::trailer_feed);
      return is_value_char(c) ? void() : refuse(kBadTrailer);
    default: return c == '\n' ? go(Place::trailer_start) : refuse(kBadTrailer);
  }
}

}  // namespace fluxor::web
