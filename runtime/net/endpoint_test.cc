#include "runtime/net/endpoint.h"

#include <gtest/gtest.h>
#include <net/if.h>

#include <string>
#include <string_view>

namespace fluxor::runtime {
namespace {

TEST(Endpoint, ReadsLiteralsOfBothFamilies) {
  EXPECT_EQ(Endpoint::parse("127.0.0.1", 8080).value().to_string(), "127.0.0.1:8080");
  EXPECT_EQ(Endpoint::parse("::1", 80).value().to_string(), "[::1]:80");
}

TEST(Endpoint, TakesNoAddressForEveryAddress) {
  const Endpoint all = Endpoint::parse("", 8080).value();
  EXPECT_EQ(all.family(), AF_INET6);
  EXPECT_EQ(all.to_string(), "[::]:8080");
  EXPECT_EQ(Endpoint::any_v4(1).to_string(), "0.0.0.0:1");
}

TEST(Endpoint, ReadsIpv6InBracketsAndWithAScope) {
  EXPECT_EQ(Endpoint::parse("[::1]", 80).value().to_string(), "[::1]:80");
  EXPECT_EQ(Endpoint::parse("fe80::1%7", 80).value().to_string(), "[fe80::1%7]:80");
  const std::string loopback = Endpoint::parse("[fe80::1%lo]", 80).value().to_string();
  EXPECT_EQ(loopback, "[fe80::1%" + std::to_string(::if_nametoindex("lo")) + "]:80");
  EXPECT_EQ(Endpoint::parse("::ffff:127.0.0.1", 80).value().to_string(), "[::ffff:127.0.0.1]:80");
}

TEST(Endpoint, ReadsThePathOfAUnixSocket) {
  const Endpoint endpoint = Endpoint::parse("unix:/run/x", 80).value();
  EXPECT_TRUE(endpoint.is_unix());
  EXPECT_EQ(endpoint.path(), "/run/x");
  EXPECT_EQ(endpoint.port(), 0);
  EXPECT_EQ(endpoint.to_string(), "unix:/run/x");
  EXPECT_EQ(Endpoint::unix_path("x").value().to_string(), "unix:x");
}

TEST(Endpoint, RefusesAPathThatTheKernelCannotHold) {
  const std::string longest(Endpoint::kUnixPathBytesMax, 'x');
  EXPECT_EQ(Endpoint::unix_path(longest).value().path(), longest);
  EXPECT_EQ(Endpoint::unix_path(longest + "x").error(), boost::system::errc::filename_too_long);
  EXPECT_EQ(Endpoint::unix_path("").error(), Errc::invalid);
  EXPECT_EQ(Endpoint::unix_path(std::string_view("a\0b", 3)).error(), Errc::invalid);
  EXPECT_EQ(Endpoint::parse(std::string_view("127.0.0.1\0", 10), 1).error(), Errc::invalid);
}

TEST(Endpoint, IsTheSameOnlyWithTheSameAddressAndPort) {
  const auto at = [](const char* address, std::uint16_t port = 1) { return Endpoint::parse(address, port).value(); };
  EXPECT_EQ(at("127.0.0.1"), at("127.0.0.1"));
  EXPECT_NE(at("127.0.0.1"), at("127.0.0.1", 2));
  EXPECT_EQ(at("127.0.0.1").with_port(2), at("127.0.0.1", 2));
  EXPECT_EQ(at("::1").with_port(2), at("::1", 2));
  EXPECT_TRUE(at("127.0.0.1").same_host(at("127.0.0.1", 2)));
  EXPECT_NE(at("127.0.0.1"), at("127.0.0.2"));
  EXPECT_EQ(at("::1"), at("[::1]"));
  EXPECT_NE(at("::1"), at("::2"));
  EXPECT_NE(at("fe80::1%1"), at("fe80::1%2"));
  EXPECT_NE(at("127.0.0.1"), at("::ffff:127.0.0.1"));
  EXPECT_EQ(at("unix:/a"), at("unix:/a"));
  EXPECT_NE(at("unix:/a"), at("unix:/b"));
  EXPECT_NE(at("unix:/a"), Endpoint());
  EXPECT_EQ(Endpoint(), Endpoint());
  EXPECT_EQ(Endpoint().to_string(), "unknown");
}

TEST(Endpoint, KnowsWhichStandForEveryAddress) {
  EXPECT_TRUE(Endpoint::any_v4(1).is_any());
  EXPECT_TRUE(Endpoint::any_v6(1).is_any());
  EXPECT_FALSE(Endpoint::parse("127.0.0.1", 1).value().is_any());
  EXPECT_FALSE(Endpoint::parse("::1", 1).value().is_any());
  EXPECT_FALSE(Endpoint::parse("unix:x", 1).value().is_any());
}

TEST(Endpoint, RefusesWhatIsNoLiteral) {
  for (const char* text : {"localhost", "1.2.3", "1.2.3.4.5", "::g", "127.0.0.1 ", "[127.0.0.1]", "[::1", "::1]", "[]",
                           "fe80::1%", "::1%nope"}) {
    EXPECT_EQ(Endpoint::parse(text, 1).error(), Errc::invalid) << text;
  }
}

}  // namespace
}  // namespace fluxor::runtime
