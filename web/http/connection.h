#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/loop/event_loop.h"
#include "runtime/loop/timer_wheel.h"
#include "runtime/net/stream.h"
#include "runtime/task/task.h"
#include "web/admission/gate.h"
#include "web/http/date.h"
#include "web/http/http_options.h"
#include "web/http/http_stats.h"
#include "web/http/output_buffer.h"
#include "web/http/request_reader.h"
#include "web/http/response.h"
#include "web/router/handler.h"
#include "web/router/route_table.h"

namespace fluxor::web {

class Connection;

// What the connections of one loop share: routes, gate, counters, and the buffers that only a connection at work needs.
//
// Thread:  loop.
// Owns:    spare readers and the output buffer.  What it refers to must outlive it.
class ConnectionContext {
 public:
  ConnectionContext(runtime::EventLoop& loop, const HttpOptions& options, const RouteTable& routes, Gate& gate,
                    HttpCounters& counters)
      : loop(loop), options(options), routes(routes), gate(gate), counters(counters) {}

  // A reader from the spare ones, or a new one.
  std::unique_ptr<RequestReader> take_reader();
  void give_back(std::unique_ptr<RequestReader> reader);
  // The date line of this second; the calendar is looked at once a second.
  std::string_view date_line();

  runtime::EventLoop& loop;
  const HttpOptions& options;
  const RouteTable& routes;
  Gate& gate;
  HttpCounters& counters;
  OutputBuffer output;       // answers to the bytes that are being read right now
  OutputBuffer late_output;  // an answer that comes at another time, possibly in the midst of the above
  bool draining = false;     // every response is its connection's last

 private:
  static constexpr std::size_t kSpareReadersMax = 64;
  std::vector<std::unique_ptr<RequestReader>> spare_readers_;
  DateLine date_;
  std::string_view date_text_;
  runtime::Instant date_valid_until_{};
};

// Told when a connection is done and can be destroyed.  Thread: loop.
class ConnectionOwner {
 public:
  virtual void on_done(Connection& connection) = 0;

 protected:
  ~ConnectionOwner() = default;
};

// One HTTP/1.1 connection, from its first byte to its last.
//
//   bytes ─► reader ─► route ─► gate ─► handler ─► output ─► stream        requests are answered one after another, in
//                                                                         order; the answers of one read go out in one
//                                                                         write
//
// A connection that waits owns no buffer and no reader.  While a coroutine answers, nothing is read: the kernel's
// buffer fills, and then the client waits.  After a response that closes, our half is ended and what still comes is
// thrown away for a moment, so that the client reads the response instead of a reset.
//
// Thread:  loop.
// Owns:    its stream, and the request a coroutine works on.  It must not be destroyed before it said on_done().
class Connection final : private runtime::StreamHandler, private runtime::Timer {
 public:
  Connection(ConnectionContext& context, ConnectionOwner& owner, std::unique_ptr<runtime::Stream> stream);
  ~Connection();

  // Begins to read.  Errors: what the kernel says; then it can be destroyed at once.
  runtime::Result<void> start();
  // The server drains: gives an idle connection a last moment, and lets a busy one end with its response.
  void drain();
  // Ends it now, whatever it does.  on_done() follows, as soon as no handler runs.
  void abort();

  // The pattern of the route whose handler runs here; empty if none does.
  std::string_view running_route() const noexcept;

 private:
  friend class ConnectionList;

  enum class State : std::uint8_t {
    idle,       // between requests
    header,     // some bytes of a head have come
    body,       // the head has come
    handling,   // a coroutine answers
    sending,    // the client takes our answers too slowly
    lingering,  // our last word is said
    closed,
  };
  enum class Next : bool { go_on, stop };

  std::size_t on_data(std::span<char> bytes) override;
  void on_end() override;
  void on_drained() override;
  void on_closed(runtime::error_code reason) override;
  void on_timer() override;

  std::size_t serve(std::string_view bytes);
  Next step(const ReadStep& step);
  Next begin_body();
  Next answer_request();
  Next run(const RouteEntry& route, std::optional<Permit> permit);
  enum class Kind : bool { answer, shed };
  Next finish_response(const Response& response, const Request* request, Kind kind = Kind::answer);
  OutputBuffer& output() noexcept { return serving_ ? context_.output : context_.late_output; }
  void refuse(const Refusal& refusal);
  void handler_ended(runtime::Outcome<Response> outcome);
  void send_output();
  void watch_sending(State state);
  void enter(State state, runtime::Duration timeout);
  void time_out();
  void done_if_over();
  static Response call(const Handler::Plain& handler, Request& request) noexcept;
  static Response internal_error();
  static Response shed();

  ConnectionContext& context_;
  ConnectionOwner& owner_;
  std::unique_ptr<runtime::Stream> stream_;
  std::unique_ptr<RequestReader> reader_;  // while a request is being read or answered
  const RouteEntry* route_ = nullptr;      // while its coroutine runs
  std::optional<Permit> permit_;           // of the request whose body is read or whose coroutine runs
  runtime::Instant deadline_{};            // of the state; the timer may be armed earlier, and is then armed again
  Connection* previous_ = nullptr;         // in ConnectionList
  Connection* next_ = nullptr;
  std::size_t unsent_seen_ = 0;  // when the timer was last armed for it
  std::uint32_t lingered_bytes_ = 0;
  State state_ = State::idle;
  bool serving_ = false;  // inside serve(): answers are collected
  bool done_told_ = false;
};

// The connections of a loop.  Thread: loop.  Owns: the connections in it.
class ConnectionList {
 public:
  ConnectionList() = default;
  ConnectionList(const ConnectionList&) = delete;
  ConnectionList& operator=(const ConnectionList&) = delete;
  ~ConnectionList();

  void add(std::unique_ptr<Connection> connection) noexcept;
  void destroy(Connection& connection) noexcept;
  bool empty() const noexcept { return first_ == nullptr; }
  // `visit` may not add or destroy.
  template <typename Visit>
  void for_each(Visit&& visit) {
    for (Connection* connection = first_; connection != nullptr;) {
      Connection* const next = connection->next_;
      visit(*connection);
      connection = next;
    }
  }

 private:
  Connection* first_ = nullptr;
};

}  // namespace fluxor::web
