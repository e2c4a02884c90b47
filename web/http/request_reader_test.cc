#include "web/http/request_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "web/http/method.h"
#include "web/http/refusal.h"
#include "web/http/request.h"

namespace fluxor::web {
namespace {

using namespace std::string_view_literals;

// What came of the bytes of one connection, as text, so that two runs can be compared.
struct Outcome {
  std::vector<std::string> requests;
  std::string refused;  // "400 bad_field", or nothing
  std::string unused;   // bytes that the next request begins with, or whose head is not complete
  bool in_body = false;
  bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  for (const std::string& request : outcome.requests) out << request << "\n";
  return out << "refused: '" << outcome.refused << "' unused: '" << outcome.unused << "' in body: " << outcome.in_body;
}

std::string text_of(const Request& request) {
  std::string text = std::string(request.method_text()) + " " + std::string(request.target()) + " [" +
                     std::string(request.path()) + "] [" + std::string(request.query()) + "] [" +
                     std::string(request.authority()) + "] 1." + std::to_string(request.version_minor()) +
                     (request.keep_alive() ? " keep-alive" : " close") + (request.upgrade() ? " upgrade" : "");
  for (const Field& field : request.fields()) {
    text += " " + std::string(field.name) + "=" + std::string(field.value) + ";";
  }
  return text + " {" + std::string(request.body()) + "}";
}

// Plays a connection: bytes arrive in parts, what is not consumed is presented again with the next part behind it.
// Each read gets a buffer of its own, so that the address sanitizer sees a view that survived the last one.
Outcome feed(std::string_view bytes, const std::function<std::size_t()>& next_part_bytes, const RequestLimits& limits) {
  RequestReader reader(limits);
  Outcome outcome;
  std::string pending;
  while (!bytes.empty()) {
    const std::size_t part = std::min(next_part_bytes(), bytes.size());
    pending += bytes.substr(0, part);
    bytes.remove_prefix(part);
    for (bool more = true; more;) {
      const std::unique_ptr<char[]> buffer(new char[pending.size()]);
      std::ranges::copy(pending, buffer.get());
      const ReadStep step = reader.read({buffer.get(), pending.size()});
      EXPECT_LE(step.consumed, pending.size());
      pending.erase(0, step.consumed);
      outcome.in_body = step.state == ReadState::need_body;
      switch (step.state) {
        case ReadState::complete:
          outcome.requests.push_back(text_of(reader.request()));
          reader.reset();
          more = !pending.empty();
          break;
        case ReadState::refused:
          outcome.refused = std::to_string(reader.refusal().status) + " " + reader.refusal().error;
          return outcome;
        case ReadState::need_body: EXPECT_TRUE(pending.empty()); [[fallthrough]];
        case ReadState::need_header: more = false;
      }
    }
  }
  outcome.unused = pending;
  return outcome;
}

// Whole and byte by byte: the outcome must not depend on how the bytes were cut.
Outcome read_all(std::string_view bytes, const RequestLimits& limits = {}) {
  const Outcome whole = feed(bytes, [&] { return bytes.size(); }, limits);
  EXPECT_EQ(feed(bytes, [] { return 1; }, limits), whole) << bytes.substr(0, 500);
  return whole;
}

std::string refusal_of(std::string_view bytes, const RequestLimits& limits = {}) {
  return read_all(bytes, limits).refused;
}

// The one request that `bytes` hold, whole and byte by byte.
std::string request_of(std::string_view bytes, const RequestLimits& limits = {}) {
  const Outcome outcome = read_all(bytes, limits);
  EXPECT_EQ(outcome.refused, "") << bytes.substr(0, 500);
  EXPECT_EQ(outcome.unused, "");
  EXPECT_FALSE(outcome.in_body);
  EXPECT_EQ(outcome.requests.size(), 1u) << bytes.substr(0, 500);
  return outcome.requests.empty() ? "" : outcome.requests.front();
}

// A request with these field lines beside the Host.
std::string with_fields(std::string_view lines, std::string_view body = "", std::string_view version = "1.1") {
  return "POST / HTTP/" + std::string(version) + "\r\nHost: h\r\n" + std::string(lines) + "\r\n\r\n" +
         std::string(body);
}

std::string with_target(std::string_view target, std::string_view method = "GET") {
  return std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n\r\n";
}

// ---------------------------------------------------------------------------------------------------- what is taken

TEST(RequestReader, TakesAHeadApart) {
  EXPECT_EQ(request_of("GET /a/b?c=d HTTP/1.1\r\nHost: h:80\r\nAccept:*/*\r\nX-Empty:\r\naccept: \t x y \t\r\n\r\n"),
            "GET /a/b?c=d [/a/b] [c=d] [h:80] 1.1 keep-alive Host=h:80; Accept=*/*; X-Empty=; accept=x y; {}");
}

TEST(RequestReader, NamesTheMethodAndKeepsAnUnknownOne) {
  RequestReader reader;
  ASSERT_EQ(reader.read(with_target("/", "DELETE")).state, ReadState::complete);
  EXPECT_EQ(reader.request().method(), Method::delete_);
  reader.reset();
  const std::string brew = with_target("/", "BREW");
  ASSERT_EQ(reader.read(brew).state, ReadState::complete);
  EXPECT_EQ(reader.request().method(), Method::other);
  EXPECT_EQ(reader.request().method_text(), "BREW");
  reader.reset();
  ASSERT_EQ(reader.read(with_target("/", "get")).state, ReadState::complete);
  EXPECT_EQ(reader.request().method(), Method::other);
}

TEST(RequestReader, NormalisesThePathAndKeepsTheTarget) {
  EXPECT_EQ(request_of(with_target("/a/./b/../%63?%64")),
            "GET /a/./b/../%63?%64 [/a/c] [%64] [h] 1.1 keep-alive Host=h; {}");
}

TEST(RequestReader, LetsTheTargetsAuthorityWinOverHost) {
  EXPECT_EQ(request_of(with_target("http://other:1/x")),
            "GET http://other:1/x [/x] [] [other:1] 1.1 keep-alive Host=h; {}");
}

TEST(RequestReader, TakesABodyOfTheLengthAnnounced) {
  EXPECT_EQ(request_of(with_fields("Content-Length: 5", "hello")),
            "POST / [/] [] [h] 1.1 keep-alive Host=h; Content-Length=5; {hello}");
  EXPECT_EQ(request_of(with_fields("Content-Length: 0")),
            "POST / [/] [] [h] 1.1 keep-alive Host=h; Content-Length=0; {}");
  EXPECT_EQ(request_of(with_fields("Content-Length: 0005", "hello")),
            "POST / [/] [] [h] 1.1 keep-alive Host=h; Content-Length=0005; {hello}");
}

TEST(RequestReader, TakesAChunkedBodyAndDropsItsTrailers) {
  EXPECT_EQ(request_of(with_fields("Transfer-Encoding: Chunked", "5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nx: y\r\n\r\n")),
            "POST / [/] [] [h] 1.1 keep-alive Host=h; Transfer-Encoding=Chunked; {hello world}");
}

TEST(RequestReader, NeedsTheHeadAndThenTheBody) {
  const std::string head = with_fields("Content-Length: 5");
  RequestReader reader;
  EXPECT_EQ(reader.read("").state, ReadState::need_header);
  const ReadStep part = reader.read(std::string_view(head).substr(0, head.size() - 1));
  EXPECT_EQ(part.state, ReadState::need_header);
  EXPECT_EQ(part.consumed, 0u);
  const ReadStep step = reader.read(head);
  EXPECT_EQ(step.state, ReadState::need_body);
  EXPECT_EQ(step.consumed, head.size());
  EXPECT_TRUE(reader.request().owned());
  EXPECT_EQ(reader.request().path(), "/");
  EXPECT_EQ(reader.request().body(), "");
  EXPECT_EQ(reader.read("hel").state, ReadState::need_body);
  EXPECT_EQ(reader.read("").state, ReadState::need_body);
  EXPECT_EQ(reader.read("loGET").consumed, 2u);
  EXPECT_EQ(reader.request().body(), "hello");
}

TEST(RequestReader, ReadsNothingMoreUntilItIsReset) {
  const std::string bytes = with_target("/");
  RequestReader reader;
  ASSERT_EQ(reader.read(bytes).state, ReadState::complete);
  EXPECT_EQ(reader.read(bytes).consumed, 0u);
  reader.reset();
  EXPECT_EQ(reader.read("\n").state, ReadState::refused);
  EXPECT_EQ(reader.read(bytes).state, ReadState::refused);
  reader.reset();
  EXPECT_EQ(reader.read(bytes).state, ReadState::complete);
}

TEST(RequestReader, LeavesPipelinedRequestsAlone) {
  const std::string one = with_fields("Content-Length: 2", "ab");
  const std::string two = with_fields("Transfer-Encoding: chunked", "1\r\nc\r\n0\r\n\r\n");
  const std::string three = with_target("/3");
  const Outcome outcome = read_all(one + two + three + "GET /unfinished HTT");
  EXPECT_EQ(outcome.requests, (std::vector<std::string>{request_of(one), request_of(two), request_of(three)}));
  EXPECT_EQ(outcome.unused, "GET /unfinished HTT");
}

TEST(RequestReader, SkipsAFewEmptyLinesBeforeARequest) {  // RFC 9112 2.2
  EXPECT_EQ(request_of("\r\n" + with_target("/")), request_of(with_target("/")));
  EXPECT_EQ(request_of("\r\n\r\n\r\n\r\n" + with_target("/")), request_of(with_target("/")));
  EXPECT_EQ(refusal_of("\r\n\r\n\r\n\r\n\r\n"), "400 empty_lines");
  RequestReader reader;  // so that a line after a body does not count as the beginning of a request
  EXPECT_EQ(reader.read("\r\n").consumed, 2u);
}

// ------------------------------------------------------------------------------------------------------- persistence

TEST(RequestReader, KeepsAliveByVersionAndConnectionField) {
  struct Case {
    std::string_view version, lines;
    bool keep_alive;
  };
  for (const Case& c : {Case{"1.1", "A: b", true}, Case{"1.1", "Connection: close", false},
                        Case{"1.1", "Connection: CLOSE", false}, Case{"1.1", "Connection: x, Close ,y", false},
                        Case{"1.1", "Connection: keep-alive\r\nConnection: close", false},
                        Case{"1.1", "Connection: closed", true}, Case{"1.0", "A: b", false},
                        Case{"1.0", "Connection: keep-alive", true}, Case{"1.0", "Connection: Keep-Alive", true},
                        Case{"1.0", "Connection: keep-alive, close", false}, Case{"1.1", "Connection:", true}}) {
    const std::string text = request_of(with_fields(c.lines, "", c.version));
    EXPECT_EQ(text.find(" keep-alive ") != std::string::npos, c.keep_alive) << c.version << " " << c.lines;
  }
}

TEST(RequestReader, SeesAnUpgradeOnlyInBothFields) {
  EXPECT_NE(request_of(with_fields("Connection: keep-alive, Upgrade\r\nUpgrade: websocket")).find(" upgrade "),
            std::string::npos);
  EXPECT_EQ(request_of(with_fields("Connection: upgrade")).find(" upgrade "), std::string::npos);
  EXPECT_EQ(request_of(with_fields("Upgrade: websocket")).find(" upgrade "), std::string::npos);
}

TEST(RequestReader, ExpectsContinueUntilTheBodyComes) {
  const std::string head = with_fields("Content-Length: 2\r\nExpect: 100-Continue");
  RequestReader reader;
  ASSERT_EQ(reader.read(head).state, ReadState::need_body);
  EXPECT_TRUE(reader.request().expects_continue());
  ASSERT_EQ(reader.read("a").state, ReadState::need_body);
  EXPECT_FALSE(reader.request().expects_continue());
  reader.reset();
  ASSERT_EQ(reader.read(head + "a").state, ReadState::need_body);
  EXPECT_FALSE(reader.request().expects_continue());
}

TEST(RequestReader, ExpectsNothingWithoutABodyOrInHttp10) {
  RequestReader reader;
  ASSERT_EQ(reader.read(with_fields("Expect: 100-continue")).state, ReadState::complete);
  EXPECT_FALSE(reader.request().expects_continue());
  reader.reset();
  const std::string old = with_fields("Expect: 100-continue\r\nContent-Length: 2", "", "1.0");
  ASSERT_EQ(reader.read(old).state, ReadState::need_body);
  EXPECT_FALSE(reader.request().expects_continue());
}

TEST(RequestReader, RefusesAnUnknownExpectation) {
  for (const std::string_view value : {"200-ok", "100-continue, x", "100-continue;a", "", "100"}) {
    EXPECT_EQ(refusal_of(with_fields("Expect: " + std::string(value))), "417 unknown_expectation") << value;
  }
  EXPECT_EQ(refusal_of(with_fields("Expect: 100-continue\r\nExpect: x")), "417 unknown_expectation");
}

// ---------------------------------------------------------------------------------------- line ends and request line

TEST(RequestReader, RefusesABareLineFeed) {
  for (const std::string_view bytes :
       {"GET / HTTP/1.1\nHost: h\n\n", "GET / HTTP/1.1\r\nHost: h\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n\n",
        "\nGET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: h\r\nX: a\nY: b\r\n\r\n"}) {
    EXPECT_EQ(refusal_of(bytes), "400 bad_line_end") << bytes;
  }
}

TEST(RequestReader, RefusesABareCarriageReturn) {
  for (const std::string_view bytes :
       {"GET / HTTP/1.1\rHost: h\r\r", "GET / HTTP/1.1\r\nHost: h\r\r\n\r\n", "GET / HTTP/1.1\r\nX: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n\rX", "\rGET / HTTP/1.1\r\n", "GET /\r HTTP/1.1\r\n\r\n"}) {
    EXPECT_EQ(refusal_of(bytes), "400 bad_line_end") << bytes;
  }
}

TEST(RequestReader, RefusesControlsWhereverTheyStand) {
  for (int c = 0; c < 0x20; ++c) {
    if (c == '\t' || c == '\r' || c == '\n') continue;
    const std::string control(1, static_cast<char>(c));
    for (const std::string& bytes : {"G" + control, "GET /" + control, with_fields("X: a" + control + "b"),
                                     with_fields("X" + control + ": a"), control}) {
      EXPECT_EQ(refusal_of(bytes), "400 bad_character") << c;
    }
  }
  EXPECT_EQ(refusal_of(with_fields("X: \x7f")), "400 bad_character");
  EXPECT_EQ(refusal_of("\x16\x03\x01\x02"), "400 bad_character");  // TLS on the plain port, at its first byte
}

TEST(RequestReader, RefusesARequestLineThatBreaksTheGrammar) {
  for (const std::string_view line :
       {"GET /", "GET / HTTP/1.1 ", "GET / http/1.1", "GET / HTTP/11", "GET / HTTP/1.", "GET / HTTP/1.1x",
        "GET / HTTP1.1", "GET  / HTTP/1.1", " GET / HTTP/1.1", "GET /  HTTP/1.1", "GET\t/ HTTP/1.1",
        "GET /a b HTTP/1.1", "GET HTTP/1.1", "G(T / HTTP/1.1", "GET /\tHTTP/1.1", " / HTTP/1.1", "HTTP/1.1",
        " HTTP/1.1", "G\x80T / HTTP/1.1"}) {
    EXPECT_EQ(refusal_of(std::string(line) + "\r\nHost: h\r\n\r\n"), "400 bad_request_line") << line;
  }
}

TEST(RequestReader, RefusesOtherVersionsAtTheEndOfTheFirstLine) {
  for (const std::string_view version : {"2.0", "1.2", "1.9", "0.9", "3.0", "9.9"}) {
    EXPECT_EQ(refusal_of("GET / HTTP/" + std::string(version) + "\r\n"), "505 unknown_version") << version;
  }
  EXPECT_EQ(refusal_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "505 unknown_version");
}

TEST(RequestReader, RefusesTargetsThatAreNone) {  // BB10
  for (const std::string_view target :
       {"a",         "/\"",       "/a<b>", "/{a}",     "/a\\b",   "/a|b",        "/^",    "/`",
        "/\x80",     "/\xc3\xa9", "/a#b",  "/%",       "/%4",     "/%zz",        "/%00",  "/../a",
        "/%2e%2e/a", "*",         "h:80",  "ftp://h/", "http://", "http://u@h/", "//\xff"}) {
    EXPECT_EQ(refusal_of(with_target(target)), "400 bad_target") << target;
  }
  EXPECT_EQ(refusal_of(with_target("/", "CONNECT")), "400 bad_target");
}

TEST(RequestReader, TakesTheFormsOfTargetsWithTheirMethods) {
  EXPECT_EQ(request_of(with_target("*", "OPTIONS")).substr(0, 13), "OPTIONS * [*]");
  EXPECT_EQ(request_of(with_target("h:80", "CONNECT")).substr(0, 15), "CONNECT h:80 []");
}

// ------------------------------------------------------------------------------------------------------------ fields

TEST(RequestReader, RefusesFoldedLines) {  // BB12
  EXPECT_EQ(refusal_of(with_fields("X: a\r\n b")), "400 folded_line");
  EXPECT_EQ(refusal_of(with_fields("X: a\r\n\tb")), "400 folded_line");
  EXPECT_EQ(refusal_of(with_fields("X:\r\n a")), "400 folded_line");
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\n Host: h\r\n\r\n"), "400 folded_line");
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: h\r\n \r\n\r\n"), "400 folded_line");
  EXPECT_EQ(refusal_of(with_fields("Transfer-Encoding:\r\n chunked\r\nContent-Length: 3")), "400 folded_line");
}

TEST(RequestReader, RefusesNamesThatAreNoTokens) {
  for (const std::string_view line :
       {"X : a", "X\t: a", ": a", "X", "X a: b", "(X): a", "X\x80: a", "\"X\": a", "X=a"}) {
    EXPECT_EQ(refusal_of(with_fields(line)), "400 bad_field") << line;
  }
}

TEST(RequestReader, LetsBytesAboveAsciiPassInValues) {
  EXPECT_NE(request_of(with_fields("X: \xc3\xa9\xff")).find("X=\xc3\xa9\xff;"), std::string::npos);
}

TEST(RequestReader, WantsExactlyOneHostInHttp11) {  // BB11
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\n\r\n"), "400 missing_host");
  EXPECT_EQ(refusal_of("GET http://h/ HTTP/1.1\r\n\r\n"), "400 missing_host");
  EXPECT_EQ(refusal_of(with_fields("Host: h")), "400 duplicate_host");
  EXPECT_EQ(refusal_of(with_fields("hOST: other")), "400 duplicate_host");
}

TEST(RequestReader, WantsAtMostOneHostInHttp10) {
  EXPECT_EQ(request_of("GET / HTTP/1.0\r\n\r\n"), "GET / [/] [] [] 1.0 close {}");
  EXPECT_EQ(refusal_of(with_fields("Host: h", "", "1.0")), "400 duplicate_host");
}

TEST(RequestReader, RefusesAHostThatIsNone) {
  for (const std::string_view host : {"", "a b", "a/b", "u@h", "h:x", "h:99999", "h:80:80", "[::1", "::1", "[h]",
                                      "h, i", "h\xff", "h?", "h#", "http://h", "h:-1", "[::1]x", "%zz"}) {
    EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n"), "400 bad_host") << host;
  }
  for (const std::string_view host : {"h", "H.example:80", "127.0.0.1:8080", "[::1]:80", "[::1]", "a_b", "h:"}) {
    EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n"), "") << host;
  }
}

TEST(RequestReader, RefusesAConnectionFieldThatIsNoList) {
  EXPECT_EQ(refusal_of(with_fields("Connection: close;x")), "400 bad_field");
  EXPECT_EQ(refusal_of(with_fields("Connection: \"close\"")), "400 bad_field");
}

// ----------------------------------------------------------------------------------------------------------- framing

TEST(RequestReader, RefusesAContentLengthThatIsNotOnePlainNumber) {
  for (const std::string_view value : {"", "+5", "-5", "5 5", "0x5", "5a", "5.0", "5,5", "5, 5", ",5", "5,", "5_0",
                                       "\"5\"", "18446744073709551616", "99999999999999999999999"}) {
    EXPECT_EQ(refusal_of(with_fields("Content-Length: " + std::string(value), "hello")), "400 bad_content_length")
        << value;
  }
}

TEST(RequestReader, RefusesASecondContentLengthAlsoIfItIsTheSame) {
  EXPECT_EQ(refusal_of(with_fields("Content-Length: 5\r\nContent-Length: 5", "hello")), "400 bad_content_length");
  EXPECT_EQ(refusal_of(with_fields("Content-Length: 5\r\nContent-Length: 6", "hello")), "400 bad_content_length");
  EXPECT_EQ(refusal_of(with_fields("Content-Length: 5\r\ncontent-length: 5", "hello")), "400 bad_content_length");
}

TEST(RequestReader, RefusesATransferEncodingThatIsNotOneChunked) {  // BB2
  for (const std::string_view value : {"chunked, chunked", "chunked, gzip", "chunked, identity", "", ",", " , "}) {
    EXPECT_EQ(refusal_of(with_fields("Transfer-Encoding: " + std::string(value), "0\r\n\r\n")),
              "400 bad_transfer_encoding")
        << value;
  }
  for (const std::string_view lines : {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                                       "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip"}) {
    EXPECT_EQ(refusal_of(with_fields(lines, "0\r\n\r\n")), "400 bad_transfer_encoding") << lines;
  }
}

TEST(RequestReader, RefusesTransferCodingsItDoesNotKnow) {
  for (const std::string_view value : {"gzip", "identity", "gzip, chunked", "xchunked", "chunked;q=1", "x chunked",
                                       "\"chunked\"", "chunkedx", "c hunked"}) {
    EXPECT_EQ(refusal_of(with_fields("Transfer-Encoding: " + std::string(value), "0\r\n\r\n")),
              "501 unknown_transfer_coding")
        << value;
  }
  EXPECT_EQ(refusal_of(with_fields("Transfer-Encoding: \x0b chunked", "0\r\n\r\n")), "400 bad_character");
  EXPECT_EQ(refusal_of(with_fields("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", "0\r\n\r\n")),
            "501 unknown_transfer_coding");
}

TEST(RequestReader, RefusesTransferEncodingBesideContentLength) {  // BB3
  for (const std::string_view lines :
       {"Transfer-Encoding: chunked\r\nContent-Length: 5", "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: x\r\nContent-Length: 5", "Content-Length: 5\r\nTransfer-Encoding: x",
        "Transfer-Encoding:\r\nContent-Length: 5", "Content-Length: 0\r\nTransfer-Encoding: chunked"}) {
    const Outcome outcome = read_all(with_fields(lines, "0\r\n\r\n"));
    EXPECT_TRUE(outcome.requests.empty()) << lines;
    EXPECT_EQ(outcome.refused.substr(0, 4), "400 ") << lines;
  }
  EXPECT_EQ(refusal_of(with_fields("Transfer-Encoding: x\r\nContent-Length: 5", "hello")), "400 conflicting_framing");
}

TEST(RequestReader, RefusesTransferEncodingInHttp10) {  // BB4
  EXPECT_EQ(refusal_of(with_fields("Transfer-Encoding: chunked", "0\r\n\r\n", "1.0")),
            "400 framing_of_another_version");
  EXPECT_EQ(refusal_of(with_fields("Connection: keep-alive\r\nTransfer-Encoding: x", "", "1.0")),
            "400 framing_of_another_version");
}

TEST(RequestReader, KeepsTrailersOutOfFramingAndFields) {  // BB5
  const std::string body =
      "1\r\na\r\n0\r\nConnection: close\r\nContent-Length: 100\r\nTransfer-Encoding: gzip\r\nHost: evil\r\nX: "
      "y\r\n\r\n";
  const Outcome outcome = read_all(with_fields("Transfer-Encoding: chunked", body) + with_target("/next"));
  ASSERT_EQ(outcome.requests.size(), 2u) << outcome;
  EXPECT_EQ(outcome.requests[0], "POST / [/] [] [h] 1.1 keep-alive Host=h; Transfer-Encoding=chunked; {a}");
}

TEST(RequestReader, RefusesBrokenChunks) {  // BB6, BB7: chunk_decoder_test.cc has them all
  for (const std::string_view body : {"5\r\nhelloXX0\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n",
                                      "5;a=\"\r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n"}) {
    EXPECT_EQ(refusal_of(with_fields("Transfer-Encoding: chunked", body)).substr(0, 4), "400 ") << body;
  }
  EXPECT_EQ(refusal_of(with_fields("Transfer-Encoding: chunked", "1;" + std::string(5000, 'a') + "\r\n")),
            "400 chunk_header_too_long");
}

TEST(RequestReader, SurvivesATrailerThatKillsStockBeast) {  // BB1
  EXPECT_EQ(refusal_of(with_fields("Transfer-Encoding: chunked", "0\r\nX: " + std::string(70'000, 'a') + "\r\n\r\n")),
            "431 trailers_too_large");
}

// ------------------------------------------------------------------------------------------------------------ limits

TEST(RequestReader, BoundsTheRequestLine) {
  const RequestLimits limits{.line_bytes = 20};
  const std::string fields = "Host: h\r\n\r\n";
  EXPECT_EQ(refusal_of("GET /123456 HTTP/1.1\r\n" + fields, limits), "");
  EXPECT_EQ(refusal_of("GET /1234567 HTTP/1.1\r\n" + fields, limits), "414 request_line_too_long");
  EXPECT_EQ(refusal_of("GET /12345678901234567890", limits), "414 request_line_too_long");  // never ends
}

TEST(RequestReader, BoundsAllFieldsTogether) {
  const RequestLimits limits{.fields_bytes = 20};  // "Host: h\r\n" is 9, "X: " + 6 + "\r\n" is 11
  EXPECT_EQ(refusal_of(with_fields("X: 123456"), limits), "");
  EXPECT_EQ(refusal_of(with_fields("X: 1234567"), limits), "431 fields_too_large");
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nX: " + std::string(30, 'x'), limits), "431 fields_too_large");  // never ends
}

TEST(RequestReader, CountsFromTheBeginningHoweverItIsCut) {  // BB8
  const std::string line = "GET /" + std::string(8192 - 14, 'a') + " HTTP/1.1\r\n";
  const std::string field = "X: " + std::string(32 * 1024 - 9 - 5, 'b') + "\r\n";
  EXPECT_EQ(refusal_of(line + "Host: h\r\n" + field + "\r\n"), "");
  EXPECT_EQ(refusal_of(line + "Host: h\r\nX" + field + "\r\n"), "431 fields_too_large");
  EXPECT_EQ(refusal_of("X" + line + "Host: h\r\n\r\n"), "414 request_line_too_long");
}

TEST(RequestReader, BoundsTheNumberOfFields) {  // BB9
  std::string lines;
  for (int i = 0; i < 99; ++i) lines += "X:\r\n";
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: h\r\n" + lines + "\r\n"), "");
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: h\r\n" + lines + "X:\r\n\r\n"), "431 too_many_fields");
}

TEST(RequestReader, BoundsEachRequestByItself) {
  const RequestLimits limits{
      .line_bytes = 30, .fields_bytes = 60, .field_count = 3, .body_bytes = 5, .leading_lines = 1};
  const std::string one = "\r\n" + with_fields("Content-Length: 5\r\nX: y", "hello") + "\r\n" +
                          with_fields("Transfer-Encoding: chunked\r\nX: y", "5\r\nhello\r\n0\r\n\r\n");
  const Outcome outcome = read_all(one + one + one, limits);
  EXPECT_EQ(outcome.requests.size(), 6u) << outcome;
}

TEST(RequestReader, BoundsTheBodyBeforeItComes) {
  const RequestLimits limits{.body_bytes = 5};
  EXPECT_EQ(refusal_of(with_fields("Content-Length: 5", "hello"), limits), "");
  EXPECT_EQ(refusal_of(with_fields("Content-Length: 6"), limits), "413 body_too_large");
  EXPECT_EQ(refusal_of(with_fields("Content-Length: 6\r\nExpect: 100-continue"), limits), "413 body_too_large");
  EXPECT_EQ(refusal_of(with_fields("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"), limits), "");
  EXPECT_EQ(refusal_of(with_fields("Transfer-Encoding: chunked", "6\r\n"), limits), "413 body_too_large");
  EXPECT_EQ(refusal_of(with_fields("Transfer-Encoding: chunked", "3\r\nabc\r\n3\r\n"), limits), "413 body_too_large");
  EXPECT_EQ(refusal_of(with_fields("Content-Length: 1048577")), "413 body_too_large");
}

// --------------------------------------------------------------------------------------------------------- all at once

TEST(RequestReader, GivesTheSameRequestsForEveryCut) {  // BB15
  std::string bytes;
  for (int i = 0; i < 4; ++i) {
    bytes += with_target("/plain/" + std::to_string(i) + "?a=b");
    bytes += "\r\n" + with_fields("Content-Length: 11", "hello\r\n\r\nGE");
    bytes += with_fields("Transfer-Encoding: chunked\r\nX: y",
                         "3;a=\"b\\\"\"\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nt: v\r\n\r\n");
    bytes += with_fields("Connection: keep-alive\r\nAccept: */*", "", "1.0");
    bytes += with_target("/%61/../b//c");
    bytes += with_fields("Transfer-Encoding: chunked", "0\r\n\r\n");
  }
  const Outcome whole = read_all(bytes);
  ASSERT_EQ(whole.requests.size(), 24u) << whole;
  ASSERT_EQ(whole.refused, "");

  constexpr unsigned kSeed = 9112;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::mt19937 random(kSeed);
  for (int round = 0; round < 1000; ++round) {
    const unsigned longest = 1 + random() % 200;
    const Outcome cut = feed(bytes, [&] { return 1 + random() % longest; }, {});
    ASSERT_EQ(cut, whole) << "round " << round;
  }
}

TEST(RequestReader, DecidesTheSameOnDamagedRequestsForEveryCut) {
  const std::string sound =
      with_fields("Transfer-Encoding: chunked\r\nConnection: keep-alive", "3;a=b\r\nabc\r\n0\r\nt: v\r\n\r\n") +
      with_fields("Content-Length: 3", "abc") + with_target("/a/%62?c");
  constexpr std::string_view kDamage = "\r\n\0 \t:;,=\"%/.Aa0\x7f\x80"sv;
  constexpr unsigned kSeed = 9110;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::mt19937 random(kSeed);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = sound;
    for (unsigned i = 0, edits = 1 + random() % 3; i < edits; ++i) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 3) {
        case 0: bytes[at] = kDamage[random() % kDamage.size()]; break;
        case 1: bytes.insert(at, 1, kDamage[random() % kDamage.size()]); break;
        default: bytes.erase(at, 1 + random() % 3);
      }
    }
    const Outcome whole = read_all(bytes);
    ASSERT_EQ(feed(bytes, [&] { return 1 + random() % 40; }, {}), whole) << "round " << round << ": " << bytes;
  }
}

}  // namespace
}  // namespace fluxor::web
