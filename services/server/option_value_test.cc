#include "services/server/option_value.h"

#include <chrono>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace fluxor::services {
namespace {

using namespace std::chrono_literals;

// The value, or what is wrong in words, so that both can be compared with what is expected.
template <typename T>
std::string outcome(const Parsed<T>& parsed) {
  if (!parsed) return parsed.error().text;
  if constexpr (requires { parsed->count(); }) {
    return std::to_string(parsed->count());
  } else {
    return std::to_string(*parsed);
  }
}

TEST(ParseNumber, TakesWholeNumbersWithinTheBounds) {
  EXPECT_EQ(outcome(parse_number("5", 5, 7)), "5");
  EXPECT_EQ(outcome(parse_number("7", 5, 7)), "7");
  EXPECT_EQ(outcome(parse_number("007", 5, 7)), "7");
}

TEST(ParseNumber, RefusesEverythingElse) {
  for (const char* bad : {"4", "8", "-5", "+5", " 5", "5 ", "5.0", "0x5", "", "five", "5s", "18446744073709551621"}) {
    EXPECT_EQ(outcome(parse_number(bad, 5, 7)), "is not a number from 5 to 7") << bad;
  }
}

TEST(ParsePowerOfTwo, RefusesWhatIsNone) {
  for (const char* good : {"2", "4", "8", "16"}) EXPECT_EQ(outcome(parse_power_of_two(good, 2, 16)), good);
  for (const char* bad : {"0", "1", "3", "12", "32", "x", ""}) {
    EXPECT_EQ(outcome(parse_power_of_two(bad, 2, 16)), "is not a power of two from 2 to 16") << bad;
  }
}

TEST(ParseSize, TakesBytesAndBinaryUnits) {
  EXPECT_EQ(outcome(parse_size("8192", 0, 1 << 30)), "8192");
  EXPECT_EQ(outcome(parse_size("8KiB", 0, 1 << 30)), "8192");
  EXPECT_EQ(outcome(parse_size("1MiB", 0, 1 << 30)), "1048576");
  EXPECT_EQ(outcome(parse_size("0", 0, 1 << 30)), "0");
}

TEST(ParseSize, RefusesEverythingElse) {
  for (const char* bad : {"1023", "1048577", "2MiB", "8kB", "8KB", "8K", "8 KiB", "KiB", "1.5KiB", "-1KiB", "",
                          "18014398509481985KiB"}) {  // that many would wrap to 1 KiB
    EXPECT_EQ(outcome(parse_size(bad, 1024, 1 << 20)), "is not a size from 1KiB to 1MiB (like 8192, 8KiB or 1MiB)")
        << bad;
  }
}

TEST(ParseTime, TakesUnitsAndPlainSeconds) {
  EXPECT_EQ(outcome(parse_time("250ms", 0ms, 1h)), "250");
  EXPECT_EQ(outcome(parse_time("10s", 0ms, 1h)), "10000");
  EXPECT_EQ(outcome(parse_time("2m", 0ms, 1h)), "120000");
  EXPECT_EQ(outcome(parse_time("10", 0ms, 1h)), "10000");
  EXPECT_EQ(outcome(parse_time("0", 0ms, 1h)), "0");
}

TEST(ParseTime, RefusesEverythingElse) {
  for (const char* bad : {"0", "0ms", "11s", "10001ms", "1m", "1.5s", "5 s", "s", "5h", "5S", "-1s", "",
                          "18446744073709551617ms", "18446744073709552s"}) {  // would wrap
    EXPECT_EQ(outcome(parse_time(bad, 1ms, 10s)), "is not a time from 1ms to 10s (like 250ms, 10s or 2m)") << bad;
  }
}

TEST(ParseRatio, TakesWhatIsAboveZeroAndUpToOne) {
  EXPECT_EQ(*parse_ratio("0.9"), 0.9);
  EXPECT_EQ(*parse_ratio("1"), 1.0);
  for (const char* bad : {"0", "0.0", "-0.5", "1.01", "nan", "inf", "67", "0,9", "90%", "", " 0.9"}) {
    EXPECT_EQ(outcome(parse_ratio(bad)), "is not a ratio above 0 and up to 1") << bad;
  }
}

TEST(ParseBool, TakesTrueAndFalseOnly) {
  EXPECT_TRUE(*parse_bool("true"));
  EXPECT_FALSE(*parse_bool("false"));
  for (const char* bad : {"", "1", "yes", "True"}) EXPECT_EQ(outcome(parse_bool(bad)), "is neither true nor false");
}

TEST(SizeText, IsParsedToTheSameSize) {
  EXPECT_EQ(size_text(0), "0");
  EXPECT_EQ(size_text(1000), "1000");
  EXPECT_EQ(size_text(40 * 1024), "40KiB");
  EXPECT_EQ(size_text(1 << 20), "1MiB");
  for (const std::uint64_t size : {0, 1, 1023, 1024, 1025, 1 << 20, (1 << 20) + 1024}) {
    EXPECT_EQ(*parse_size(size_text(size), 0, 1 << 30), size);
  }
}

TEST(TimeText, IsParsedToTheSameTime) {
  EXPECT_EQ(time_text(0ms), "0");
  EXPECT_EQ(time_text(250ms), "250ms");
  EXPECT_EQ(time_text(1500ms), "1500ms");
  EXPECT_EQ(time_text(1min), "60s");
  for (const auto time : {0ms, 1ms, 999ms, 1000ms, 1001ms, 60'000ms})
    EXPECT_EQ(*parse_time(time_text(time), 0ms, 1h), time);
}

}  // namespace
}  // namespace fluxor::services
