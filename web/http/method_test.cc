#include "web/http/method.h"

#include <gtest/gtest.h>

namespace fluxor::web {
namespace {

TEST(Method, ReadsBackEveryNameThatItWrites) {
  for (std::size_t i = 0; i < kMethodCount; ++i) {
    const auto method = static_cast<Method>(i);
    EXPECT_EQ(parse_method(method_name(method)), method) << method_name(method);
  }
}

TEST(Method, SpellsTheNamesOfTheStandard) {
  EXPECT_EQ(method_name(Method::get), "GET");
  EXPECT_EQ(method_name(Method::head), "HEAD");
  EXPECT_EQ(method_name(Method::post), "POST");
  EXPECT_EQ(method_name(Method::put), "PUT");
  EXPECT_EQ(method_name(Method::delete_), "DELETE");
  EXPECT_EQ(method_name(Method::patch), "PATCH");
  EXPECT_EQ(method_name(Method::options), "OPTIONS");
  EXPECT_EQ(method_name(Method::connect), "CONNECT");
  EXPECT_EQ(method_name(Method::trace), "TRACE");
}

TEST(Method, TellsUpperCaseFromLowerCase) {
  for (const auto* text : {"get", "Get", "GEt", "delete", "Options"}) EXPECT_EQ(parse_method(text), Method::other);
}

TEST(Method, CallsEverythingElseOther) {
  for (const auto* text : {"", "G", "GE", "GETT", "PUTS", "PROPFIND", "DELETED", "OPTION", "GET ", " GET"}) {
    EXPECT_EQ(parse_method(text), Method::other) << text;
  }
}

}  // namespace
}  // namespace fluxor::web
