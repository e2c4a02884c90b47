#include "web/http/connection.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/loop/loop_activity.h"

namespace fluxor::web {
namespace {

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
// More answers than this are not collected before they are written.
constexpr std::size_t kOutputBatchBytes = 64 * 1024;
constexpr Refusal kHeaderTooLate{408, "REQUEST_TIMEOUT", "header_timeout", "the request head did not come in time"};
constexpr Refusal kBodyTooLate{408, "REQUEST_TIMEOUT", "body_timeout", "the request body did not come in time"};

}  // namespace

std::unique_ptr<RequestReader> ConnectionContext::take_reader() {
  if (spare_readers_.empty()) return std::make_unique<RequestReader>(options.limits.request);
  std::unique_ptr<RequestReader> reader = std::move(spare_readers_.back());
  spare_readers_.pop_back();
  return reader;
}

void ConnectionContext::give_back(std::unique_ptr<RequestReader> reader) {
  if (spare_readers_.size() >= kSpareReadersMax) return;
  reader->reset();
  spare_readers_.push_back(std::move(reader));
}

std::string_view ConnectionContext::date_line() {
  if (loop.now() >= date_valid_until_) {
    using std::chrono::seconds;
    const runtime::WallTime wall = loop.clock().wall_now();
    date_valid_until_ = loop.now() + (std::chrono::floor<seconds>(wall) + seconds(1) - wall);
    date_text_ = date_.at(wall);
  }
  return date_text_;
}

Connection::Connection(ConnectionContext& context, ConnectionOwner& owner, std::unique_ptr<runtime::Stream> stream)
    : context_(context), owner_(owner), stream_(std::move(stream)) {}

Connection::~Connection() {
  FLUXOR_CHECK(state_ != State::handling && route_ == nullptr, "a connection outlives the handler that works for it");
  if (reader_ != nullptr) context_.give_back(std::move(reader_));
}

runtime::Result<void> Connection::start() {
  enter(State::idle, context_.draining ? context_.options.timeouts.drain_idle : context_.options.timeouts.header);
  return stream_->start(*this);
}

std::string_view Connection::running_route() const noexcept {
  return route_ == nullptr ? std::string_view() : std::string_view(route_->pattern);
}

std::size_t Connection::on_data(std::span<char> bytes) {
  if (state_ == State::lingering) {
    lingered_bytes_ += static_cast<std::uint32_t>(bytes.size());
    if (lingered_bytes_ > context_.options.limits.linger_bytes) stream_->close();
    return bytes.size();
  }
  return serve({bytes.data(), bytes.size()});
}

// Answers what has come, as far as it is complete; the answers go out in one write.
std::size_t Connection::serve(std::string_view bytes) {
  serving_ = true;
  output().clear();  // an exception may have left another connection's bytes
  std::size_t used = 0;
  std::size_t answered = 0;
  while (used < bytes.size()) {
    if (reader_ == nullptr) reader_ = context_.take_reader();
    const ReadStep read = reader_->read(bytes.substr(used));
    used += read.consumed;
    if (read.state == ReadState::need_header) {
      if (used < bytes.size() && state_ == State::idle) enter(State::header, context_.options.timeouts.header);
      break;
    }
    if (step(read) == Next::stop) break;
    if (read.state == ReadState::complete &&
        (++answered == context_.options.limits.pipeline_batch || context_.output.size() >= kOutputBatchBytes)) {
      if (used == bytes.size()) break;
      // The others first; what is left is shown again.
      stream_->pause_reading();
      stream_->resume_reading();
      break;
    }
  }
  if (reader_ != nullptr && state_ == State::idle) context_.give_back(std::move(reader_));
  send_output();
  serving_ = false;
  return state_ == State::lingering || state_ == State::closed ? bytes.size() : used;
}

Connection::Next Connection::step(const ReadStep& read) {
  switch (read.state) {
    case ReadState::need_header: return Next::stop;
    case ReadState::need_body: return begin_body();
    case ReadState::complete: return answer_request();
    case ReadState::refused: refuse(reader_->refusal()); return Next::stop;
  }
  return Next::stop;
}

// The head is there, the body is not: what can be refused is refused now, before the body is sent.
Connection::Next Connection::begin_body() {
  if (state_ == State::body) {
    enter(State::body, context_.options.timeouts.body);
    return Next::go_on;
  }
  enter(State::body, context_.options.timeouts.body);
  Request& request = reader_->request();
  const RouteTable::Match match = context_.routes.match(request);
  if (match.route != nullptr && match.route->admission == Admission::gated) {
    permit_ = context_.gate.try_enter();
    if (!permit_) {
      return finish_response(shed(), nullptr, Kind::shed);
    }
  }
  if (request.expects_continue()) {
    if (match.answer) return finish_response(*match.answer, nullptr);
    output().append(kContinue);
  }
  return Next::go_on;
}

Connection::Next Connection::answer_request() {
  Request& request = reader_->request();
  const RouteTable::Match match = context_.routes.match(request);
  if (match.route == nullptr) return finish_response(*match.answer, &request);
  std::optional<Permit> permit = std::exchange(permit_, std::nullopt);
  if (!permit && match.route->admission == Admission::gated) {
    permit = context_.gate.try_enter();
    if (!permit) return finish_response(shed(), &request, Kind::shed);
  }
  return run(*match.route, std::move(permit));
}

Connection::Next Connection::run(const RouteEntry& route, std::optional<Permit> permit) {
  // For whoever finds the loop held by the handler.
  const runtime::ActivityLabel label(context_.loop.activity(), route.pattern.c_str());
  Request& request = reader_->request();
  context_.counters.requests_running.add();
  if (const Handler::Plain* plain = route.handler.plain()) {
    const Response response = call(*plain, request);
    context_.counters.requests_running.subtract();
    permit.reset();
    return finish_response(response, &request);
  }
  // The coroutine may outlive the bytes of this read.
  request.own();
  route_ = &route;
  permit_ = std::move(permit);
  enter(State::handling, runtime::Duration::max());
  try {
    runtime::start((*route.handler.coroutine())(request),
                   [this](runtime::Outcome<Response> outcome) { handler_ended(std::move(outcome)); },
                   route.pattern.c_str());
  } catch (...) {  // no memory for its frame, or it threw before it was one
    runtime::Outcome<Response> failed;
    failed.set_failure(std::current_exception());
    handler_ended(std::move(failed));
  }
  if (state_ == State::idle) return Next::go_on;  // it did not have to wait
  if (state_ == State::handling) stream_->pause_reading();
  return Next::stop;
}

// What it throws is a 500 of this request alone.
Response Connection::call(const Handler::Plain& handler, Request& request) noexcept {
  try {
    return handler(request);
  } catch (...) {
    return internal_error();
  }
}

void Connection::handler_ended(runtime::Outcome<Response> outcome) {
  context_.counters.requests_running.subtract();
  route_ = nullptr;
  permit_.reset();
  if (state_ == State::closed) {  // the client has gone
    done_if_over();
    return;
  }
  const Response response = outcome.has_value() ? outcome.take() : internal_error();
  if (!serving_) output().clear();
  finish_response(response, &reader_->request());
  if (serving_) return;
  if (state_ == State::idle) context_.give_back(std::move(reader_));
  send_output();
  if (state_ == State::idle) stream_->resume_reading();
}

// Writes the response into the output.  `request` is null when its body did not come: then the connection closes.
Connection::Next Connection::finish_response(const Response& response, const Request* request, Kind kind) {
  const bool keep = request != nullptr && request->keep_alive() && !context_.draining;
  ResponseContext how;
  how.date_line = context_.date_line();
  how.to_head = request != nullptr && request->method() == Method::head;
  if (!keep) {
    how.persistence = Persistence::close;
  } else if (request->version_minor() == 0) {
    how.persistence = Persistence::keep_alive;
  }
  response.serialize_to(output(), how);
  if (kind == Kind::shed) {
    context_.counters.responses_shed.add();
  } else {
    const int status = response.valid() ? response.status() : 500;
    context_.counters.responses_by_class[static_cast<std::size_t>(status / 100)].add();
  }
  permit_.reset();
  if (!keep) {
    enter(State::lingering, context_.options.timeouts.linger);
    return Next::stop;
  }
  reader_->reset();
  enter(State::idle, context_.options.timeouts.keep_alive);
  return Next::go_on;
}

void Connection::refuse(const Refusal& refusal) {
  context_.counters.requests_malformed.add();
  finish_response(Response::error(refusal.status, refusal.code, refusal.error, refusal.message), nullptr);
}

void Connection::send_output() {
  OutputBuffer& out = output();
  if (!out.empty()) {
    const bool congested = stream_->write(out.view()) == runtime::WriteState::congested;
    out.clear();
    if (congested && state_ != State::lingering) {
      // No further request before the client has taken what it asked for.
      stream_->pause_reading();
      if (state_ == State::idle) watch_sending(State::sending);
    }
  }
  if (state_ != State::lingering) return;
  stream_->finish();
  if (stream_->unsent_bytes() != 0) watch_sending(State::lingering);
}

void Connection::watch_sending(State state) {
  unsent_seen_ = stream_->unsent_bytes();
  enter(state, context_.options.timeouts.write);
}

void Connection::on_drained() {
  if (state_ != State::sending) return;
  enter(State::idle, context_.draining ? context_.options.timeouts.drain_idle : context_.options.timeouts.keep_alive);
  stream_->resume_reading();
}

void Connection::on_end() {
  // Not while a handler works: then nothing is read, and who ends his half after the request still gets the answer.
  if (stream_->unsent_bytes() == 0) return stream_->close();
  state_ = State::lingering;
  send_output();
}

void Connection::on_closed(runtime::error_code) {
  state_ = State::closed;
  context_.loop.cancel(*this);
  done_if_over();
}

void Connection::done_if_over() {
  if (state_ != State::closed || route_ != nullptr || std::exchange(done_told_, true)) return;
  owner_.on_done(*this);
}

void Connection::drain() {
  if (state_ == State::idle) enter(State::idle, context_.options.timeouts.drain_idle);
}

void Connection::abort() { stream_->close(); }

void Connection::enter(State state, runtime::Duration timeout) {
  state_ = state;
  if (timeout == runtime::Duration::max()) {
    deadline_ = runtime::kNever;
    return;
  }
  deadline_ = context_.loop.now() + timeout;
  // Armed too early is good enough: on_timer() looks again.  So a request costs no work on the wheel.
  if (!armed() || Timer::deadline() > deadline_) context_.loop.arm(*this, deadline_);
}

void Connection::on_timer() {
  if (deadline_ == runtime::kNever) return;
  if (context_.loop.now() < deadline_) {
    context_.loop.arm(*this, deadline_);
    return;
  }
  time_out();
}

void Connection::time_out() {
  switch (state_) {
    case State::header:
    case State::body:
      context_.counters.connections_timed_out.add();
      output().clear();
      refuse(state_ == State::header ? kHeaderTooLate : kBodyTooLate);
      send_output();
      return;
    case State::sending:
    case State::lingering:
      if (stream_->unsent_bytes() < unsent_seen_) return watch_sending(state_);  // slow, but it moves
      if (stream_->unsent_bytes() != 0) context_.counters.connections_timed_out.add();
      return stream_->close();
    case State::idle: context_.counters.connections_timed_out.add(); return stream_->close();
    case State::handling:
    case State::closed: return;
  }
}

Response Connection::internal_error() {
  return Response::error(500, "INTERNAL", "internal error", "the request failed inside this server");
}

Response Connection::shed() {
  return Response::error(503, "BACKPRESSURE", "capacity_exceeded", "this server is at capacity: try again shortly")
      .set("retry-after", "1");
}

ConnectionList::~ConnectionList() {
  while (first_ != nullptr) destroy(*first_);
}

void ConnectionList::add(std::unique_ptr<Connection> connection) noexcept {
  connection->next_ = first_;
  if (first_ != nullptr) first_->previous_ = connection.get();
  first_ = connection.release();
}

void ConnectionList::destroy(Connection& connection) noexcept {
  (connection.previous_ == nullptr ? first_ : connection.previous_->next_) = connection.next_;
  if (connection.next_ != nullptr) connection.next_->previous_ = connection.previous_;
  delete &connection;
}

}  // namespace fluxor::web
