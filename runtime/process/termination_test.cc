#include "runtime/process/termination.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

TEST(Termination, TakesSignalsOneAfterAnother) {
  auto termination = Termination::create().value();
  ::kill(::getpid(), SIGTERM);
  EXPECT_EQ(termination.wait(std::nullopt), Termination::Event::signal);
  EXPECT_EQ(termination.wait(0ms), Termination::Event::timed_out);
  ::kill(::getpid(), SIGINT);
  EXPECT_EQ(termination.wait(10s), Termination::Event::signal);
}

TEST(Termination, IsNotifiedFromAnotherThreadAndPrefersASignal) {
  auto termination = Termination::create().value();
  std::thread notifier([&termination] { termination.notify(); });
  EXPECT_EQ(termination.wait(std::nullopt), Termination::Event::notified);
  notifier.join();
  termination.notify();
  ::kill(::getpid(), SIGTERM);
  EXPECT_EQ(termination.wait(std::nullopt), Termination::Event::signal);
  EXPECT_EQ(termination.wait(std::nullopt), Termination::Event::notified);
}

}  // namespace
}  // namespace fluxor::runtime
