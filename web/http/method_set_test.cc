#include "web/http/method_set.h"

#include <gtest/gtest.h>

namespace fluxor::web {
namespace {

TEST(MethodSet, HoldsWhatWasInsertedAndNothingElse) {
  MethodSet methods;
  EXPECT_TRUE(methods.empty());
  methods.insert(Method::put);
  methods.insert(MethodSet{Method::get, Method::other});
  EXPECT_EQ(methods, (MethodSet{Method::other, Method::get, Method::put}));
  for (std::size_t i = 0; i < kMethodCount; ++i) {
    const auto method = static_cast<Method>(i);
    EXPECT_EQ(methods.contains(method), method == Method::get || method == Method::put || method == Method::other);
  }
}

TEST(MethodSet, WritesAnAllowFieldInOneOrderWhateverTheOrderOfInsertion) {
  EXPECT_EQ(allow_text({}), "");
  EXPECT_EQ(allow_text({Method::post}), "POST");
  EXPECT_EQ(allow_text({Method::options, Method::head, Method::get}), "GET, HEAD, OPTIONS");
}

}  // namespace
}  // namespace fluxor::web
