#include "web/http/request_reader.h"

#include <algorithm>
#include <limits>
#include <new>
#include <vector>

#include <boost/beast/http/basic_parser.hpp>

#include "web/http/authority.h"
#include "web/http/characters.h"
#include "web/http/control_scan.h"
#include "web/http/target.h"

namespace fluxor::web {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr const char* kBad = "BAD_REQUEST";
constexpr Refusal kLeadingLines{400, kBad, "empty_lines", "Too many empty lines before the request"};
constexpr Refusal kBadCharacter{400, kBad, "bad_character", "A control character stands in the head"};
constexpr Refusal kBadLineEnd{400, kBad, "bad_line_end", "A line does not end in CR LF"};
constexpr Refusal kBadRequestLine{400, kBad, "bad_request_line", "The request line breaks the grammar"};
constexpr Refusal kFoldedLine{400, kBad, "folded_line", "A field line is folded"};
constexpr Refusal kBadField{400, kBad, "bad_field", "A field line breaks the grammar"};
constexpr Refusal kBadTarget{400, kBad, "bad_target", "The request target is not valid"};
constexpr Refusal kNoHost{400, kBad, "missing_host", "HTTP/1.1 requires a Host field"};
constexpr Refusal kTwoHosts{400, kBad, "duplicate_host", "More than one Host field"};
constexpr Refusal kBadHost{400, kBad, "bad_host", "The Host field is not a host with an optional port"};
constexpr Refusal kBadLength{400, kBad, "bad_content_length", "The Content-Length is not one plain number"};
constexpr Refusal kConflict{400, kBad, "conflicting_framing", "Transfer-Encoding and Content-Length together"};
constexpr Refusal kOldFraming{400, kBad, "framing_of_another_version", "HTTP/1.0 has no Transfer-Encoding"};
constexpr Refusal kBadCoding{400, kBad, "bad_transfer_encoding", "The Transfer-Encoding does not end in one chunked"};
constexpr Refusal kLargeBody{413, "CONTENT_TOO_LARGE", "body_too_large", "The body is larger than this server takes"};
constexpr Refusal kLongLine{414, "URI_TOO_LONG", "request_line_too_long", "The request line is too long"};
constexpr Refusal kBadExpectation{417, "EXPECTATION_FAILED", "unknown_expectation", "Only 100-continue is known"};
constexpr Refusal kLargeFields{431, "FIELDS_TOO_LARGE", "fields_too_large", "The header fields are too large"};
constexpr Refusal kManyFields{431, "FIELDS_TOO_LARGE", "too_many_fields", "There are too many header fields"};
constexpr Refusal kUnknownCoding{501, "NOT_IMPLEMENTED", "unknown_transfer_coding", "Only chunked is known"};
constexpr Refusal kOutOfMemory{503, "OVERLOADED", "out_of_memory", "There is no memory for this request"};
constexpr Refusal kBadVersion{505, "VERSION_NOT_SUPPORTED", "unknown_version", "Only HTTP/1.0 and HTTP/1.1 are spoken"};

std::string_view view_of(beast::string_view text) noexcept { return {text.data(), text.size()}; }

// What a head says about framing and connection; collected field by field, judged when all are seen.
struct HeadFacts {
  std::size_t hosts = 0;
  std::size_t content_lengths = 0;
  std::size_t transfer_codings = 0;  // elements of all Transfer-Encoding fields
  std::size_t chunked_codings = 0;   // those that are "chunked"
  bool last_coding_is_chunked = false;
  bool transfer_encoding = false;
  bool content_length_is_number = true;
  std::uint64_t content_length = 0;
  std::string_view host;
  bool expect_continue = false;
  bool unknown_expectation = false;
  bool upgrade_field = false;
  bool connection_close = false;
  bool connection_keep_alive = false;
  bool connection_upgrade = false;

  void add(http::field name, std::string_view value) {
    switch (name) {
      case http::field::host:
        ++hosts;
        host = value;
        return;
      case http::field::content_length:
        ++content_lengths;
        content_length_is_number = read_number(value);
        return;
      case http::field::transfer_encoding:
        transfer_encoding = true;
        for_each_in_list(value, [this](std::string_view coding) {
          last_coding_is_chunked = equals_ignoring_case(coding, "chunked");
          ++transfer_codings;
          chunked_codings += last_coding_is_chunked ? 1 : 0;
        });
        return;
      case http::field::connection: return add_connection(value);
      case http::field::expect:
        if (equals_ignoring_case(value, "100-continue")) {
          expect_continue = true;
        } else {
          unknown_expectation = true;
        }
        return;
      case http::field::upgrade: upgrade_field = true; return;
      default: return;
    }
  }

 private:
  void add_connection(std::string_view value) {
    if (value == "keep-alive") return void(connection_keep_alive = true);  // what nearly everybody sends
    for_each_in_list(value, [this](std::string_view option) {
      if (equals_ignoring_case(option, "close")) connection_close = true;
      if (equals_ignoring_case(option, "keep-alive")) connection_keep_alive = true;
      if (equals_ignoring_case(option, "upgrade")) connection_upgrade = true;
    });
  }

  // Digits only: no sign, no blank, no list.
  bool read_number(std::string_view digits) noexcept {
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
    if (digits.empty()) return false;
    content_length = 0;
    for (const char c : digits) {
      if (!is_digit(c)) return false;
      const auto digit = static_cast<std::uint64_t>(c - '0');
      if (content_length > (kMax - digit) / 10) return false;
      content_length = content_length * 10 + digit;
    }
    return true;
  }
};

// Beast's tokenizer, told to keep views and nothing else.
class HeadParser final : public http::basic_parser<true> {
 public:
  HeadParser(HeadFacts& facts, std::vector<Field>& fields) : facts_(facts), fields_(fields) {
    header_limit(std::numeric_limits<std::uint32_t>::max());  // ours were kept before
    skip(true);                                               // so is the body ours
  }

  std::string_view method() const noexcept { return method_; }
  std::string_view target() const noexcept { return target_; }
  bool line_done() const noexcept { return !target_.empty(); }

 private:
  void on_request_impl(http::verb, beast::string_view method, beast::string_view target, int,
                       beast::error_code&) override {
    method_ = view_of(method);
    target_ = view_of(target);
  }
  void on_field_impl(http::field name, beast::string_view text, beast::string_view value, beast::error_code&) override {
    // Filled in place: a Field made first and then copied stalls the core's store forwarding (10 % of a small request).
    Field& field = fields_.emplace_back();
    field.name = view_of(text);
    field.value = view_of(value);
    if (name != http::field::unknown) facts_.add(name, field.value);
  }
  void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
  void on_header_impl(beast::error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
  std::size_t on_body_impl(beast::string_view, beast::error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, beast::error_code&) override { return 0; }
  void on_finish_impl(beast::error_code&) override {}

  HeadFacts& facts_;
  std::vector<Field>& fields_;
  std::string_view method_;
  std::string_view target_;
};

const Refusal& refusal_of(beast::error_code error, bool line_done) {
  if (error == http::error::bad_content_length || error == http::error::multiple_content_length) return kBadLength;
  if (error == http::error::bad_transfer_encoding) return kBadCoding;
  return line_done ? kBadField : kBadRequestLine;
}

// Which rule of framing is broken; null if none is.
const Refusal* judge_framing(const HeadFacts& facts, int version_minor) {
  if (facts.transfer_encoding) {
    if (facts.content_lengths != 0) return &kConflict;
    if (version_minor == 0) return &kOldFraming;
    if (facts.transfer_codings == 0 || facts.chunked_codings > 1) return &kBadCoding;
    if (facts.chunked_codings == 1 && !facts.last_coding_is_chunked) return &kBadCoding;
    if (facts.transfer_codings > 1 || facts.chunked_codings == 0) return &kUnknownCoding;
  }
  // Also one that is repeated with the same value: nobody sends that for a good reason.
  if (facts.content_lengths > 1 || !facts.content_length_is_number) return &kBadLength;
  return nullptr;
}

const Refusal* judge_host(const HeadFacts& facts, int version_minor) {
  if (facts.hosts > 1) return &kTwoHosts;
  if (facts.hosts == 0) return version_minor == 0 ? nullptr : &kNoHost;
  return parse_authority(facts.host) ? nullptr : &kBadHost;
}

ChunkLimits with_body_limit(ChunkLimits limits, std::size_t body_bytes) noexcept {
  limits.body_bytes = body_bytes;
  return limits;
}

}  // namespace

RequestReader::RequestReader(const RequestLimits& limits) noexcept
    : limits_(limits), chunks_(with_body_limit(limits.chunk, limits.body_bytes)) {}

void RequestReader::reset() noexcept {
  state_ = ReadState::need_header;
  scanned_ = line_begin_ = fields_begin_ = head_size_ = field_count_ = leading_lines_ = 0;
  refusal_ = nullptr;
  if (chunked_) chunks_.reset();
  chunked_ = false;
  body_size_ = 0;
  request_.reset();
}

void RequestReader::refuse(const Refusal& refusal) noexcept {
  refusal_ = &refusal;
  state_ = ReadState::refused;
}

ReadStep RequestReader::read(std::string_view data) noexcept {
  // The one place where exceptions end: Beast's (BB1 was a process killed by one), and memory that ran out.
  try {
    return read_some(data);
  } catch (const std::bad_alloc&) {
    refuse(kOutOfMemory);
  } catch (...) {
    refuse(kBadField);
  }
  return {state_, 0};
}

ReadStep RequestReader::read_some(std::string_view data) {
  if (state_ == ReadState::complete || state_ == ReadState::refused) return {state_, 0};
  std::size_t consumed = 0;
  if (state_ == ReadState::need_header) {
    if (scanned_ == 0) consumed = skip_leading_lines(data);
    data.remove_prefix(consumed);
    if (state_ == ReadState::refused || !find_head_end(data)) return {state_, consumed};
    take_head(data.substr(0, head_size_));
    if (state_ != ReadState::need_body) return {state_, consumed + head_size_};
    consumed += head_size_;
    data.remove_prefix(head_size_);
  }
  const std::size_t of_body = take_body(data);
  return {state_, consumed + of_body};
}

// Some clients send one after a body (RFC 9112 2.2).
std::size_t RequestReader::skip_leading_lines(std::string_view data) noexcept {
  std::size_t skipped = 0;
  while (data.substr(skipped, 2) == "\r\n") {
    skipped += 2;
    if (++leading_lines_ > limits_.leading_lines) {
      refuse(kLeadingLines);
      break;
    }
  }
  return skipped;
}

// Looks at each byte once, and decides at the first one that breaks a rule: hence the same outcome for every cut.
bool RequestReader::find_head_end(std::string_view data) noexcept {
  const char* const begin = data.data();
  const char* const end = begin + data.size();
  const char* at = begin + scanned_;
  const char* line = begin + line_begin_;
  const char* section = begin + fields_begin_;  // request line, or all fields
  std::size_t section_bytes_max = fields_begin_ == 0 ? limits_.line_bytes : limits_.fields_bytes;
  for (;;) {
    at = find_control(at, end);
    if (static_cast<std::size_t>(at - section) > section_bytes_max) [[unlikely]] {
      refuse(fields_begin_ == 0 ? kLongLine : kLargeFields);
      return false;
    }
    if (end - at < 2 && (at == end || *at == '\r')) break;  // the next byte decides
    if (at[0] != '\r' || at[1] != '\n') [[unlikely]] {
      refuse(*at == '\r' || *at == '\n' ? kBadLineEnd : kBadCharacter);
      return false;
    }
    const std::string_view text(line, static_cast<std::size_t>(at - line));
    at += 2;
    line = at;
    if (fields_begin_ == 0) {
      if (!end_request_line(text)) return false;
      fields_begin_ = static_cast<std::size_t>(at - begin);
      section = at;
      section_bytes_max = limits_.fields_bytes;
    } else if (text.empty()) {
      head_size_ = static_cast<std::size_t>(at - begin);
      return true;
    } else if (!end_field_line(text)) {
      return false;
    }
  }
  scanned_ = static_cast<std::size_t>(at - begin);
  line_begin_ = static_cast<std::size_t>(line - begin);
  return false;
}

// The version is judged as soon as it can be: whoever speaks HTTP/2 or something else will not send us a whole head.
bool RequestReader::end_request_line(std::string_view line) noexcept {
  const std::string_view version = line.substr(line.size() - std::min<std::size_t>(line.size(), 9));
  if (version == " HTTP/1.1" || version == " HTTP/1.0") {
    request_.version_minor_ = static_cast<std::uint8_t>(version.back() - '0');
    return true;
  }
  const bool other = version.size() == 9 && version.starts_with(" HTTP/") && is_digit(version[6]) &&
                     version[7] == '.' && is_digit(version[8]);
  refuse(other ? kBadVersion : kBadRequestLine);
  return false;
}

// Folding is judged while the line ends are still there: Beast joins the lines, and nobody could tell afterwards.
bool RequestReader::end_field_line(std::string_view line) noexcept {
  if (is_blank(line.front())) {
    refuse(kFoldedLine);
    return false;
  }
  if (++field_count_ > limits_.field_count) {
    refuse(kManyFields);
    return false;
  }
  return true;
}

void RequestReader::take_head(std::string_view head) {
  HeadFacts facts;
  HeadParser parser(facts, request_.fields_);
  beast::error_code error;
  parser.put(boost::asio::const_buffer(head.data(), head.size()), error);
  if (error || !parser.is_done()) return refuse(refusal_of(error, parser.line_done()));

  const int version_minor = request_.version_minor_;
  if (const Refusal* broken = judge_framing(facts, version_minor)) return refuse(*broken);
  if (const Refusal* broken = judge_host(facts, version_minor)) return refuse(*broken);

  request_.head_ = head;
  request_.method_text_ = parser.method();
  request_.method_ = parse_method(parser.method());
  request_.target_ = parser.target();
  const auto target = parse_target(parser.target(), request_.method_, request_.path_storage_);
  if (!target) return refuse(kBadTarget);
  request_.path_ = target->path;
  request_.query_ = target->query;
  request_.authority_ = target->authority.empty() ? facts.host : target->authority;

  if (facts.unknown_expectation) return refuse(kBadExpectation);
  if (facts.content_length > limits_.body_bytes) return refuse(kLargeBody);
  request_.keep_alive_ = !facts.connection_close && (version_minor == 1 || facts.connection_keep_alive);
  request_.upgrade_ = facts.connection_upgrade && facts.upgrade_field;

  chunked_ = facts.transfer_encoding;
  body_size_ = facts.content_length;
  const bool has_body = chunked_ || body_size_ != 0;
  // HTTP/1.0 has no 100; without a body there is nothing to wait for.
  request_.expects_continue_ = facts.expect_continue && version_minor == 1 && has_body;
  state_ = has_body ? ReadState::need_body : ReadState::complete;
}

std::size_t RequestReader::take_body(std::string_view data) {
  if (!data.empty()) request_.expects_continue_ = false;
  const std::size_t taken = chunked_ ? take_chunked_body(data) : take_sized_body(data);
  if (state_ == ReadState::need_body) request_.own();  // the caller's bytes will be gone
  return taken;
}

std::size_t RequestReader::take_sized_body(std::string_view data) {
  std::string& collected = request_.body_storage_;
  const auto missing = static_cast<std::size_t>(body_size_ - collected.size());
  const std::string_view part = data.substr(0, missing);
  if (part.size() == body_size_ && !request_.owned()) {  // head and body at once: no copy
    complete_body(part);
    return part.size();
  }
  // Grows with what comes, not with what was announced: a promise alone must not cost memory.
  collected.append(part);
  if (part.size() == missing) complete_body(collected);
  return part.size();
}

std::size_t RequestReader::take_chunked_body(std::string_view data) {
  std::size_t taken = 0;
  for (;;) {
    const ChunkDecoder::Step step = chunks_.next(data.substr(taken));
    taken += step.consumed;
    switch (step.state) {
      case ChunkDecoder::State::content: request_.body_storage_.append(step.content); break;
      case ChunkDecoder::State::need_more: return taken;
      case ChunkDecoder::State::complete: complete_body(request_.body_storage_); return taken;
      case ChunkDecoder::State::refused: refuse(chunks_.refusal()); return taken;
    }
  }
}

void RequestReader::complete_body(std::string_view body) noexcept {
  request_.body_ = body;
  state_ = ReadState::complete;
}

}  // namespace fluxor::web
