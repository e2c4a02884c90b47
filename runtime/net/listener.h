#pragma once

#include "runtime/base/result.h"
#include "runtime/net/socket.h"

namespace fluxor::runtime {

// Told about new connections.  Thread: loop.
class ListenerHandler {
 public:
  // A connection, not yet on any loop: Poller::adopt() of the loop that shall have it makes it a Stream.
  virtual void on_accept(Socket connection) = 0;
  // The kernel could not give us one, or not watch for them again (no descriptor or no memory left).  The listener has
  // paused itself, or is paused still.
  virtual void on_accept_failed(error_code reason) = 0;

 protected:
  ~ListenerHandler() = default;
};

// One loop's share in a listening socket.
//
// Thread:  loop.
// Owns:    its place in the poller, not the listening socket.  Destroying it ends accepting on this loop.
class Listener {
 public:
  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  virtual ~Listener() = default;

  // While paused, connections wait in the kernel's queue, or another loop takes them; it hears of one that this loop
  // was told of and did not take.
  virtual void pause() = 0;
  // What prevents it is told by on_accept_failed(), later.
  virtual void resume() = 0;
  // Takes out, now, the next connection that the kernel has accepted, paused or not; false if there is none.
  virtual bool accept_next() = 0;
};

}  // namespace fluxor::runtime
