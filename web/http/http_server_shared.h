#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/base/result.h"
#include "runtime/loop/event_loop.h"
#include "runtime/net/accept_balance.h"
#include "runtime/net/listening_socket.h"
#include "web/admission/gate.h"
#include "web/http/http_options.h"
#include "web/http/http_server.h"
#include "web/router/route_table.h"

namespace fluxor::web {

// What the parts on all loops share.
//
// Thread:  any, but for the constructor and listening_, which are set before the parts begin.
class HttpServer::Shared {
 public:
  Shared(std::vector<runtime::EventLoop*> loops, const HttpOptions& options, std::shared_ptr<const RouteTable> routes,
         Gate& gate, runtime::LogSink& log)
      : loops(std::move(loops)),
        options(options),
        routes(std::move(routes)),
        gate(gate),
        log(log),
        balance(this->loops.size(), options.limits.connections_max) {}

  // Called wherever the last obstacle may just have gone.
  void check_drained() {
    if (parts_drained.load(std::memory_order_acquire) != loops.size() || balance.total() != 0) return;
    if (!drained_told_.exchange(true)) on_drained();
  }

  // What the loops answered to a command.
  struct Answers {
    std::size_t count = 0;
    runtime::error_code error{};
    std::vector<std::string> names{};
  };
  using Answered = std::function<void(Answers)>;

  // A question that so many answers end; `answered` is called by who gives the last.  Returns its number.
  std::uint64_t ask(std::size_t wanted, Answered answered) {
    const std::lock_guard lock(mutex_);
    answers_ = {};
    wanted_ = wanted;
    answered_ = std::move(answered);
    return ++question_;
  }
  // An answer to an earlier question comes too late.
  void acknowledge(std::uint64_t question, runtime::error_code error, std::vector<std::string> names) {
    Answered answered;
    Answers answers;
    {
      const std::lock_guard lock(mutex_);
      if (question != question_) return;
      ++answers_.count;
      if (error.failed()) answers_.error = error;
      for (std::string& name : names) answers_.names.push_back(std::move(name));
      if (answers_.count < wanted_) return;
      answered = std::exchange(answered_, nullptr);
      answers = std::exchange(answers_, {});
    }
    if (answered) answered(std::move(answers));
  }
  // Nobody waits any more: what there is.
  Answers give_up_waiting() {
    const std::lock_guard lock(mutex_);
    answered_ = nullptr;
    return answers_;
  }

  const std::vector<runtime::EventLoop*> loops;
  const HttpOptions options;
  const std::shared_ptr<const RouteTable> routes;
  Gate& gate;
  runtime::LogSink& log;
  runtime::AcceptBalance balance;
  std::optional<runtime::ListeningSocket> listening;
  std::atomic<bool> accepting_paused{false};
  std::atomic<std::size_t> parts_drained{0};
  std::function<void()> on_drained;  // set before the parts are told to drain

 private:
  std::atomic<bool> drained_told_{false};
  std::mutex mutex_;  // a leaf; guards what follows
  std::uint64_t question_ = 0;
  std::size_t wanted_ = 0;
  Answered answered_;
  Answers answers_;
};

}  // namespace fluxor::web
