// Looks for bytes that the request reader takes differently depending on how they were cut, that it reads outside its
// buffers for, that pass its limits, or whose request changes when own() copies it.
//
//     tools/bazel build --config=fuzz //web/http:request_reader_fuzz
//     mkdir -p /tmp/found
//     .out/bin/web/http/request_reader_fuzz -max_len=4096 /tmp/found web/http/request_reader_corpus
//
// An input is what a client sends on one connection, nothing else; so a finding can be played to a server as it is.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/check.h"
#include "web/http/refusal.h"
#include "web/http/request.h"
#include "web/http/request_reader.h"

namespace fluxor::web {
namespace {

// So low that inputs of a few hundred bytes cross them.
constexpr RequestLimits kLowLimits{
    .line_bytes = 48,
    .fields_bytes = 160,
    .field_count = 6,
    .body_bytes = 40,
    .leading_lines = 2,
    .chunk = {.body_bytes = 40,
              .line_bytes = 24,
              .extension_bytes = 40,
              .size_digits = 4,
              .tiny_chunk_bytes = 4,
              .tiny_chunks = 3,
              .trailer_bytes = 48,
              .trailer_count = 2},
};
constexpr RequestLimits kDefaultLimits{};

// Length before content: what moves from one part to its neighbour is seen.
void append(std::string& text, std::string_view part) {
  text += std::to_string(part.size()) + ":";
  text += part;
}

std::string text_of(const Request& request) {
  std::string text = request.keep_alive() ? "keep-alive " : "close ";
  if (request.upgrade()) text += "upgrade ";
  text += std::to_string(static_cast<int>(request.method())) + " " + std::to_string(request.version_minor()) + " ";
  for (const std::string_view part : {request.method_text(), request.target(), request.path(), request.query(),
                                      request.authority(), request.body()}) {
    append(text, part);
  }
  for (const Field& field : request.fields()) {
    append(text, field.name);
    append(text, field.value);
  }
  return text;
}

// What came of a connection.
struct Outcome {
  std::vector<std::string> requests;
  const Refusal* refusal = nullptr;
  std::string unused;
  bool in_body = false;
  bool operator==(const Outcome&) const = default;
};

// How the bytes come: all at once, one by one, or in parts whose sizes follow from a seed.
class Cut {
 public:
  enum class Kind { none, bytes, random };
  Cut(Kind kind, std::uint64_t seed) : kind_(kind), state_(seed | 1) {}

  std::size_t next_part_bytes(std::size_t left) {
    if (kind_ == Kind::none) return left;
    if (kind_ == Kind::bytes) return 1;
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return std::min<std::size_t>(left, 1 + state_ % 40);
  }

 private:
  const Kind kind_;
  std::uint64_t state_;
};

// Takes one complete request: as the handler that answers at once sees it, and as the coroutine does that goes on when
// the bytes it came in are gone.
std::string take(Request& request, std::span<char> buffer) {
  std::string seen = text_of(request);
  request.own();
  std::ranges::fill(buffer, '\xfe');
  FLUXOR_CHECK(text_of(request) == seen, "own() changes nothing that can be seen");
  return seen;
}

// Plays a connection to the end of `bytes`.  Each read gets a buffer of its own size, so that the address sanitizer
// sees every byte beyond it, and every view that outlives it.
Outcome play(std::string_view bytes, RequestReader& reader, const RequestLimits& limits, Cut cut) {
  reader.reset();
  Outcome outcome;
  std::string pending;
  while (!bytes.empty()) {
    const std::size_t part = cut.next_part_bytes(bytes.size());
    pending += bytes.substr(0, part);
    bytes.remove_prefix(part);
    for (bool more = true; more;) {
      const std::unique_ptr<char[]> buffer(new char[pending.size()]);
      std::ranges::copy(pending, buffer.get());
      const ReadStep step = reader.read({buffer.get(), pending.size()});
      FLUXOR_CHECK(step.consumed <= pending.size(), "no more is used than there is");
      outcome.in_body = step.state == ReadState::need_body;
      more = false;
      switch (step.state) {
        case ReadState::complete:
          FLUXOR_CHECK(reader.request().body().size() <= limits.body_bytes, "a body keeps its limit");
          FLUXOR_CHECK(reader.request().fields().size() <= limits.field_count, "fields keep their limit");
          outcome.requests.push_back(take(reader.request(), {buffer.get(), step.consumed}));
          reader.reset();
          more = step.consumed != pending.size();
          break;
        case ReadState::refused:
          FLUXOR_CHECK(reader.refusal().status >= 400 && reader.refusal().status < 600, "a refusal is an error");
          outcome.refusal = &reader.refusal();
          return outcome;
        case ReadState::need_body:
          FLUXOR_CHECK(step.consumed == pending.size(), "what has come of a body is used");
          FLUXOR_CHECK(reader.request().owned(), "a request whose body is still to come owns its head");
          break;
        case ReadState::need_header:
          // The server relies on it: so much has to fit into the transport.
          FLUXOR_CHECK(pending.size() - step.consumed <= limits.line_bytes + limits.fields_bytes + 4,
                       "a head that is not complete keeps its limits");
          break;
      }
      pending.erase(0, step.consumed);
    }
  }
  outcome.unused = pending;
  return outcome;
}

std::uint64_t hash_of(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return hash;
}

void compare_cuts(std::string_view bytes, const RequestLimits& limits) {
  RequestReader reader(limits);
  const Outcome whole = play(bytes, reader, limits, Cut(Cut::Kind::none, 0));
  // The same reader again: nothing of the connection before may be left in it.
  FLUXOR_CHECK(play(bytes, reader, limits, Cut(Cut::Kind::random, hash_of(bytes))) == whole,
               "random parts change nothing");
  FLUXOR_CHECK(play(bytes, reader, limits, Cut(Cut::Kind::bytes, 0)) == whole, "byte by byte changes nothing");
}

}  // namespace
}  // namespace fluxor::web

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  fluxor::web::compare_cuts(bytes, fluxor::web::kDefaultLimits);
  fluxor::web::compare_cuts(bytes, fluxor::web::kLowLimits);
  return 0;
}
