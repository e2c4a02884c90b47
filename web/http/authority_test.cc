#include "web/http/authority.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace fluxor::web {
namespace {

// "host port", "host" without a port, or "refused".
std::string read(std::string_view text) {
  const auto authority = parse_authority(text);
  if (!authority) return "refused";
  std::string line(authority->host);
  if (authority->port) line += " " + std::to_string(*authority->port);
  return line;
}

TEST(Authority, TakesNamesAddressesAndPorts) {
  EXPECT_EQ(read("example.com"), "example.com");
  EXPECT_EQ(read("127.0.0.1:8080"), "127.0.0.1 8080");
  EXPECT_EQ(read("[::1]:443"), "[::1] 443");
  EXPECT_EQ(read("[2001:db8::192.0.2.1]"), "[2001:db8::192.0.2.1]");
  EXPECT_EQ(read("caf%C3%A9.example"), "caf%C3%A9.example");
  EXPECT_EQ(read("under_score~!$&'()*+,;="), "under_score~!$&'()*+,;=");
}

TEST(Authority, ReadsAnEmptyPortAsNone) { EXPECT_EQ(read("example.com:"), "example.com"); }

TEST(Authority, BoundsThePort) {
  EXPECT_EQ(read("h:65535"), "h 65535");
  EXPECT_EQ(read("h:0000080"), "h 80");
  EXPECT_EQ(read("h:65536"), "refused");
  EXPECT_EQ(read("h:4294967376"), "refused");  // 80 in 32 bits
  EXPECT_EQ(read("h:+80"), "refused");
  EXPECT_EQ(read("h:80x"), "refused");
  EXPECT_EQ(read("h:80:80"), "refused");
}

TEST(Authority, RefusesAnEmptyHost) {
  EXPECT_FALSE(parse_authority(""));
  EXPECT_FALSE(parse_authority(":80"));
  EXPECT_FALSE(parse_authority("[]"));
}

TEST(Authority, RefusesUserInformation) {
  EXPECT_FALSE(parse_authority("user@example.com"));
  EXPECT_FALSE(parse_authority("user:secret@example.com"));
}

TEST(Authority, RefusesCharactersThatNoHostHas) {
  for (const char c : std::string(" \t\r\n\0\"#/<>?[]\\^`{|}@\x7f\x80\xff", 23)) {
    EXPECT_FALSE(parse_authority(std::string("a") + c + "b")) << static_cast<int>(c);
  }
  EXPECT_FALSE(parse_authority("a%2"));
  EXPECT_FALSE(parse_authority("a%2gb"));
}

TEST(Authority, TakesOnlyAnIPv6AddressInBrackets) {
  EXPECT_FALSE(parse_authority("[::1"));
  EXPECT_FALSE(parse_authority("[::1]x"));
  EXPECT_FALSE(parse_authority("[::1]]"));
  EXPECT_FALSE(parse_authority("[1.2.3.4]"));
  EXPECT_FALSE(parse_authority("[v1.a]"));
  EXPECT_FALSE(parse_authority("[fe80::1%25eth0]"));
  EXPECT_FALSE(parse_authority("[:::1]"));
  EXPECT_FALSE(parse_authority(std::string("[::1\0]", 6)));
  EXPECT_FALSE(parse_authority("[" + std::string(1000, '1') + "]"));
}

}  // namespace
}  // namespace fluxor::web
