#include "runtime/loop/event_loop_group.h"

#include <pthread.h>
#include <sched.h>

#include <string>
#include <system_error>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/signal_stack.h"
#include "runtime/loop/cpu_count.h"
#include "runtime/net/epoll_poller.h"

namespace fluxor::runtime {

namespace {

// The CPUs that this thread may run on, in their order.
std::vector<int> allowed_cpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::vector<int> cpus;
  if (::sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) cpus.push_back(cpu);
  }
  return cpus;
}

error_code pin(std::thread& thread, int cpu) noexcept {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(cpu, &only);
  return {::pthread_setaffinity_np(thread.native_handle(), sizeof(only), &only), boost::system::system_category()};
}

}  // namespace

Result<std::unique_ptr<EventLoopGroup>> EventLoopGroup::create(const EventLoopGroupOptions& options, const Clock& clock,
                                                               const EventLoop::FailureHandler& on_failure) {
  if (options.loops == 0) return Errc::invalid;
  std::vector<int> cpus;
  if (options.pinning == Pinning::one_cpu_each) {
    cpus = allowed_cpus();
    if (cpus.size() < options.loops) return Errc::invalid;
  }
  EventLoopOptions loop_options;
  loop_options.ring_capacity = options.ring_capacity;
  loop_options.wait = options.wait;
  if (options.loops > usable_cpus()) loop_options.spin_polls = 0;
  loop_options.watcher = options.watcher;
  std::vector<std::unique_ptr<EventLoop>> loops;
  for (std::size_t id = 0; id < options.loops; ++id) {
    auto poller = EpollPoller::create();
    if (!poller) return poller.error();
    loop_options.id = id;
    loops.push_back(std::make_unique<EventLoop>(loop_options, clock, std::move(*poller), on_failure));
  }
  return std::unique_ptr<EventLoopGroup>(new EventLoopGroup(std::move(loops), std::move(cpus)));
}

EventLoopGroup::~EventLoopGroup() { stop(); }

Result<void> EventLoopGroup::start() {
  FLUXOR_CHECK(threads_.empty(), "a group is started once");
  for (const auto& loop : loops_) {
    if (const error_code failed = start_thread(*loop)) {
      stop();
      return failed;
    }
  }
  return {};
}

error_code EventLoopGroup::start_thread(EventLoop& loop) try {
  std::thread& thread = threads_.emplace_back([&loop] {
    const SignalStack signal_stack;  // a stack that is used up can still be told of
    loop.run();
  });
  const std::string name = "fluxor-loop-" + std::to_string(loop.id());
  ::pthread_setname_np(thread.native_handle(), name.substr(0, 15).c_str());
  return cpus_.empty() ? error_code() : pin(thread, cpus_[loop.id()]);
} catch (const std::system_error& failed) {
  return failed.code();
}

void EventLoopGroup::stop() noexcept {
  for (const auto& loop : loops_) loop->stop();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

std::vector<EventLoop*> EventLoopGroup::all() const {
  std::vector<EventLoop*> loops;
  for (const auto& loop : loops_) loops.push_back(loop.get());
  return loops;
}

EventLoop& EventLoopGroup::next() noexcept {
  return *loops_[next_.fetch_add(1, std::memory_order_relaxed) % loops_.size()];
}

EventLoop& EventLoopGroup::least_loaded() noexcept {
  const std::size_t first = next_.fetch_add(1, std::memory_order_relaxed) % loops_.size();
  EventLoop* least = nullptr;
  std::size_t least_length = 0;
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    EventLoop& loop = *loops_[(first + i) % loops_.size()];
    const std::size_t length = loop.queue_length();
    if (least == nullptr || length < least_length) {
      least = &loop;
      least_length = length;
    }
  }
  return *least;
}

}  // namespace fluxor::runtime
