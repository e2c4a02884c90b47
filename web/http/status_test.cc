#include "web/http/status.h"

#include <gtest/gtest.h>

#include <string>

namespace fluxor::web {
namespace {

std::string written(int status) {
  char line[kStatusLineMax];
  return {line, write_status_line(line, status)};
}

TEST(Status, NamesTheRegisteredCodes) {
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(404), "Not Found");
  EXPECT_EQ(reason_phrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(reason_phrase(503), "Service Unavailable");
}

TEST(Status, HasNoNameForOtherNumbers) {
  for (const int status : {-1, 0, 99, 299, 418, 599, 600, 1000}) {
    EXPECT_EQ(reason_phrase(status), "") << status;
    EXPECT_EQ(status_line(status), "") << status;
  }
}

TEST(Status, PutsTheWholeLineOnTheWire) {
  EXPECT_EQ(status_line(100), "HTTP/1.1 100 Continue\r\n");
  EXPECT_EQ(written(505), "HTTP/1.1 505 HTTP Version Not Supported\r\n");
}

TEST(Status, KeepsTheSpaceWhenThereIsNoReason) { EXPECT_EQ(written(299), "HTTP/1.1 299 \r\n"); }

TEST(Status, AgreesWithItselfForEveryCode) {
  for (int status = 100; status <= 599; ++status) {
    EXPECT_EQ(written(status),
              "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason_phrase(status)) + "\r\n");
  }
}

}  // namespace
}  // namespace fluxor::web
