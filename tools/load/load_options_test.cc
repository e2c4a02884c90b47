#include "tools/load/load_options.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace fluxor::load {
namespace {

LoadOptions parsed(std::vector<const char*> flags) {
  flags.insert(flags.begin(), "load_generator");
  return parse_options(static_cast<int>(flags.size()), flags.data());
}

TEST(LoadOptions, HasDefaultsForAllButThePort) {
  const LoadOptions options = parsed({"--port=80"});
  EXPECT_EQ(options.connections, 64);
  EXPECT_EQ(options.pipeline, 1);
  EXPECT_EQ(options.rate, 0);
  EXPECT_EQ(options.idle.count(), 0);
  EXPECT_EQ(options.request, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  EXPECT_THROW(parsed({}), UsageError);
}

TEST(LoadOptions, TakesAValueAfterEqualsOrAsTheNextWord) {
  EXPECT_EQ(parsed({"--port=80", "--duration=250"}).duration, std::chrono::milliseconds(250));
  EXPECT_EQ(parsed({"--port", "80", "--duration", "250"}).duration, std::chrono::milliseconds(250));
}

TEST(LoadOptions, PutsARequestTogether) {
  EXPECT_EQ(parsed({"--port=80", "--path=/api/echo", "--body={}", "--header=A: b", "--header=C: d"}).request,
            "POST /api/echo HTTP/1.1\r\nHost: 127.0.0.1\r\nA: b\r\nC: d\r\nContent-Length: 2\r\n\r\n{}");
}

TEST(LoadOptions, RefusesWhatItCannotRun) {
  for (const char* bad : {"--prot=80", "--port", "80", "--port=0", "--port=65536", "--port=8o", "--connections=0",
                          "--pipeline=-1", "--duration=0", "--rate=", "--request=/nowhere/at/all"}) {
    EXPECT_THROW(parsed({"--port=80", bad}), UsageError) << bad;
  }
  EXPECT_THROW(parsed({"--port=80", "--rate=10", "--pipeline=2"}), UsageError);
  EXPECT_THROW(parsed({"--port=80", "--tick=200"}), UsageError);
  EXPECT_THROW(parsed({"--port=80", "--path=/", "--request=/dev/null"}), UsageError);
  EXPECT_THROW(parsed({"--port=80", "--request=/dev/null"}), UsageError);
}

}  // namespace
}  // namespace fluxor::load
