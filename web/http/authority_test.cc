#include "web/http/authority.h"

#include <gtest/gtest.h>

#include <string>

namespace fluxor::web {
namespace {

TEST(Authority, TakesNamesAddressesAndPorts) {
  const auto plain = parse_authority("example.com");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->host, "example.com");
  EXPECT_FALSE(plain->port);

  const auto port = parse_authority("127.0.0.1:8080");
  ASSERT_TRUE(port);
  EXPECT_EQ(port->host, "127.0.0.1");
  EXPECT_EQ(port->port, 8080);

  const auto six = parse_authority("[::1]:443");
  ASSERT_TRUE(six);
  EXPECT_EQ(six->host, "[::1]");
  EXPECT_EQ(six->port, 443);

  EXPECT_TRUE(parse_authority("[2001:db8::192.0.2.1]"));
  EXPECT_TRUE(parse_authority("caf%C3%A9.example"));
  EXPECT_TRUE(parse_authority("under_score~!$&'()*+,;="));
}

TEST(Authority, ReadsAnEmptyPortAsNone) {
  const auto authority = parse_authority("example.com:");
  ASSERT_TRUE(authority);
  EXPECT_FALSE(authority->port);
}

TEST(Authority, BoundsThePort) {
  EXPECT_EQ(parse_authority("h:65535")->port, 65535);
  EXPECT_EQ(parse_authority("h:0000080")->port, 80);
  EXPECT_FALSE(parse_authority("h:65536"));
  EXPECT_FALSE(parse_authority("h:4294967376"));  // 80 in 32 bits
  EXPECT_FALSE(parse_authority("h:+80"));
  EXPECT_FALSE(parse_authority("h:80x"));
  EXPECT_FALSE(parse_authority("h:80:80"));
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
  for (const char c : std::string(" \t\r\n\0\"#/<>?[]\\^`{|}@\x7f\x80\xff", 24)) {
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
