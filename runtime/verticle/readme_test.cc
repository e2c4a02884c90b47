#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>

#include "runtime/task/scope.h"
#include "runtime/task/sleep.h"
#include "runtime/task/task.h"
#include "runtime/testing/manual_clock.h"
#include "runtime/testing/seeded_random.h"
#include "runtime/testing/test_loop.h"
#include "runtime/testing/test_verticles.h"
#include "runtime/verticle/context.h"
#include "runtime/verticle/verticle.h"

namespace {

// README.md shows what stands between the marks.
// [README
using namespace std::chrono_literals;
using namespace fluxor::runtime;

struct Feed final : Verticle {  // a child: it runs on a loop of its own, and ends before its parent
  Task<> start(Context&) override { co_return; }
};

class Prices final : public Verticle {
 public:
  explicit Prices(int* ticks) : ticks_(ticks) {}
  Task<> start(Context& context) override {
    (co_await context.deploy<Feed>({.name = "feed"})).value();
    context.every(1s, [this] {  // an exception in here crashes the verticle, and its supervisor restarts it
      if (++*ticks_ == 3) throw std::runtime_error("no price");
    });
  }

 private:
  int* const ticks_;
};

Task<> supervise(Context& root, int* ticks) {  // in a program: Runtime::run({}, main), and this is main
  SupervisorSpec shop{.name = "shop", .strategy = Strategy::one_for_one};
  shop.child<Prices>({.name = "prices", .restart = Restart::permanent}, ticks);
  (co_await root.deploy(std::move(shop))).value();
}

Task<int> answer_in(Duration time) {
  co_await sleep_for(time);
  co_return 42;
}
Task<int> first_answer() {  // at most 200 ms, whatever it spawns; nothing is left running when it is over
  co_return co_await with_scope(within(200ms), [](Scope& scope) -> Task<int> {
    auto slow = scope.spawn(answer_in, 100ms);
    const int answer = co_await slow;
    co_return answer;
  });
}

TEST(Shop, IsBackAfterACrash) {  // on virtual time: exact, and over in a millisecond
  ManualClock clock;
  TestLoop loop(clock);
  SeededRandom random(1);
  TestVerticles verticles({&loop.loop()}, clock, random);
  loop.run_until_idle();
  int ticks = 0;
  loop.start(supervise(verticles.root(), &ticks)).get();
  const auto before = verticles.root().find("prices");
  loop.advance(3s);  // the third tick crashes it
  EXPECT_NE(verticles.root().find("prices"), before);
  loop.advance(2s);
  EXPECT_EQ(ticks, 5);
  verticles.stop();
  loop.run_until_idle();
  EXPECT_TRUE(verticles.ended());
}
// README]

TEST(Readme, AnswersInTime) {
  ManualClock clock;
  TestLoop loop(clock);
  auto answer = loop.start(first_answer());
  loop.advance(100ms);
  EXPECT_EQ(answer.get(), 42);
}

TEST(Readme, ShowsTheExampleAsItStandsHere) {
  const auto text_of_file = [](const char* path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string source = text_of_file("runtime/verticle/readme_test.cc");
  const std::string begin = "// [README\n";
  const auto from = source.find(begin) + begin.size();
  const std::string example = source.substr(from, source.find("// README]") - from);
  EXPECT_NE(text_of_file("runtime/README.md").find("```cpp\n" + example + "```\n"), std::string::npos)
      << "runtime/README.md has to show this:\n"
      << example;
}

}  // namespace
