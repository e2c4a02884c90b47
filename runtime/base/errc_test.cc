#include "runtime/base/errc.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace fluxor::runtime {
namespace {

TEST(Errc, ComparesWithAnErrorCode) {
  const boost::system::error_code code = Errc::overloaded;
  EXPECT_EQ(code, Errc::overloaded);
  EXPECT_NE(code, Errc::closed);
  EXPECT_TRUE(code.failed());
  EXPECT_STREQ(code.category().name(), "fluxor");
}

TEST(Errc, HasATextOfItsOwnForEachAnswer) {
  std::set<std::string> texts;
  for (const Errc errc : {Errc::overloaded, Errc::closed, Errc::cancelled, Errc::timeout, Errc::not_found,
                          Errc::invalid, Errc::try_again, Errc::deadline, Errc::exists}) {
    EXPECT_TRUE(texts.insert(make_error_code(errc).message()).second);
  }
  EXPECT_EQ(make_error_code(static_cast<Errc>(99)).message(), "unknown error 99");
}

}  // namespace
}  // namespace fluxor::runtime
