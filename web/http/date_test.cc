#include "web/http/date.h"

#include <gtest/gtest.h>

#include <chrono>
#include <ctime>
#include <random>
#include <string>

namespace fluxor::web {
namespace {

using namespace std::chrono_literals;

runtime::WallTime at_second(std::int64_t second) { return runtime::WallTime(std::chrono::seconds(second)); }

std::string text_of(runtime::WallTime time) {
  const ImfFixdate text = imf_fixdate(time);
  return {text.begin(), text.end()};
}

TEST(ImfFixdate, FormatsTheExampleOfTheStandard) {
  EXPECT_EQ(text_of(at_second(784111777)), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(ImfFixdate, KnowsLeapDaysAndTheEdgesOfYears) {
  EXPECT_EQ(text_of(at_second(951782399)), "Mon, 28 Feb 2000 23:59:59 GMT");
  EXPECT_EQ(text_of(at_second(951782400)), "Tue, 29 Feb 2000 00:00:00 GMT");
  EXPECT_EQ(text_of(at_second(1704067199)), "Sun, 31 Dec 2023 23:59:59 GMT");
  EXPECT_EQ(text_of(at_second(1704067200)), "Mon, 01 Jan 2024 00:00:00 GMT");
}

TEST(ImfFixdate, RoundsDownAlsoBeforeTheEpoch) {
  EXPECT_EQ(text_of(at_second(0) + 999ms), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(text_of(at_second(0) - 1ms), "Wed, 31 Dec 1969 23:59:59 GMT");
}

TEST(ImfFixdate, AgreesWithTheCLibrary) {
  constexpr unsigned kSeed = 20240229;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < 2000; ++i) {
    const std::time_t second = static_cast<std::time_t>(random() % 9'000'000'000);
    std::tm fields{};
    gmtime_r(&second, &fields);
    char expected[64];
    std::strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &fields);
    ASSERT_EQ(text_of(at_second(second)), expected) << second;
  }
}

TEST(DateLine, IsTheWholeFieldLine) {
  DateLine date;
  EXPECT_EQ(date.at(at_second(784111777)), "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
}

TEST(DateLine, ChangesWithTheSecondAndNotBefore) {
  DateLine date;
  const std::string first(date.at(at_second(784111777)));
  EXPECT_EQ(date.at(at_second(784111777) + 999ms), first);
  EXPECT_EQ(date.at(at_second(784111778)), "date: Sun, 06 Nov 1994 08:49:38 GMT\r\n");
}

TEST(DateLine, FollowsAClockThatStepsBack) {
  DateLine date;
  const std::string early(date.at(at_second(1000)));
  EXPECT_NE(date.at(at_second(2000)), early);
  EXPECT_EQ(date.at(at_second(1000)), early);
}

}  // namespace
}  // namespace fluxor::web
