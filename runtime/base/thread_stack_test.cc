#include "runtime/base/thread_stack.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <future>
#include <latch>
#include <limits>
#include <mutex>
#include <string>
#include <thread>

#include "runtime/base/stack_text.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

// Real time, but nothing depends on how much: only a thread that cannot answer is waited for so long.
constexpr Duration kPatience = 10s;
constexpr Duration kImpatience = 1ms;

class Barrier {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  // After it, the other thread is inside wait(), not just on its way.
  void await_waiter() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_; });
  }
  void wait() {
    std::unique_lock lock(mutex_);
    waiting_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool waiting_ = false;
  bool open_ = false;
};

extern "C" [[gnu::noinline]] void wait_at_the_barrier(Barrier& barrier) {
  barrier.wait();
  asm volatile("");  // else the call above could be a jump, and leave no frame
}

extern "C" [[gnu::noinline]] void wait_elsewhere(Barrier& barrier) {
  barrier.wait();
  asm volatile("");
}

std::int32_t this_thread() { return static_cast<std::int32_t>(::syscall(SYS_gettid)); }

void set_signals(int how) {
  sigset_t all;
  ::sigfillset(&all);
  ASSERT_EQ(::pthread_sigmask(how, &all, nullptr), 0);
}

// A thread that waits until it is destroyed.
class WaitingThread {
 public:
  explicit WaitingThread(int how = SIG_UNBLOCK, void (*wait)(Barrier&) = &wait_at_the_barrier) {
    std::promise<std::int32_t> id;
    thread_ = std::thread([&, how, wait] {
      set_signals(how);
      id.set_value(this_thread());
      wait(first_);
      set_signals(SIG_UNBLOCK);
      wait(second_);
    });
    id_ = id.get_future().get();
    first_.await_waiter();
  }
  WaitingThread(const WaitingThread&) = delete;
  WaitingThread& operator=(const WaitingThread&) = delete;
  ~WaitingThread() {
    first_.open();
    second_.open();
    thread_.join();
  }

  std::int32_t id() const { return id_; }
  void unblock_signals() {
    first_.open();
    second_.await_waiter();
  }

 private:
  Barrier first_, second_;
  std::int32_t id_ = 0;
  std::thread thread_;
};

TEST(ThreadStack, ShowsWhereAnotherThreadWaits) {
  const WaitingThread other;
  const auto stack = stack_of_thread(other.id(), kPatience);
  ASSERT_TRUE(stack) << stack.error().message();
  EXPECT_NE(stack_text(*stack).find(" wait_at_the_barrier "), std::string::npos) << stack_text(*stack);
}

TEST(ThreadStack, LeavesTheThreadWhereItWas) {
  const WaitingThread other;
  for (int i = 0; i < 100; ++i) {
    const auto stack = stack_of_thread(other.id(), kPatience);
    ASSERT_TRUE(stack);
    EXPECT_FALSE(stack->empty());
  }
}

TEST(ThreadStack, TellsThreadsApart) {
  const WaitingThread one;
  const WaitingThread other(SIG_UNBLOCK, &wait_elsewhere);
  const std::string stack = stack_text(stack_of_thread(other.id(), kPatience).value());
  EXPECT_NE(stack.find(" wait_elsewhere "), std::string::npos) << stack;
  EXPECT_EQ(stack.find(" wait_at_the_barrier "), std::string::npos) << stack;
}

TEST(ThreadStack, AnswersManyWhoAskAtTheSameTime) {
  const WaitingThread other;
  std::latch both(2);
  const auto ask = [&] {
    both.arrive_and_wait();
    for (int i = 0; i < 300; ++i) {
      const auto stack = stack_of_thread(other.id(), kPatience);
      ASSERT_TRUE(stack);
      EXPECT_NE(stack_text(*stack).find(" wait_at_the_barrier "), std::string::npos);
    }
  };
  std::thread first(ask);
  std::thread second(ask);
  first.join();
  second.join();
}

TEST(ThreadStack, TimesOutOnAThreadThatDoesNotAnswer) {
  const WaitingThread other(SIG_BLOCK);
  EXPECT_EQ(stack_of_thread(other.id(), kImpatience).error(), Errc::timeout);
}

TEST(ThreadStack, ThrowsALateAnswerAway) {
  WaitingThread late(SIG_BLOCK, &wait_elsewhere);
  const WaitingThread other;
  EXPECT_EQ(stack_of_thread(late.id(), kImpatience).error(), Errc::timeout);
  late.unblock_signals();  // it takes the signal now
  const std::string stack = stack_text(stack_of_thread(other.id(), kPatience).value());
  EXPECT_NE(stack.find(" wait_at_the_barrier "), std::string::npos) << stack;
  EXPECT_TRUE(stack_of_thread(late.id(), kPatience));
}

TEST(ThreadStack, DoesNotMistakeALateAnswerForTheNextOne) {
  const WaitingThread silent(SIG_BLOCK);
  WaitingThread late(SIG_BLOCK);
  EXPECT_EQ(stack_of_thread(late.id(), kImpatience).error(), Errc::timeout);
  std::thread answer([&late] { late.unblock_signals(); });
  // The late answer comes while, or before, this one is waited for.
  EXPECT_EQ(stack_of_thread(silent.id(), kImpatience).error(), Errc::timeout);
  answer.join();
}

TEST(ThreadStack, FindsNoThreadThatIsNotThere) {
  EXPECT_EQ(stack_of_thread(std::numeric_limits<std::int32_t>::max(), kPatience).error(), Errc::not_found);
}

TEST(ThreadStackDeathTest, LeavesASignalAloneThatSomebodyElseHandles) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a process that has not taken it yet
  const auto ask = [] {
    struct sigaction theirs{};
    theirs.sa_handler = [](int) { std::_Exit(1); };
    ::sigaction(SIGRTMIN + 5, &theirs, nullptr);
    const auto stack = stack_of_thread(this_thread(), kPatience);
    std::_Exit(stack.has_error() && stack.error() == Errc::invalid ? 0 : 2);
  };
  EXPECT_EXIT(ask(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace fluxor::runtime
