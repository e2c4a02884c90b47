#include "web/http/http_verticle.h"

#include <array>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "runtime/task/cancelled.h"
#include "runtime/task/shield.h"
#include "runtime/task/sleep.h"
#include "runtime/verticle/verticle_system.h"

namespace fluxor::web {
namespace {

// How long the loops may take to close what is left; less than what a cancelled verticle has.
constexpr runtime::Duration kCutOffPatience = std::chrono::milliseconds(300);

// What a loop tells us, on whatever thread it is; both sides hold it, since we may not wait to the end.
template <typename T>
struct Told {
  explicit Told(runtime::EventLoop& loop) noexcept : notification(loop) {}
  runtime::Notification notification;
  T value{};
};

}  // namespace

runtime::Task<> HttpVerticle::start(runtime::Context& context) {
  context_ = &context;
  auto listening = parts_.listen();
  if (!listening) throw boost::system::system_error(listening.error());
  server_ = std::make_unique<HttpServer>(parts_.loops, parts_.options, parts_.routes, parts_.gate, parts_.log);
  // Not to be cut short: the loops hold what they are told to begin with.
  const auto begin = [](HttpServer* server, runtime::ListeningSocket socket,
                        runtime::EventLoop* loop) -> runtime::Task<runtime::error_code> {
    Told<runtime::error_code> started(*loop);
    server->start(std::move(socket), [&started](runtime::error_code error) {
      started.value = error;
      started.notification.notify();
    });
    co_await started.notification.wait();
    co_return started.value;
  };
  const runtime::error_code error =
      co_await runtime::shield(runtime::Duration::max(), begin, server_.get(), std::move(*listening), &context.loop());
  if (error.failed()) throw boost::system::system_error(error);
  closed_ = false;
  if (parts_.on_serving) parts_.on_serving(*server_);
}

runtime::Task<> HttpVerticle::stop() {
  if (parts_.on_draining) parts_.on_draining();
  bool in_time = true;
  try {
    if (parts_.drain_delay > runtime::Duration::zero()) co_await runtime::sleep_for(parts_.drain_delay);
    drained_ = std::make_unique<runtime::Notification>(context_->loop());
    server_->drain([drained = drained_.get()] { drained->notify(); });
    co_await drained_->wait();
  } catch (const runtime::Cancelled&) {
    in_time = false;
  }
  if (!in_time) co_await runtime::shield(kCutOffPatience, &HttpVerticle::cut_off, this);
  if (drained_->notified()) co_await runtime::shield(kCutOffPatience, &HttpVerticle::close, this);
}

// Ends what the drain could not, and names it.
runtime::Task<> HttpVerticle::cut_off(HttpVerticle* self) {
  HttpServer& server = *self->server_;
  runtime::EventLoop& loop = self->context_->loop();
  const std::string connections = std::to_string(server.stats().connections_open);
  if (self->drained_ == nullptr) {
    self->drained_ = std::make_unique<runtime::Notification>(loop);
    server.drain([drained = self->drained_.get()] { drained->notify(); });
  }
  // A loop that is held may answer when nobody waits any more, so it is left to it.
  auto* const aborted = new Told<std::vector<std::string>>(loop);
  server.abort([aborted](std::vector<std::string> running) {
    aborted->value = std::move(running);
    aborted->notification.notify();
  });
  std::string handlers;
  try {
    co_await aborted->notification.wait();
    for (const std::string& name : aborted->value) handlers += (handlers.empty() ? "" : ", ") + name;
    delete aborted;
  } catch (const runtime::Cancelled&) {
    handlers = "of an event loop that is held";
  }
  if (handlers.empty()) handlers = "none";
  const std::array<runtime::LogField, 2> fields{{{"connections", connections}, {"handlers", handlers}}};
  self->parts_.log.write(runtime::Severity::error, "ended with requests unanswered", fields);
  self->context_->system().note_hold_out("HTTP server: connections " + connections + ", handlers " + handlers);
  co_await self->drained_->wait();
}

runtime::Task<> HttpVerticle::close(HttpVerticle* self) {
  auto closed = std::make_unique<runtime::Notification>(self->context_->loop());
  self->server_->close([&closed] { closed->notify(); });
  try {
    co_await closed->wait();
  } catch (const runtime::Cancelled&) {
    static_cast<void>(closed.release());  // a held loop will still tell it
    throw;
  }
  self->closed_ = true;
}

HttpVerticle::~HttpVerticle() {
  if (server_ != nullptr && parts_.on_ended) parts_.on_ended();
  if (closed_) return;
  // A crash, or handlers that do not end: the loops still use the server, so it stays.  It takes nothing new.
  HttpServer& left = *server_.release();
  static_cast<void>(drained_.release());
  left.abort([](const std::vector<std::string>&) {});
}

}  // namespace fluxor::web
