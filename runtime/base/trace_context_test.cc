#include "runtime/base/trace_context.h"

#include <gtest/gtest.h>

#include <string>

namespace fluxor::runtime {
namespace {

// The example of the W3C's recommendation.
constexpr char kExample[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceContext, ReadsAndWritesATraceparent) {
  const auto context = TraceContext::parse(kExample);
  ASSERT_TRUE(context);
  EXPECT_EQ(context->trace_id[0], 0x4b);
  EXPECT_EQ(context->trace_id[15], 0x36);
  EXPECT_EQ(context->span_id[1], 0xf0);
  EXPECT_TRUE(context->sampled());
  EXPECT_EQ(context->traceparent(), kExample);
}

TEST(TraceContext, RefusesWhatIsMalformed) {
  const std::string good = kExample;
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = 'g';
    EXPECT_FALSE(TraceContext::parse(bad)) << bad;
    bad[i] = 'A';
    EXPECT_FALSE(TraceContext::parse(bad)) << bad;
    EXPECT_FALSE(TraceContext::parse(good.substr(0, i)));
  }
  EXPECT_FALSE(TraceContext::parse("00-00000000000000000000000000000000-00f067aa0ba902b7-01"));
  EXPECT_FALSE(TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"));
  EXPECT_FALSE(TraceContext::parse("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
  EXPECT_FALSE(TraceContext::parse(good + "-more"));
}

TEST(TraceContext, ReadsWhatALaterVersionHasInCommon) {
  const std::string later = "01" + std::string(kExample).substr(2);
  EXPECT_EQ(TraceContext::parse(later + "-more"), TraceContext::parse(kExample));
  EXPECT_EQ(TraceContext::parse(later), TraceContext::parse(kExample));
  EXPECT_FALSE(TraceContext::parse(later + "more"));
}

}  // namespace
}  // namespace fluxor::runtime
