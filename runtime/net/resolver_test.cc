#include "runtime/net/resolver.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <cstdlib>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/loop/event_loop.h"
#include "runtime/loop/event_loop_group.h"
#include "runtime/task/frame_pool.h"
#include "runtime/task/scope.h"
#include "runtime/task/task.h"

// What the C library would say of names under .test, which nobody may have (RFC 6761).  All others go to the real one.
namespace {

std::atomic<int> lookups{0};
std::counting_semaphore<> slow_begun{0};
std::counting_semaphore<> slow_may_end{0};
std::atomic<int> flags_asked_for{0};

using GetAddrInfo = int (*)(const char*, const char*, const addrinfo*, addrinfo**);

GetAddrInfo system_lookup() {
  static const auto lookup = reinterpret_cast<GetAddrInfo>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return lookup;
}

int answer(std::initializer_list<const char*> addresses, const char* service, const addrinfo* hints, addrinfo** list) {
  for (const char* address : addresses) {
    while (*list != nullptr) list = &(*list)->ai_next;
    if (const int error = system_lookup()(address, service, hints, list); error != 0) return error;
  }
  return 0;
}

}  // namespace

extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** list) {
  const std::string_view host = name;
  if (!host.ends_with(".test")) {
    ++lookups;
    return system_lookup()(name, service, hints, list);
  }
  *list = nullptr;
  if (host == "slow.test") {
    slow_begun.release();
    slow_may_end.acquire();
  }
  if (host == "nobody.test") return EAI_NONAME;
  if (host == "busy.test") return EAI_AGAIN;
  if (host == "broken.test") return EAI_FAIL;
  if (host == "empty.test") return 0;
  flags_asked_for = hints->ai_flags;
  if (host == "many.test")
    return answer({"192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2"}, service, hints, list);
  return answer({"192.0.2.9"}, service, hints, list);
}

namespace fluxor::runtime {
namespace {

// For the real one, where no server answers: before there is a second thread.
// NOLINTNEXTLINE(concurrency-mt-unsafe)
const bool kImpatient = ::setenv("RES_OPTIONS", "timeout:1 attempts:1", 1) == 0;

using Resolved = Result<std::vector<Endpoint>>;

std::vector<std::string> texts_of(const Resolved& resolved) {
  std::vector<std::string> texts;
  if (!resolved) return {resolved.error().message()};
  for (const Endpoint& endpoint : *resolved) texts.push_back(endpoint.to_string());
  return texts;
}

class ResolverTest : public testing::Test {
 protected:
  ResolverTest() { group_->start().value(); }

  // On a loop that has nothing else to do, and so sleeps.
  Resolved resolve_on_loop(std::string host, std::uint16_t port) {
    std::promise<Resolved> promise;
    EXPECT_TRUE(group_->at(0).post([&promise, &host, port] {
      start(resolve(std::move(host), port),
            [&promise](Outcome<Resolved> outcome) { promise.set_value(outcome.take()); });
    }));
    return promise.get_future().get();
  }

  const SystemClock clock_;
  std::unique_ptr<EventLoopGroup> group_ = EventLoopGroup::create({.loops = 2}, clock_, nullptr).value();
};

TEST(Resolver, AnswersALiteralAtOnceWithoutALoopOrALookup) {
  const int before = lookups;
  for (const auto& [host, text] : {std::pair("192.0.2.7", "192.0.2.7:80"), std::pair("::1", "[::1]:80")}) {
    std::vector<std::string> told;
    start(resolve(host, 80), [&told](Outcome<Resolved> outcome) { told = texts_of(outcome.take()); });
    EXPECT_EQ(told, std::vector<std::string>{text});
  }
  EXPECT_EQ(lookups, before);
}

TEST(Resolver, RefusesWhatCanBeNoName) {
  for (const std::string& host : {std::string(), std::string(254, 'a'), std::string("local\0host", 10)}) {
    std::optional<error_code> error;
    start(resolve(host, 80), [&error](Outcome<Resolved> outcome) { error = outcome.take().error(); });
    EXPECT_EQ(error, make_error_code(Errc::invalid));
  }
}

TEST(ResolverDeathTest, StopsWhenANameIsResolvedOutsideOfALoop) {
  EXPECT_DEATH(start(resolve("localhost", 80), [](Outcome<Resolved>) {}), "a name is resolved on an event loop");
}

TEST_F(ResolverTest, FindsThisMachineByName) {
  const Resolved found = resolve_on_loop("localhost", 8080);
  ASSERT_TRUE(found) << found.error().message();
  ASSERT_FALSE(found->empty());
  for (const std::string& text : texts_of(found)) EXPECT_TRUE(text == "127.0.0.1:8080" || text == "[::1]:8080") << text;
}

TEST_F(ResolverTest, TellsEveryAddressOfBothFamilies) {
  const auto texts = texts_of(resolve_on_loop("many.test", 443));
  EXPECT_EQ(texts,
            (std::vector<std::string>{"192.0.2.1:443", "[2001:db8::1]:443", "192.0.2.2:443", "[2001:db8::2]:443"}));
  EXPECT_EQ(flags_asked_for & AI_ADDRCONFIG, 0) << "it leaves out IPv6 where only the loopback has it";
}

TEST_F(ResolverTest, TellsAMissingNameFromAMissingAnswer) {
  EXPECT_EQ(resolve_on_loop("nobody.test", 80).error(), Errc::not_found);
  EXPECT_EQ(resolve_on_loop("empty.test", 80).error(), Errc::not_found);
  EXPECT_EQ(resolve_on_loop("busy.test", 80).error(), Errc::try_again);
  EXPECT_EQ(resolve_on_loop("broken.test", 80).error(), boost::asio::error::no_recovery);
}

// With a network or without, and whatever servers it has.
TEST_F(ResolverTest, FindsNobodyWhereNobodyMayBe) {
  ASSERT_TRUE(kImpatient);
  const Resolved found = resolve_on_loop("no-such-host.invalid", 80);
  ASSERT_FALSE(found) << texts_of(found).front();
  EXPECT_TRUE(found.error() == Errc::not_found || found.error() == Errc::try_again) << found.error().message();
}

// A lookup ends on another thread, at any moment: also while the loop is about to sleep.
TEST_F(ResolverTest, WakesItsLoopWheneverALookupEnds) {
  constexpr int kTimes = 2000;
  const auto ask = [](std::string host) -> Task<int> {
    int found = 0;
    for (int i = 0; i < kTimes; ++i) found += co_await resolve(host, 80) ? 1 : 0;
    co_return found;
  };
  std::vector<std::future<int>> told;
  for (std::size_t loop = 0; loop < group_->size(); ++loop) {
    for (const char* host : {"localhost", "quick.test"}) {
      auto promise = std::make_shared<std::promise<int>>();
      told.push_back(promise->get_future());
      EXPECT_TRUE(group_->at(loop).post([ask, host, promise] {
        start(ask(host), [promise](Outcome<int> outcome) { promise->set_value(outcome.take()); });
      }));
    }
  }
  for (auto& each : told) EXPECT_EQ(each.get(), kTimes);
}

TEST_F(ResolverTest, RefusesMoreThanMayWait) {
  std::atomic<std::size_t> found{0};
  std::atomic<std::size_t> refused{0};
  std::latch told(kLookupsMax + 10);
  EXPECT_TRUE(group_->at(0).post([&] {
    for (std::size_t i = 0; i < kLookupsMax + 10; ++i) {
      start(resolve("slow.test", 80), [&](Outcome<Resolved> outcome) {
        const Resolved resolved = outcome.take();
        if (resolved) ++found;
        if (!resolved && resolved.error() == Errc::overloaded) ++refused;
        told.count_down();
      });
    }
    slow_may_end.release(kLookupsMax);
  }));
  told.wait();
  EXPECT_EQ(found, kLookupsMax);
  EXPECT_EQ(refused, 10U);
  EXPECT_TRUE(resolve_on_loop("quick.test", 80)) << "there is room again";
  while (slow_begun.try_acquire()) {
  }
}

TEST_F(ResolverTest, LetsATaskThatIsCancelledGoOnWithoutItsLookup) {
  struct Work {
    static Task<> look_up(Resolved* resolved) { *resolved = co_await resolve("slow.test", 80); }
    static Task<> run(Child<>** child, Resolved* resolved) {
      co_await with_scope([&](Scope& scope) -> Task<> {
        Child<> lookup = scope.spawn(&Work::look_up, resolved);
        *child = &lookup;
        try {
          co_await lookup;
        } catch (const boost::system::system_error&) {
          ADD_FAILURE() << "what a Result says is no failure";
        }
      });
    }
  };
  Child<>* child = nullptr;  // the loop's
  Resolved resolved = make_error_code(Errc::invalid);
  std::promise<void> done;
  EXPECT_TRUE(
      group_->at(0).post([&] { start(Work::run(&child, &resolved), [&done](Outcome<>) { done.set_value(); }); }));
  slow_begun.acquire();
  EXPECT_TRUE(group_->at(0).post([&child] { child->cancel(); }));
  done.get_future().wait();  // while the lookup is still under way
  EXPECT_EQ(resolved.error(), make_error_code(Errc::cancelled));
  slow_may_end.release();
  EXPECT_TRUE(resolve_on_loop("quick.test", 80)) << "the thread that looks up goes on";
}

// Stacks of threads as large as no address space holds.
class NoMoreThreads {
 public:
  NoMoreThreads() {
    ::pthread_getattr_default_np(&before_);
    pthread_attr_t huge;
    ::pthread_attr_init(&huge);
    EXPECT_EQ(::pthread_attr_setstacksize(&huge, std::size_t{1} << 60), 0);
    EXPECT_EQ(::pthread_setattr_default_np(&huge), 0);
    ::pthread_attr_destroy(&huge);
  }
  NoMoreThreads(const NoMoreThreads&) = delete;
  NoMoreThreads& operator=(const NoMoreThreads&) = delete;
  ~NoMoreThreads() {
    ::pthread_setattr_default_np(&before_);
    ::pthread_attr_destroy(&before_);
  }

 private:
  pthread_attr_t before_{};
};

TEST_F(ResolverTest, SaysWhenThereIsNoThreadToBeHadAndTriesAgainTheNextTime) {
  {
    const NoMoreThreads limit;
    EXPECT_EQ(resolve_on_loop("quick.test", 80).error(), boost::asio::error::try_again);
  }
  EXPECT_TRUE(resolve_on_loop("quick.test", 80));
}

TEST_F(ResolverTest, CancelsWhatALoopLeavesWhenItIsDestroyed) {
  const std::uint64_t before = live_frames();
  std::atomic<int> cancelled{0};
  EXPECT_TRUE(group_->at(0).post([&] {
    for (int i = 0; i < 3; ++i) {
      start(resolve("slow.test", 80), [&cancelled](Outcome<Resolved> outcome) {
        if (outcome.take().error() == Errc::cancelled) ++cancelled;
      });
    }
  }));
  slow_begun.acquire();  // one is under way, the others wait behind it
  group_->stop();
  EXPECT_EQ(cancelled, 0);
  slow_may_end.release(3);  // the next may begin before the loop is gone
  group_.reset();
  EXPECT_EQ(cancelled, 3);
  EXPECT_EQ(live_frames(), before);
}

}  // namespace
}  // namespace fluxor::runtime
