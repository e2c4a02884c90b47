#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/listener.h"
#include "runtime/net/listening_socket.h"
#include "runtime/net/socket.h"
#include "runtime/net/stream.h"

namespace fluxor::runtime {

// A loop's transport: the place where it waits for the kernel, and the maker of its listeners and streams.
//
// epoll and memory are there; io_uring fits behind the same interface, because it speaks of bytes that came, never of
// descriptors that are ready.
//
// Thread:  loop, but for wake().
class Poller {
 public:
  Poller() = default;
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  virtual ~Poller() = default;

  // Waits until something happens, wake() is called, or `timeout` has passed (zero: looks only; kForever: no limit).
  // Tells nobody yet, so that the loop can read its clock between waking up and work.
  static constexpr Duration kForever = Duration::max();
  virtual void wait(Duration timeout) = 0;
  // dispatch() has something to tell already, without the kernel: wait() would return at once, but descriptor() does
  // not show it.
  virtual bool has_pending() const noexcept = 0;
  // Tells handlers what wait() found and what was asked for meanwhile, at most `limit` times; returns how often.  The
  // rest is told at the next call, before the kernel is asked again; so it is when a handler throws, which passes
  // through and closes its stream.
  virtual std::size_t dispatch(std::size_t limit) = 0;
  void dispatch() { dispatch(std::numeric_limits<std::size_t>::max()); }

  // How often a handler was told something since the poller was made.
  virtual std::uint64_t told() const noexcept = 0;

  // Ends a wait(), the one that goes on or the next.  Thread: any.
  virtual void wake() noexcept = 0;

  // Something becomes readable here when the kernel has something for wait(); -1 if there is no such descriptor.  So a
  // loop can park in another reactor, unless has_pending().
  virtual int descriptor() const noexcept = 0;

  // Accepts from `socket`, which must outlive the listener, as `handler` must.
  [[nodiscard]] virtual Result<std::unique_ptr<Listener>> listen(const ListeningSocket& socket,
                                                                 ListenerHandler& handler) = 0;
  [[nodiscard]] virtual std::unique_ptr<Stream> adopt(Socket connection, const StreamOptions& options) = 0;
  // Begins to connect.  The stream tells on_connected(); or on_closed() with the reason, also when the kernel refuses
  // at once (connection_refused, no_such_file_or_directory for a path, resource_unavailable_try_again when as many wait
  // at a path as may).  It has no time-out of its own: whoever has no patience left closes it.
  // Errors:  what the kernel says when there is not even a socket (no descriptor left, a family it does not know).
  [[nodiscard]] virtual Result<std::unique_ptr<Stream>> connect(const Endpoint& to, const StreamOptions& options) = 0;
};

}  // namespace fluxor::runtime
