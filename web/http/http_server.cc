#include "web/http/http_server.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <utility>

#include "runtime/loop/control_lane.h"
#include "runtime/loop/event_loop.h"
#include "runtime/loop/timer_wheel.h"
#include "runtime/net/accept_balance.h"
#include "runtime/net/listener.h"
#include "runtime/net/listening_socket.h"
#include "runtime/net/poller.h"
#include "runtime/net/socket.h"
#include "runtime/net/stream.h"
#include "web/http/connection.h"
#include "web/http/http_server_shared.h"

namespace fluxor::web {
namespace {

constexpr runtime::Duration kAcceptRetry = std::chrono::milliseconds(100);

}  // namespace

// The server on one loop.
//
// Thread:  loop, but for tell() and the counters.
class HttpServer::LoopPart final : private runtime::ControlNode,
                                   private runtime::ListenerHandler,
                                   private runtime::Timer,
                                   private ConnectionOwner {
 public:
  enum Command : unsigned { kStart = 1, kCheckAccepting = 2, kDrain = 4, kAbort = 8, kClose = 16 };

  LoopPart(Shared& shared, std::vector<std::unique_ptr<LoopPart>>& parts, std::size_t index)
      : shared_(shared),
        parts_(parts),
        index_(index),
        loop_(*shared.loops[index]),
        context_(loop_, shared.options, *shared.routes, shared.gate, counters_) {}

  // As tell(), and each is to answer question number `question`.
  void ask(Command command, std::uint64_t question) noexcept {
    question_.store(question, std::memory_order_relaxed);
    tell(command);
  }
  // It is the last that is asked of it.  Thread: any.
  void leave(std::uint64_t question) noexcept {
    leaving_.question = question;
    loop_.signal(leaving_);
  }
  // Thread: any.  Commands given together are carried out in the order of their values.
  void tell(Command command) noexcept {
    commands_.fetch_or(command, std::memory_order_release);
    loop_.signal(*this);
  }

  const HttpCounters& counters() const noexcept { return counters_; }

 private:
  class Leaving final : public runtime::ControlNode {
   public:
    explicit Leaving(Shared& shared) noexcept : shared_(shared) {}
    std::uint64_t question = 0;

   private:
    void on_control() override { shared_.acknowledge(question, {}, {}); }  // this may be gone
    Shared& shared_;
  };

  void on_control() override {
    const unsigned commands = commands_.exchange(0, std::memory_order_acquire);
    if ((commands & kStart) != 0) begin();
    if ((commands & kCheckAccepting) != 0) check_accepting();
    if ((commands & kDrain) != 0) drain();
    if ((commands & kAbort) != 0) abort();
    if ((commands & kClose) != 0) close();
  }

  void begin() {
    auto listener = loop_.poller().listen(*shared_.listening, *this);
    if (listener) listener_ = std::move(*listener);
    answer(listener ? runtime::error_code() : listener.error(), {});
  }

  void answer(runtime::error_code error, std::vector<std::string> names) {
    shared_.acknowledge(question_.load(std::memory_order_relaxed), error, std::move(names));
  }

  void on_accept(runtime::Socket socket) override {
    if (place(socket)) return;
    // There are enough: this one is kept until there is room again, and those behind it stay in the kernel's queue.
    waiting_.push_back(std::move(socket));
    pause_accepting();
  }

  // Gives the connection to a loop; false, and it stays where it is, if there are enough.
  bool place(runtime::Socket& socket) {
    const std::optional<std::size_t> place = shared_.balance.place(index_);
    if (!place) return false;
    counters_.connections_accepted.add();
    if (*place == index_) {
      adopt(std::move(socket));
      return true;
    }
    struct HandOver {
      LoopPart* part;
      runtime::Socket socket;
      void operator()() { part->adopt(std::move(socket)); }
    };
    HandOver hand_over{parts_[*place].get(), std::move(socket)};
    if (!hand_over.part->loop_.post(std::move(hand_over))) {
      // Its ring is full: a connection too many here is better than one lost.
      shared_.balance.move(*place, index_);
      adopt(std::move(hand_over.socket));
    }
    return true;
  }

  void on_accept_failed(runtime::error_code reason) override {
    const std::string text = reason.message();
    const runtime::LogField field{"reason", text};
    shared_.log.write(runtime::Severity::error, "cannot accept connections", {&field, 1});
    loop_.arm_after(*this, kAcceptRetry);
  }

  void on_timer() override {
    if (!context_.draining) return check_accepting();
    handshakes_over_ = true;
    finish_accepting();
  }

  void adopt(runtime::Socket socket) {
    ConnectionOwner& owner = *this;
    auto connection = std::make_unique<Connection>(context_, owner,
                                                   loop_.poller().adopt(std::move(socket), runtime::StreamOptions{}));
    if (!connection->start()) return removed();
    connections_.add(std::move(connection));
  }

  void on_done(Connection& connection) override {
    connections_.destroy(connection);
    removed();
  }

  void removed() {
    shared_.balance.remove(index_);
    if (shared_.accepting_paused.load(std::memory_order_relaxed) && shared_.balance.has_room() &&
        shared_.accepting_paused.exchange(false)) {
      for (const auto& part : parts_) part->tell(kCheckAccepting);
    }
    if (!context_.draining) return;
    if (shared_.parts_drained.load(std::memory_order_acquire) != parts_.size()) {
      for (const auto& part : parts_) part->tell(kDrain);
    }
    shared_.check_drained();
  }

  void pause_accepting() {
    if (listener_ != nullptr) listener_->pause();  // here at once, elsewhere as soon as they hear of it
    if (shared_.accepting_paused.exchange(true)) return;
    for (const auto& part : parts_) part->tell(kCheckAccepting);
  }

  void check_accepting() {
    place_waiting();
    if (listener_ == nullptr) return;
    if (shared_.accepting_paused.load()) {
      listener_->pause();
    } else {
      listener_->resume();
    }
  }

  void drain() {
    if (!std::exchange(context_.draining, true)) {
      connections_.for_each([](Connection& connection) { connection.drain(); });
      loop_.arm_after(*this, shared_.options.timeouts.handshakes);
    } else if (handshakes_over_) {
      finish_accepting();
    }
  }

  // The last loop to finish closes the listening socket, so that who connects now is told at once.
  void finish_accepting() {
    if (accepts_nothing_more_ || !take_out_waiting()) return;  // too many for now: again when one has gone
    accepts_nothing_more_ = true;
    if (shared_.parts_drained.fetch_add(1, std::memory_order_acq_rel) + 1 == parts_.size()) shared_.listening.reset();
    shared_.check_drained();
  }

  void place_waiting() {
    while (!waiting_.empty() && place(waiting_.back())) waiting_.pop_back();
  }

  // Takes out what the kernel has accepted; false if there may be more than there is room for.
  bool take_out_waiting() {
    place_waiting();
    while (listener_ != nullptr && !shared_.balance.full()) {
      if (!listener_->accept_next()) listener_.reset();
    }
    return listener_ == nullptr && waiting_.empty();
  }

  void abort() {
    listener_.reset();
    waiting_.clear();
    std::vector<std::string> names;
    connections_.for_each([&names](Connection& connection) {
      if (!connection.running_route().empty()) names.emplace_back(connection.running_route());
      connection.abort();
    });
    answer({}, std::move(names));
  }

  void close() {
    listener_.reset();
    loop_.cancel(*this);
    answer({}, {});
  }

  Shared& shared_;
  std::vector<std::unique_ptr<LoopPart>>& parts_;
  const std::size_t index_;
  runtime::EventLoop& loop_;
  HttpCounters counters_;
  ConnectionContext context_;
  std::unique_ptr<runtime::Listener> listener_;
  std::vector<runtime::Socket> waiting_;  // accepted, and beyond the limit; one, since accepting pauses then
  ConnectionList connections_;
  bool handshakes_over_ = false;
  bool accepts_nothing_more_ = false;
  std::atomic<unsigned> commands_{0};
  std::atomic<std::uint64_t> question_{0};  // visible with the command
  Leaving leaving_{shared_};
};

HttpServer::HttpServer(std::vector<runtime::EventLoop*> loops, const HttpOptions& options,
                       std::shared_ptr<const RouteTable> routes, Gate& gate, runtime::LogSink& log)
    : shared_(std::make_unique<Shared>(std::move(loops), options, std::move(routes), gate, log)) {
  const std::size_t count = shared_->loops.size();
  parts_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) parts_.push_back(std::make_unique<LoopPart>(*shared_, parts_, i));
}

HttpServer::~HttpServer() = default;

// A head that is not complete waits in the transport.
runtime::Result<void> HttpServer::check_limits() const {
  const RequestLimits& limits = shared_->options.limits.request;
  if (limits.line_bytes + limits.fields_bytes + 2 * limits.leading_lines + 4 > runtime::kUnusedBytesMax ||
      shared_->options.limits.connections_max == 0) {
    return runtime::Errc::invalid;
  }
  return {};
}

// Who asks answers, too, when all have been asked: so nothing that follows overtakes it.
template <typename Answered>
void HttpServer::ask(unsigned command, Answered answered) {
  const std::uint64_t question = shared_->ask(parts_.size() + 1, std::move(answered));
  for (const auto& part : parts_) part->ask(static_cast<LoopPart::Command>(command), question);
  shared_->acknowledge(question, {}, {});  // this may be gone
}

runtime::Result<void> HttpServer::start(const runtime::Endpoint& endpoint) {
  if (auto fits = check_limits(); !fits) return fits;
  auto socket = runtime::ListeningSocket::open(endpoint, {});
  if (!socket) return socket.error();
  return start(std::move(*socket));
}

runtime::Result<void> HttpServer::start(runtime::ListeningSocket listening) {
  // Shared with the loop that answers last, which may be inside set_value() still when we go on.
  const auto started = std::make_shared<std::promise<runtime::error_code>>();
  auto answer = started->get_future();
  start(std::move(listening), [started](runtime::error_code failure) { started->set_value(failure); });
  const runtime::error_code error = answer.get();
  if (error.failed()) return error;
  return {};
}

void HttpServer::start(runtime::ListeningSocket listening, std::function<void(runtime::error_code)> on_started) {
  if (auto fits = check_limits(); !fits) return on_started(fits.error());
  local_endpoint_ = listening.local_endpoint();
  shared_->listening = std::move(listening);
  ask(LoopPart::kStart, [this, on_started = std::move(on_started)](const Shared::Answers& answers) mutable {
    if (!answers.error.failed()) return on_started({});
    // Nothing shall accept.
    ask(LoopPart::kAbort,
        [on_started = std::move(on_started), error = answers.error](const Shared::Answers&) { on_started(error); });
  });
}

void HttpServer::drain(std::function<void()> on_drained) {
  shared_->on_drained = std::move(on_drained);
  // Without the filter (some kernels want the superuser for it) a connection that comes in the microseconds between the
  // last look into the queue and its end is reset; nothing else changes.
  if (shared_->listening) static_cast<void>(shared_->listening->refuse_new());
  for (const auto& part : parts_) part->tell(LoopPart::kDrain);
}

std::vector<std::string> HttpServer::abort(runtime::Duration patience) {
  // Shared with a loop that may answer when nobody waits any more.
  const auto aborted = std::make_shared<std::promise<Shared::Answers>>();
  ask(LoopPart::kAbort, [aborted](Shared::Answers answers) { aborted->set_value(std::move(answers)); });
  auto future = aborted->get_future();
  if (future.wait_for(patience) == std::future_status::ready) return future.get().names;
  Shared::Answers answers = shared_->give_up_waiting();
  answers.names.push_back(std::to_string(parts_.size() + 1 - answers.count) + " event loop(s) held by a handler");
  return std::move(answers.names);
}

void HttpServer::abort(std::function<void(std::vector<std::string> running)> on_aborted) {
  ask(LoopPart::kAbort,
      [on_aborted = std::move(on_aborted)](Shared::Answers answers) { on_aborted(std::move(answers.names)); });
}

// In two rounds.  Until it has answered the first, a part may be about to tell another something; a part answers the
// second by a node of its own, signalled once and last, so nothing is on its way to any of them when all have.
void HttpServer::close(std::function<void()> on_closed) {
  ask(LoopPart::kClose, [this, on_closed = std::move(on_closed)](const Shared::Answers&) mutable {
    std::vector<LoopPart*> parts;
    for (const auto& part : parts_) parts.push_back(part.get());
    const std::uint64_t question =
        shared_->ask(parts.size(), [on_closed = std::move(on_closed)](const Shared::Answers&) { on_closed(); });
    for (LoopPart* part : parts) part->leave(question);  // this may be gone after the last
  });
}

HttpStats HttpServer::stats() const noexcept {
  HttpStats sum;
  for (const auto& part : parts_) {
    const HttpCounters& counters = part->counters();
    sum.connections_accepted += counters.connections_accepted.get();
    sum.connections_timed_out += counters.connections_timed_out.get();
    sum.requests_running += counters.requests_running.get();
    for (std::size_t i = 0; i < sum.responses_by_class.size(); ++i) {
      sum.responses_by_class[i] += counters.responses_by_class[i].get();
    }
    sum.responses_shed += counters.responses_shed.get();
    sum.requests_malformed += counters.requests_malformed.get();
  }
  sum.connections_open = shared_->balance.total();
  return sum;
}

std::size_t HttpServer::connections_on(std::size_t loop) const noexcept { return shared_->balance.count(loop); }

}  // namespace fluxor::web
