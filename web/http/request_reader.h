#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "web/http/chunk_decoder.h"
#include "web/http/refusal.h"
#include "web/http/request.h"

namespace fluxor::web {

// Sizes count from the first byte of the message, however it is cut into packets.
struct RequestLimits {
  std::size_t line_bytes = 8 * 1024;     // request line without CRLF; beyond: 414
  std::size_t fields_bytes = 32 * 1024;  // all field lines, CRLFs included; beyond: 431
  std::size_t field_count = 100;         // field lines; beyond: 431
  std::size_t body_bytes = 1024 * 1024;  // content, without chunk framing; beyond: 413
  std::size_t leading_lines = 4;         // empty lines let pass before the request line; beyond: 400
  ChunkLimits chunk = {};                // its body_bytes is not used: the one above counts
};

enum class ReadState : std::uint8_t {
  need_header,  // the head is not complete: present what was not consumed again, with more behind it
  need_body,    // the head is complete and the request's own; its body is not: present what follows
  complete,     // the request is whole
  refused,      // the message is not one this server takes: answer refusal(), then close
};

struct ReadStep {
  ReadState state;
  std::size_t consumed;  // bytes of `data` that must not be presented again
};

// Reads one request from the bytes of a connection, strictly.
//
//   bytes ─► find the end of the head ─► Boost.Beast takes it apart ─► what Beast lets pass ─► body ─► Request
//            (count, refuse controls)    (basic_parser, views only)     is refused here
//
// Beast sees a head only when it is complete and within our limits, in one piece.  So its limits, its incremental
// states and its body code never run, an outcome does not depend on how the bytes were cut, and no parser object lives
// from read to read.  What Beast 1.81 is lax about (web.md C.3) is decided before it (line ends, folding, sizes, number
// of fields) or after it (Host, framing, target); body framing is ours: a length to count, or ChunkDecoder.
//
// When head and body are in `data`, the request consists of views into it: valid until the caller touches those bytes.
// When the body is not all there, the head is copied once, and the body collected.
//
// Thread:  loop.
class RequestReader {
 public:
  explicit RequestReader(const RequestLimits& limits = {}) noexcept;
  RequestReader(RequestReader&&) = delete;

  // Reads on, up to the end of one request; bytes behind it (pipelined requests) are not consumed.
  //
  // In need_header only empty lines before the request line are consumed.  What was scanned once is not scanned again,
  // so `data` must begin with the same bytes as before, at whatever address.  After complete and refused, reads
  // nothing until reset().
  //
  // Errors:  ReadState::refused; nothing is thrown, also when memory runs out.
  // Cost:    no allocation for an ordinary request once the reader has seen one of that size.
  ReadStep read(std::string_view data) noexcept;

  // Method, target and fields from need_body on; the body from complete on.
  Request& request() noexcept { return request_; }
  // Only after ReadState::refused.
  const Refusal& refusal() const noexcept { return *refusal_; }

  // Ready for the next request.  Views of the last one are void.
  void reset() noexcept;

 private:
  ReadStep read_some(std::string_view data);
  std::size_t skip_leading_lines(std::string_view data) noexcept;
  bool find_head_end(std::string_view data) noexcept;
  bool end_request_line(std::string_view line) noexcept;
  bool end_field_line(std::string_view line) noexcept;
  void take_head(std::string_view head);
  std::size_t take_body(std::string_view data);
  std::size_t take_sized_body(std::string_view data);
  std::size_t take_chunked_body(std::string_view data);
  void complete_body(std::string_view body) noexcept;
  void refuse(const Refusal& refusal) noexcept;

  const RequestLimits limits_;
  ReadState state_ = ReadState::need_header;
  bool chunked_ = false;
  // Places in the head, from its first byte.
  std::size_t scanned_ = 0;       // looked at
  std::size_t line_begin_ = 0;    // of the line that is being scanned
  std::size_t fields_begin_ = 0;  // 0 until the request line is complete
  std::size_t head_size_ = 0;     // 0 until the head is complete
  std::size_t field_count_ = 0;
  std::size_t leading_lines_ = 0;
  std::uint64_t body_size_ = 0;  // of a body with Content-Length
  const Refusal* refusal_ = nullptr;
  ChunkDecoder chunks_;
  Request request_;
};

}  // namespace fluxor::web
