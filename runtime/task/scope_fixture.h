#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/task/cancelled.h"
#include "runtime/task/frame_pool.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/started.h"
#include "runtime/testing/test_loop.h"

namespace fluxor::runtime {

using Words = std::vector<std::string>;

// Says how it went: the word, or the word and why it was told to stop.
inline Task<> say_after(Duration delay, std::string word, Words* words) {
  try {
    co_await sleep_for(delay);
    words->push_back(word);
  } catch (const Cancelled& cancelled) {
    words->push_back(word + (cancelled.reason == CancelReason::deadline ? " late" : " cancelled"));
    throw;
  }
}

inline Task<> fail_after(Duration delay, std::string text) {
  co_await sleep_for(delay);
  throw std::runtime_error(text);
}

inline Task<int> value_after(Duration delay, int value) {
  co_await sleep_for(delay);
  co_return value;
}

// Ends with `text` when it is told to stop.
inline Task<> fail_when_cancelled(std::string text) {
  try {
    co_await sleep_for(Duration::max());
  } catch (const Cancelled&) {
  }
  throw std::runtime_error(text);
}

// Takes no notice of being told to stop, and succeeds then.
inline Task<> succeed_when_cancelled() {
  try {
    co_await sleep_for(Duration::max());
  } catch (const Cancelled&) {
  }
}

// What came out of an awaited task, in a word.
template <typename T>
std::string end_of(Started<T>& started) {
  if (!started.ready()) return "runs";
  try {
    static_cast<void>(started.get());
    return "value";
  } catch (const Cancelled& cancelled) {
    return cancelled.reason == CancelReason::deadline ? "Cancelled: deadline" : "Cancelled";
  } catch (const std::exception& error) {
    return error.what();
  }
}

inline std::string text_of(const std::exception_ptr& failure) { return TestLoop::text_of(failure); }

inline constexpr const char* kDeadlineText = "deadline: the time of its scope was over [fluxor:8]";

// One loop on virtual time; every frame that a test makes is gone after it.
class ScopeFixture : public testing::Test {
 protected:
  ~ScopeFixture() override { EXPECT_EQ(live_frames(), frames_before_); }

  const std::uint64_t frames_before_ = live_frames();
  ManualClock clock;
  TestLoop loop{clock};
  Words words;
};

}  // namespace fluxor::runtime
