#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/inspect/inspect.h"
#include "runtime/inspect/inspection.h"
#include "runtime/loop/control_lane.h"

namespace fluxor::runtime {

class EventLoop;
class Incarnation;

// What has been heard of an inspection so far.  Inside runtime/inspect only.
//
// A verticle is asked by a request to its loop, which the loop of its supervisor, its home, signals.  Home has a
// pointer to the incarnation exactly until it has signalled the loop to free it, and a control lane runs in order what
// one thread has pushed: so the incarnation is there when the request comes to it, however late that is.
//
// Thread:  any.  The lock is a leaf: it is held while nodes are moved in and out.
// Owns:    shared by who asks and by the requests on their way: who asks may have gone when the last one comes back.
class Collection : public std::enable_shared_from_this<Collection> {
 public:
  // Told on its loop, once, when the last answer is there, unless that is too late.
  class Listener : public ControlNode {
   private:
    void on_dropped() noexcept final { delete this; }
  };
  struct Item {
    InspectedNode node;
    const EventLoop* loop = nullptr;  // of a verticle
    std::vector<std::size_t> children{};
  };
  // A verticle on another loop.
  struct Away {
    std::size_t at = 0;  // its item
    std::size_t depth = 0;
    const Incarnation* incarnation = nullptr;
    EventLoop* loop = nullptr;
  };
  // What one unit of a loop has read: of items[0] what was asked for, and what is below that.
  struct Part {
    std::vector<Item> items;
    std::vector<Away> away;
  };

  Collection(const Root& root, const InspectOptions& options);

  const InspectOptions& options() const noexcept { return options_; }
  const Root& root() const noexcept { return root_; }
  // One more entry is listed; false if there are too many.
  bool take_entry() noexcept;

  // Asks the root.  `listener` lives on `loop`; null: only wait() waits.
  void begin(std::unique_ptr<Listener> listener, EventLoop* loop);
  // Whether nobody waits any more.
  bool over() const;
  void add(std::size_t at, Part part);
  // A request is made; it is done, or its loop has ended.
  void begin_one() noexcept;
  void finish_one() noexcept;

  // Nobody waits any more: the listener, unless it has been signalled.
  std::unique_ptr<Listener> give_up() noexcept;
  // Until all have answered, or the time is over.  Thread: none of a loop.
  void wait();
  // Once.
  Inspection take();

 private:
  static InspectedNode assemble(std::vector<Item>& items, std::size_t at);

  const Root& root_;
  const InspectOptions options_;
  const Instant begun_;
  std::atomic<std::size_t> entries_left_;
  EventLoop* loop_ = nullptr;  // the listener's

  mutable std::mutex mutex_;
  std::condition_variable finished_;
  std::unique_ptr<Listener> listener_;
  std::vector<Item> items_;
  std::size_t pending_ = 0;  // requests
  bool over_ = false;
};

}  // namespace fluxor::runtime
