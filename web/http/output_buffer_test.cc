#include "web/http/output_buffer.h"

#include <gtest/gtest.h>

#include <string>

namespace fluxor::web {
namespace {

TEST(OutputBuffer, KeepsWhatWasAppendedWhileItGrows) {
  OutputBuffer out;
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    const std::string piece = std::to_string(i) + ",";
    out.append(piece);
    expected += piece;
  }
  EXPECT_EQ(out.view(), expected);
}

TEST(OutputBuffer, ShowsOnlyWhatWasCommitted) {
  OutputBuffer out;
  std::memcpy(out.prepare(10), "abcdefghij", 10);
  out.commit(3);
  EXPECT_EQ(out.view(), "abc");
}

TEST(OutputBuffer, KeepsItsMemoryWhenCleared) {
  OutputBuffer out;
  out.append(std::string(5000, 'x'));
  const std::size_t capacity = out.capacity();
  out.clear();
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(out.capacity(), capacity);
}

TEST(OutputBuffer, TakesNothingAtAll) {
  OutputBuffer out;
  out.append({});
  EXPECT_EQ(out.view(), "");
  EXPECT_EQ(out.capacity(), 0u);
}

}  // namespace
}  // namespace fluxor::web
