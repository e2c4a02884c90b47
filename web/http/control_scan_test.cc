#include "web/http/control_scan.h"

#include <gtest/gtest.h>

#include <string>

namespace fluxor::web {
namespace {

TEST(ControlScan, AgreesWithTheCharacterClassForEveryByteAtEveryPlace) {
  for (std::size_t size = 0; size < 40; ++size) {
    for (std::size_t place = 0; place < size; ++place) {
      for (int c = 0; c < 256; ++c) {
        std::string text(size, 'a');
        text[place] = static_cast<char>(c);
        const char* const end = text.data() + text.size();
        const char* const expected = is_value_char(text[place]) ? end : text.data() + place;
        ASSERT_EQ(find_control(text.data(), end), expected) << size << " " << place << " " << c;
      }
    }
  }
}

TEST(ControlScan, FindsTheFirstOfSeveral) {
  const std::string text = "0123456789\r\n0123456789\r\n";
  EXPECT_EQ(find_control(text.data(), text.data() + text.size()), text.data() + 10);
  EXPECT_EQ(find_control(text.data() + 12, text.data() + text.size()), text.data() + 22);
}

}  // namespace
}  // namespace fluxor::web
