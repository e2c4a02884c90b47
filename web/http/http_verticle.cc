#include "web/http/http_verticle.h"

#include <array>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "runtime/task/cancelled.h"
#include "runtime/task/notification.h"
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

// The loops let go of it, and then it goes.
void close_and_destroy(std::unique_ptr<HttpServer> server, std::shared_ptr<void> keeps) {
  HttpServer* const closing = server.release();
  closing->close([closing, keeps = std::move(keeps)] { delete closing; });
}

}  // namespace

// The end of the last connection.  It is told on whatever loop that was on, perhaps when the verticle is no more.
struct HttpVerticle::Draining {
  explicit Draining(runtime::EventLoop& loop) noexcept : drained(loop) {}

  runtime::Notification drained;
  std::mutex mutex;  // a leaf
  bool done = false;
  std::unique_ptr<HttpServer> left;  // by a verticle that could not wait
};

void HttpVerticle::drain() {
  draining_ = std::make_shared<Draining>(context_->loop());
  server_->drain([draining = draining_] {
    const std::shared_ptr<Draining> self = draining;
    std::unique_ptr<HttpServer> left;
    {
      const std::lock_guard lock(self->mutex);
      self->done = true;
      left = std::move(self->left);
      if (left == nullptr) self->drained.notify();
    }
    if (left != nullptr) close_and_destroy(std::move(left), self);
  });
}

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
    drain();
    co_await draining_->drained.wait();
  } catch (const runtime::Cancelled&) {
    in_time = false;
  }
  if (!in_time) co_await runtime::shield(kCutOffPatience, &HttpVerticle::cut_off, this);
  if (draining_->drained.notified()) co_await runtime::shield(kCutOffPatience, &HttpVerticle::close, this);
}

// Ends what the drain could not, and names it.
runtime::Task<> HttpVerticle::cut_off(HttpVerticle* self) {
  HttpServer& server = *self->server_;
  runtime::EventLoop& loop = self->context_->loop();
  const std::string connections = std::to_string(server.stats().connections_open);
  if (self->draining_ == nullptr) self->drain();
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
  co_await self->draining_->drained.wait();
}

runtime::Task<> HttpVerticle::close(HttpVerticle* self) {
  auto closed = std::make_unique<runtime::Notification>(self->context_->loop());
  // Not by reference to what is ours: a held loop calls this when we have gone.
  self->server_->close([told = closed.get()] { told->notify(); });
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
  // A crash, or handlers that do not end: the loops still use the server, which takes nothing new, and goes with the
  // last of them.
  if (draining_ == nullptr) drain();
  HttpServer& server = *server_;
  const std::shared_ptr<Draining> draining = std::move(draining_);
  std::unique_lock lock(draining->mutex);
  if (draining->done) {
    lock.unlock();
    close_and_destroy(std::move(server_), draining);
    return;
  }
  draining->left = std::move(server_);
  server.abort([](const std::vector<std::string>&) {});  // under the lock: it cannot go before it is told
}

}  // namespace fluxor::web
