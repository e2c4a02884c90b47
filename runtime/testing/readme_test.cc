#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <string>

#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/testing/explore.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/sim_group.h"
#include "runtime/testing/test_loop.h"

// The examples of the README, as they stand there, line by line.
namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

Task<std::string> greet_after(Duration delay) {
  co_await sleep_for(delay);
  co_return "hello";
}

// clang-format off
TEST(Greeter, AnswersAfterFiveMilliseconds) {
  ManualClock clock;
  TestLoop loop(clock);
  auto greeting = loop.start(greet_after(5ms));  // a Task<std::string>
  loop.advance(5ms - 1ns);  EXPECT_FALSE(greeting.ready());
  loop.advance(1ns);        EXPECT_EQ(greeting.get(), "hello");
}

TEST(Counter, LosesNoPostUnderAnyInterleaving) {
  explore(1000, {.loops = 3, .ring_capacity = 2, .faults = {.post_held = 0.2}}, [](SimGroup& sim) {
    int accepted = 0, counted = 0;
    for (std::size_t from : {1, 2}) {
      sim.add_actor([&, from, left = 5]() mutable {
        if (sim.at(from).post([&] { if (sim.at(0).post([&] { ++counted; })) ++accepted; })) --left;
        return left != 0;
      });
    }
    sim.run_until_idle();
    EXPECT_EQ(counted, accepted);
  });
}
// clang-format on

std::string text_of(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Readme, ShowsCodeThatIsTestedHere) {
  const std::string readme = text_of("runtime/testing/README.md");
  const std::string begin = "```cpp\n";
  const std::size_t from = readme.find(begin) + begin.size();
  const std::string example = readme.substr(from, readme.find("```\n", from) - from);
  EXPECT_GT(example.size(), 500U);
  EXPECT_NE(text_of("runtime/testing/readme_test.cc").find(example), std::string::npos);
}

}  // namespace
}  // namespace fluxor::runtime
