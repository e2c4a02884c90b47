#include "runtime/net/endpoint.h"

#include <gtest/gtest.h>

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

TEST(Endpoint, RefusesWhatIsNoLiteral) {
  for (const char* text : {"localhost", "1.2.3", "1.2.3.4.5", "::g", "[::1]", "127.0.0.1 "}) {
    EXPECT_EQ(Endpoint::parse(text, 1).error(), Errc::invalid) << text;
  }
}

}  // namespace
}  // namespace fluxor::runtime
