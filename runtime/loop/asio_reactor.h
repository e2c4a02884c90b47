#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>

#include "runtime/base/clock.h"

namespace fluxor::runtime {

// A loop's io_context, and the watch in it that ends its sleep when the loop's own poller has something.  Inside
// runtime/loop only, so that Asio's headers stay out of event_loop.h.
//
// Thread:  loop; handlers may be posted to context() from any thread, as Asio allows.
class AsioReactor {
 public:
  // `descriptor` becomes readable when the poller has something; it is borrowed.
  explicit AsioReactor(int descriptor);
  ~AsioReactor();

  boost::asio::io_context& context() noexcept { return context_; }

  // Runs what is ready, without waiting; at most kPollBudget handlers, so that those which start each other do not hold
  // the loop.  What a handler throws passes through, the rest waits for the next call.
  void poll();
  // Waits until one handler has run, the poller has something, or `timeout` has passed, to the nanosecond as far as the
  // kernel can: Asio itself counts what it waits for in milliseconds.
  void wait(Duration timeout);

  // How many handlers have run since it was made, our own watch left out.
  std::uint64_t ran() const noexcept { return ran_; }

 private:
  static constexpr int kPollBudget = 256;

  void watch();
  void set_alarm(Duration timeout) noexcept;
  // Runs at most one handler; whether it is worth trying again.
  template <typename RunOne>
  bool counted(RunOne&& run_one);

  boost::asio::io_context context_;
  // Without outstanding work a context stops, and stays stopped.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::posix::stream_descriptor poller_;
  boost::asio::posix::stream_descriptor alarm_;  // a timerfd
  bool watching_ = false;
  bool watching_alarm_ = false;
  bool alarm_set_ = false;
  std::uint64_t ran_ = 0;
};

}  // namespace fluxor::runtime
