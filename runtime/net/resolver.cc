#include "runtime/net/resolver.h"

#include <boost/asio/error.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/system_error.hpp>
#include <coroutine>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/loop/event_loop.h"
#include "runtime/task/wait.h"

namespace fluxor::runtime {
namespace {

namespace asio = boost::asio;
using Results = asio::ip::tcp::resolver::results_type;

constexpr std::size_t kNameMaxBytes = 253;  // of DNS

// What a loop counts; it lives in the loop's io_context.
class Lookups final : public asio::execution_context::service {
 public:
  using key_type = Lookups;
  static inline asio::execution_context::id id;

  explicit Lookups(asio::execution_context& context) : service(context) {}

  std::size_t waiting = 0;

 private:
  void shutdown() override {}
};

// One lookup, from its start to the moment when its task goes on.
class Lookup final : private Wait {
 public:
  Lookup(EventLoop& loop, std::string host, std::uint16_t port)
      : lookups_(asio::use_service<Lookups>(loop.io_context())),
        resolver_(loop.io_context()),
        host_(std::move(host)),
        port_(std::to_string(port)) {}

  bool await_ready() const noexcept { return false; }
  template <TaskPromise P>
  bool await_suspend(std::coroutine_handle<P> awaiting) {
    if (awaiting.promise().task().cancelled()) return suspend(awaiting);
    // No flag that leaves out a family for which this machine has no address now.
    constexpr auto kFlags = asio::ip::resolver_base::numeric_service;
    link_ = std::make_shared<Link>(lookups_, this);
    resolver_.async_resolve(host_, port_, kFlags, Handler(link_));
    return suspend(awaiting);
  }
  Result<Results> await_resume() {
    if (result_) return std::move(*result_);
    if (link_ == nullptr) throw_if_interrupted();
    return interruption();
  }

 private:
  // Between the task and the thread that looks up, which cannot be stopped: a task that is told to stop goes on without
  // it.
  struct Link {
    Link(Lookups& all, Lookup* waiting) noexcept : lookups(all), lookup(waiting) { ++lookups.waiting; }
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    ~Link() { --lookups.waiting; }

    Lookups& lookups;
    Lookup* lookup;
  };

  // Tells the task exactly once: what came of it, or, when Asio drops it because the loop has ended, that nothing did.
  class Handler {
   public:
    explicit Handler(std::shared_ptr<Link> link) noexcept : link_(std::move(link)) {}
    Handler(Handler&&) = default;
    Handler& operator=(Handler&&) = delete;
    ~Handler() {
      if (link_ != nullptr) tell(make_error_code(Errc::cancelled));
    }
    void operator()(const error_code& error, const Results& results) { error ? tell(error) : tell(results); }

   private:
    void tell(Result<Results> result) noexcept {
      const std::shared_ptr<Link> link = std::move(link_);
      // It could not be started, and the task hears of that by an exception; or the task was told to stop.
      if (link->lookup == nullptr || !link->lookup->begun()) return;
      Lookup& lookup = *std::exchange(link->lookup, nullptr);
      lookup.result_.emplace(std::move(result));
      lookup.resume_now();
    }

    std::shared_ptr<Link> link_;
  };

  Ends on_cancel() noexcept override {
    link_->lookup = nullptr;
    resolver_.cancel();
    return Ends::yes;
  }
  const char* what() const noexcept override { return "a name to be looked up"; }

  Lookups& lookups_;
  asio::ip::tcp::resolver resolver_;
  const std::string host_;
  const std::string port_;
  std::shared_ptr<Link> link_;
  std::optional<Result<Results>> result_;
};

error_code translated(const error_code& error) noexcept {
  if (error == asio::error::host_not_found || error == asio::error::no_data) return Errc::not_found;
  if (error == asio::error::host_not_found_try_again) return Errc::try_again;
  return error;
}

Endpoint endpoint_of(const asio::ip::tcp::endpoint& found) noexcept {
  sockaddr_storage native{};
  std::memcpy(&native, found.data(), found.size());
  return Endpoint::from_native(native, static_cast<socklen_t>(found.size()));
}

}  // namespace

Task<Result<std::vector<Endpoint>>> resolve(std::string host, std::uint16_t port) {
  if (host.empty() || host.size() > kNameMaxBytes || host.find('\0') != std::string::npos) co_return Errc::invalid;
  if (const Result<Endpoint> literal = Endpoint::parse(host, port)) co_return std::vector{*literal};
  EventLoop* const loop = EventLoop::current();
  FLUXOR_CHECK(loop != nullptr, "a name is resolved on an event loop");
  if (asio::use_service<Lookups>(loop->io_context()).waiting >= kLookupsMax) co_return Errc::overloaded;
  try {
    const Result<Results> found = co_await Lookup(*loop, std::move(host), port);
    if (!found) co_return translated(found.error());
    std::vector<Endpoint> endpoints;
    for (const auto& entry : *found) endpoints.push_back(endpoint_of(entry.endpoint()));
    if (endpoints.empty()) co_return Errc::not_found;
    co_return endpoints;
  } catch (const boost::system::system_error& error) {
    co_return error.code();  // there is no thread to be had
  }
}

}  // namespace fluxor::runtime
