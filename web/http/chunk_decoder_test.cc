#include "web/http/chunk_decoder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fluxor::web {
namespace {

using namespace std::string_view_literals;

struct Outcome {
  std::string end;      // "complete", "need_more", or the error of the refusal
  std::string content;  // of all chunks
  std::size_t unused = 0;
  bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  return out << outcome.end << " '" << outcome.content << "' +" << outcome.unused;
}

Outcome decode_in_parts(std::string_view bytes, std::size_t part_bytes, const ChunkLimits& limits) {
  ChunkDecoder decoder(limits);
  Outcome outcome{"need_more", "", 0};
  for (std::size_t at = 0; at < bytes.size(); at += part_bytes) {
    // A copy of its own: the address sanitizer sees a decoder that looks beyond its part.
    const std::string part(bytes.substr(at, part_bytes));
    for (std::size_t used = 0;;) {
      const ChunkDecoder::Step step = decoder.next(std::string_view(part).substr(used));
      used += step.consumed;
      if (step.state == ChunkDecoder::State::content) {
        outcome.content += step.content;
        continue;
      }
      if (step.state == ChunkDecoder::State::need_more) {
        EXPECT_EQ(used, part.size());
        break;
      }
      if (step.state == ChunkDecoder::State::refused) return {decoder.refusal().error, outcome.content, 0};
      return {"complete", outcome.content, bytes.size() - at - used};
    }
  }
  return outcome;
}

// Whole and byte by byte: what one says, the other must say too.
Outcome decode(std::string_view bytes, const ChunkLimits& limits = {}) {
  const Outcome whole = decode_in_parts(bytes, bytes.size(), limits);
  EXPECT_EQ(decode_in_parts(bytes, 1, limits), whole) << bytes.substr(0, 200);
  return whole;
}

std::string error_of(std::string_view bytes, const ChunkLimits& limits = {}) { return decode(bytes, limits).end; }

TEST(ChunkDecoder, JoinsChunksAndStopsAtTheEnd) {
  EXPECT_EQ(decode("5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\nGET"), (Outcome{"complete", "hello world", 3}));
}

TEST(ChunkDecoder, TakesAnEmptyBody) { EXPECT_EQ(decode("0\r\n\r\n"), (Outcome{"complete", "", 0})); }

TEST(ChunkDecoder, ReadsHexadecimalInBothCasesAndZerosInFront) {
  EXPECT_EQ(decode("000A\r\n0123456789\r\n00\r\n\r\n").content, "0123456789");
  EXPECT_EQ(decode("a\r\n0123456789\r\n0\r\n\r\n").content, "0123456789");
}

TEST(ChunkDecoder, LetsControlsPassInsideOfContent) {
  EXPECT_EQ(decode("4\r\n\0\r\n\xff\r\n0\r\n\r\n"sv).content, "\0\r\n\xff"sv);
}

TEST(ChunkDecoder, WaitsForTheLastByte) {
  constexpr std::string_view kWhole = "3;a=\"b\\\"c\"\r\nabc\r\n0\r\nx: y\r\n\r\n";
  EXPECT_EQ(error_of(kWhole), "complete");
  for (std::size_t size = 1; size < kWhole.size(); ++size) EXPECT_EQ(error_of(kWhole.substr(0, size)), "need_more");
}

TEST(ChunkDecoder, RefusesASizeThatIsNoPlainHexadecimalNumber) {
  for (const std::string_view size : {"", " 5", "\t5", "+5", "-5", "0x5", "5_0", "5h", "g", ",", "5,5", "\"5\""}) {
    EXPECT_EQ(error_of(std::string(size) + "\r\nhello\r\n0\r\n\r\n"), "bad_chunk_size") << size;
  }
}

TEST(ChunkDecoder, RefusesASizeOfMoreThanSixteenDigits) {
  EXPECT_EQ(error_of("0000000000000001\r\na\r\n0\r\n\r\n"), "complete");
  EXPECT_EQ(error_of("00000000000000001\r\na\r\n0\r\n\r\n"), "bad_chunk_size");
  EXPECT_EQ(error_of("10000000000000005\r\nhello\r\n0\r\n\r\n"), "bad_chunk_size");  // 5 once the digit fell out
}

TEST(ChunkDecoder, RefusesContentBeyondTheLimitBeforeItComes) {
  EXPECT_EQ(error_of("5\r\n", {.body_bytes = 4}), "body_too_large");
  EXPECT_EQ(error_of("ffffffffffffffff\r\n"), "body_too_large");
  // A sum that would wrap round.
  EXPECT_EQ(error_of("1\r\na\r\nffffffffffffffff\r\n"), "body_too_large");
  EXPECT_EQ(decode("2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n", {.body_bytes = 4}).end, "complete");
  EXPECT_EQ(decode("2\r\nab\r\n3\r\n", {.body_bytes = 4}).end, "body_too_large");
}

TEST(ChunkDecoder, RefusesAChunkThatDoesNotEndWhereItSays) {
  EXPECT_EQ(error_of("5\r\nhello!\r\n0\r\n\r\n"), "bad_chunk_end");
  EXPECT_EQ(error_of("5\r\nhelloXX0\r\n\r\n"), "bad_chunk_end");  // any two bytes (CVE-2023-40175)
  EXPECT_EQ(error_of("5\r\nhelloX\n0\r\n\r\n"), "bad_chunk_end");
  EXPECT_EQ(error_of("5\r\nhello\n0\r\n\r\n"), "bad_chunk_end");
  EXPECT_EQ(error_of("5\r\nhello\r0\r\n\r\n"), "bad_chunk_end");
  EXPECT_EQ(error_of("5\r\nhello\r\r\n0\r\n\r\n"), "bad_chunk_end");
}

TEST(ChunkDecoder, RefusesLineEndsOtherThanCrLf) {
  EXPECT_EQ(error_of("5\nhello\r\n0\r\n\r\n"), "bad_chunk_size");
  EXPECT_EQ(error_of("5\rXhello\r\n0\r\n\r\n"), "bad_chunk_extension");
  EXPECT_EQ(error_of("5;a\nhello\r\n0\r\n\r\n"), "bad_chunk_extension");
  EXPECT_EQ(error_of("0\r\n\n"), "bad_trailer");
  EXPECT_EQ(error_of("0\r\n\rX"), "bad_trailer");
}

TEST(ChunkDecoder, IgnoresExtensionsThatKeepTheGrammar) {
  for (const std::string_view extension :
       {";a", ";a=b", ";a=\"b\"", ";a=\"\"", ";a=\"b;c=d\"", ";a=\"\\\"\\\\\"", ";a;b;c=d", " ; a = b ; c",
        "\t;\ta\t=\t\"b\"", ";a=b ;c", ";a=\"\x80 \t\"", ";a=\"b\" ;c"}) {
    EXPECT_EQ(decode("5" + std::string(extension) + "\r\nhello\r\n0" + std::string(extension) + "\r\n\r\n"),
              (Outcome{"complete", "hello", 0}))
        << extension;
  }
}

TEST(ChunkDecoder, RefusesExtensionsThatBreakTheGrammar) {
  for (const std::string_view extension :
       {" ", ";", ";;", ";=b", ";a=", ";a=b=c", ";a=\"b", ";a=b\"", ";a=\"b\"c", " a", ";a b", ";a=b ", ";a ", ";a=b c",
        ";a=\"b\" ", ";a=\"b\\\x01\"", ";a(", ";\x80"}) {
    EXPECT_EQ(error_of("5" + std::string(extension) + "\r\nhello\r\n0\r\n\r\n"), "bad_chunk_extension") << extension;
  }
}

TEST(ChunkDecoder, RefusesALineEndWithinQuotes) {  // SPILL, TERM.EXT and EXT.TERM (CVE-2025-55315)
  EXPECT_EQ(error_of("5;a=\"\r\nhello\r\n0\r\n\r\n"), "bad_chunk_extension");
  EXPECT_EQ(error_of("5;a=\"\n\"\r\nhello\r\n0\r\n\r\n"), "bad_chunk_extension");
  EXPECT_EQ(error_of("5;a=\"\\\r\n\"\r\nhello\r\n0\r\n\r\n"), "bad_chunk_extension");
  EXPECT_EQ(error_of("5;\nxx\r\nhello\r\n0\r\n\r\n"), "bad_chunk_extension");
  EXPECT_EQ(error_of("5;a\rX\r\nhello\r\n0\r\n\r\n"), "bad_chunk_extension");
}

TEST(ChunkDecoder, BoundsTheLengthOfAChunkHeader) {
  const ChunkLimits limits{.line_bytes = 10};
  EXPECT_EQ(error_of("0;aaaaaaaa\r\n\r\n", limits), "complete");
  EXPECT_EQ(error_of("0;aaaaaaaaa\r\n\r\n", limits), "chunk_header_too_long");
  EXPECT_EQ(error_of("0;a=\"bbbbbbbbbbbbbbbb", limits), "chunk_header_too_long");  // never ends
}

TEST(ChunkDecoder, BoundsTheLengthOfAllExtensionsTogether) {
  const ChunkLimits limits{.extension_bytes = 6};
  EXPECT_EQ(error_of("1;aa\r\nx\r\n1;aa\r\nx\r\n0\r\n\r\n", limits), "complete");
  EXPECT_EQ(error_of("1;aa\r\nx\r\n1;aa\r\nx\r\n0;\r\n\r\n", limits), "chunk_extensions_too_long");
}

TEST(ChunkDecoder, BoundsTheNumberOfTinyChunks) {
  const ChunkLimits limits{.tiny_chunk_bytes = 3, .tiny_chunks = 2};
  EXPECT_EQ(error_of("2\r\nxx\r\n3\r\nxxx\r\n1\r\nx\r\n3\r\nxxx\r\n0\r\n\r\n", limits), "complete");
  EXPECT_EQ(error_of("2\r\nxx\r\n1\r\nx\r\n1\r\nx\r\n0\r\n\r\n", limits), "too_many_tiny_chunks");
}

TEST(ChunkDecoder, DropsTrailers) {
  EXPECT_EQ(decode("1\r\nx\r\n0\r\nConnection: close\r\nContent-Length: 7\r\nx:\r\n\r\nrest"),
            (Outcome{"complete", "x", 4}));
}

TEST(ChunkDecoder, RefusesTrailersThatBreakTheGrammar) {
  for (const std::string_view trailer :
       {" a: b", ": b", "a", "a : b", "a: b\r\n folded", "a: \x01", "a: b\rc", "a: b\nc: d", "(: b", "a\t: b"}) {
    EXPECT_EQ(error_of("0\r\n" + std::string(trailer) + "\r\n\r\n"), "bad_trailer") << trailer;
  }
  EXPECT_EQ(error_of("0\r\na: \0\r\n\r\n"sv), "bad_trailer");
}

TEST(ChunkDecoder, BoundsTrailersInBytesAndNumber) {
  EXPECT_EQ(error_of("0\r\na: b\r\n\r\n", {.trailer_bytes = 6}), "complete");
  EXPECT_EQ(error_of("0\r\na: bc\r\n\r\n", {.trailer_bytes = 6}), "trailers_too_large");
  EXPECT_EQ(error_of("0\r\na:\r\nb:\r\n\r\n", {.trailer_count = 2}), "complete");
  EXPECT_EQ(error_of("0\r\na:\r\nb:\r\nc:\r\n\r\n", {.trailer_count = 2}), "trailers_too_large");
  // What killed a stock Beast server: one trailer beyond 64 KiB (BB1).
  EXPECT_EQ(error_of("0\r\na: " + std::string(70'000, 'b') + "\r\n\r\n"), "trailers_too_large");
}

TEST(ChunkDecoder, IsAsNewAfterAReset) {
  ChunkDecoder decoder(
      {.body_bytes = 4, .extension_bytes = 2, .tiny_chunks = 1, .trailer_bytes = 4, .trailer_count = 1});
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(decoder.next("4;a\r\n").state, ChunkDecoder::State::need_more) << i;
    ASSERT_EQ(decoder.next("abcd").content, "abcd");
    ASSERT_EQ(decoder.next("\r\n0\r\na:\r\n\r\n").state, ChunkDecoder::State::complete);
    decoder.reset();
  }
  ASSERT_EQ(decoder.next("x").state, ChunkDecoder::State::refused);
  ASSERT_EQ(decoder.next("0\r\n\r\n").state, ChunkDecoder::State::refused);
  decoder.reset();
  ASSERT_EQ(decoder.next("0\r\n\r\n").state, ChunkDecoder::State::complete);
}

}  // namespace
}  // namespace fluxor::web
