#include "eventbus/errc.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace fluxor::eventbus {
namespace {

using boost::system::error_code;

// The wire contract: a value that changes would turn one failure into another between two versions.
TEST(Errc, HasTheValuesThatTravelBetweenProcesses) {
  const std::map<Errc, int> values{
      {Errc::no_handlers, 1},    {Errc::overloaded, 2},
      {Errc::unregistered, 3},   {Errc::undelivered, 4},
      {Errc::denied, 5},         {Errc::too_large, 6},
      {Errc::no_codec, 7},       {Errc::type_mismatch, 8},
      {Errc::would_deadlock, 9}, {Errc::intercepted, 10},
      {Errc::timeout, 11},       {Errc::cancelled, 12},
      {Errc::deadline, 13},      {Errc::recipient_failure, 14},
      {Errc::no_reply, 15},      {Errc::peer_down, 16},
      {Errc::peer_lost, 17},     {Errc::closed, 18},
  };
  EXPECT_EQ(values.size(), 18U);
  for (const auto& [errc, value] : values) EXPECT_EQ(static_cast<int>(errc), value);
}

TEST(Errc, SaysInItsTextWhichItIsAndNeverTheSameTwice) {
  std::set<std::string> texts;
  for (int value = 1; value <= 18; ++value) {
    const std::string text = make_error_code(static_cast<Errc>(value)).message();
    EXPECT_NE(text.find(": "), std::string::npos) << text;
    EXPECT_TRUE(texts.insert(text).second) << text;
  }
  EXPECT_EQ(make_error_code(static_cast<Errc>(99)).message(), "unknown error 99");
}

TEST(Errc, ComparesWithAnErrorCode) {
  const error_code code = Errc::overloaded;
  EXPECT_EQ(code, Errc::overloaded);
  EXPECT_NE(code, Errc::timeout);
  EXPECT_STREQ(code.category().name(), "fluxor.eventbus");
}

TEST(Errc, TellsWhetherSendingAgainCouldDoTheWorkTwice) {
  for (const Errc errc :
       {Errc::no_handlers, Errc::overloaded, Errc::unregistered, Errc::undelivered, Errc::denied, Errc::too_large,
        Errc::no_codec, Errc::type_mismatch, Errc::would_deadlock, Errc::intercepted, Errc::closed}) {
    EXPECT_EQ(handled(errc), Handled::surely_not) << make_error_code(errc).message();
  }
  for (const Errc errc : {Errc::timeout, Errc::cancelled, Errc::deadline, Errc::peer_down, Errc::peer_lost}) {
    EXPECT_EQ(handled(errc), Handled::maybe) << make_error_code(errc).message();
  }
  EXPECT_EQ(handled(Errc::recipient_failure), Handled::partly);
  EXPECT_EQ(handled(Errc::no_reply), Handled::surely);
  EXPECT_EQ(handled(static_cast<Errc>(99)), Handled::maybe);
}

}  // namespace
}  // namespace fluxor::eventbus
