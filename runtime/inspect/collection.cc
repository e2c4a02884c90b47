#include "runtime/inspect/collection.h"

#include <algorithm>

#include "runtime/base/stack_text.h"
#include "runtime/inspect/tree_reader.h"
#include "runtime/loop/event_loop.h"
#include "runtime/verticle/verticle_counts.h"
#include "runtime/verticle/verticle_system.h"

namespace fluxor::runtime {
namespace {

// Reads a part of the tree on its loop; `incarnation` null: from the root.
class Request final : public ControlNode {
 public:
  Request(std::shared_ptr<Collection> collection, std::shared_ptr<VerticleCounts> counts,
          const Incarnation* incarnation, std::size_t at, std::size_t depth) noexcept
      : collection_(std::move(collection)),
        counts_(std::move(counts)),
        incarnation_(incarnation),
        at_(at),
        depth_(depth) {
    collection_->begin_one();
  }
  ~Request() override {
    if (counted_) counts_->end_request();
    collection_->finish_one();
  }

  // Unless so many wait for that loop that one more would only be one more.
  static void send(Collection& collection, EventLoop& loop, const Incarnation* incarnation, std::size_t at,
                   std::size_t depth) {
    const std::shared_ptr<VerticleCounts>& counts = collection.root().system().counts_of(loop);
    auto request = std::make_unique<Request>(collection.shared_from_this(), counts, incarnation, at, depth);
    if (!request->counted_) return;
    // Its own from now on, if it was taken.
    if (loop.signal(*request)) static_cast<void>(request.release());
  }

 private:
  void on_control() override {
    const std::unique_ptr<Request> self(this);
    if (collection_->over()) return;
    TreeReader reader(*collection_);
    Collection::Part part =
        incarnation_ == nullptr ? reader.read(collection_->root().child()) : reader.read(*incarnation_, depth_);
    collection_->add(at_, std::move(part));
  }
  void on_dropped() noexcept override { delete this; }

  const std::shared_ptr<Collection> collection_;
  const std::shared_ptr<VerticleCounts> counts_;
  const bool counted_ = counts_->begin_request();
  const Incarnation* const incarnation_;
  const std::size_t at_;
  const std::size_t depth_;
};

InspectedLoop inspect_loop(const EventLoop& loop, const VerticleSystem& system, bool worker) {
  InspectedLoop inspected{.id = loop.id(), .worker = worker, .parked = loop.parked()};
  const LoopActivity& activity = loop.activity();
  inspected.stage = activity.stage();
  if (const std::type_info* const handler = activity.handler()) inspected.handler = type_name(*handler);
  if (const char* const label = activity.label()) inspected.label = label;
  inspected.stats = loop.stats();
  const VerticleCounts& counts = *system.counts_of(loop);
  for (std::size_t state = 0; state < inspected.verticles.size(); ++state) {
    inspected.verticles[state] = counts.count(static_cast<VerticleState>(state));
  }
  inspected.abandoned = counts.abandoned();
  return inspected;
}

}  // namespace

Collection::Collection(const Root& root, const InspectOptions& options)
    : root_(root),
      options_(options),
      begun_(root.system().clock().now()),
      entries_left_(std::min(options.entries_max, InspectOptions::kEntriesMost)) {
  items_.push_back({.node = {.verticle = InspectedVerticle{.loop = root.loop().id()}}, .loop = &root.loop()});
}

bool Collection::take_entry() noexcept {
  std::size_t left = entries_left_.load(std::memory_order_relaxed);
  while (left != 0 && !entries_left_.compare_exchange_weak(left, left - 1, std::memory_order_relaxed)) {
  }
  return left != 0;
}

void Collection::begin(std::unique_ptr<Listener> listener, EventLoop* loop) {
  listener_ = std::move(listener);
  loop_ = loop;
  Request::send(*this, root_.loop(), nullptr, 0, 0);
}

bool Collection::over() const {
  const std::lock_guard lock(mutex_);
  return over_;
}

void Collection::add(std::size_t at, Part part) {
  std::size_t base = 0;
  {
    const std::lock_guard lock(mutex_);
    if (over_) return;
    base = items_.size() - 1;  // what was asked for is there already
    // Its name and its place are known from home.
    Item& asked = items_[at];
    Item& answer = part.items.front();
    asked.node.verticle = std::move(answer.node.verticle);
    asked.node.children_count = answer.node.children_count;
    asked.children = std::move(answer.children);
    for (std::size_t& child : asked.children) child += base;
    for (std::size_t i = 1; i < part.items.size(); ++i) {
      for (std::size_t& child : part.items[i].children) child += base;
      items_.push_back(std::move(part.items[i]));
    }
  }
  for (const Away& away : part.away) {
    Request::send(*this, *away.loop, away.incarnation, base + away.at, away.depth);
  }
}

void Collection::begin_one() noexcept {
  const std::lock_guard lock(mutex_);
  ++pending_;
}

void Collection::finish_one() noexcept {
  std::unique_ptr<Listener> listener;
  {
    const std::lock_guard lock(mutex_);
    if (--pending_ != 0 || over_) return;
    over_ = true;
    listener = std::move(listener_);
    finished_.notify_one();
  }
  if (listener != nullptr && loop_->signal(*listener)) static_cast<void>(listener.release());
}

std::unique_ptr<Collection::Listener> Collection::give_up() noexcept {
  const std::lock_guard lock(mutex_);
  over_ = true;
  return std::move(listener_);
}

void Collection::wait() {
  std::unique_lock lock(mutex_);
  finished_.wait_for(lock, options_.timeout, [this] { return over_; });
  over_ = true;
}

Inspection Collection::take() {
  std::vector<Item> items;
  {
    const std::lock_guard lock(mutex_);
    items = std::move(items_);
  }
  const VerticleSystem& system = root_.system();
  Inspection inspection{.taken = begun_,
                        .restarts = system.restarts(),
                        .crashes = system.crashes(),
                        .abandoned = system.abandoned(),
                        .complete = true};
  std::vector<const EventLoop*> loops(system.loops().begin(), system.loops().end());
  if (std::ranges::find(loops, &root_.loop()) == loops.end() &&
      std::ranges::find(system.worker_loops(), &root_.loop()) == system.worker_loops().end()) {
    loops.push_back(&root_.loop());
  }
  const std::size_t workers_from = loops.size();
  loops.insert(loops.end(), system.worker_loops().begin(), system.worker_loops().end());
  for (std::size_t i = 0; i < loops.size(); ++i) {
    InspectedLoop& loop = inspection.loops.emplace_back(inspect_loop(*loops[i], system, i >= workers_from));
    for (std::size_t state = 0; state < loop.verticles.size(); ++state) {
      inspection.verticles[state] += loop.verticles[state];
    }
  }
  for (const Item& item : items) {
    if (!item.node.verticle || item.node.verticle->answered) continue;
    inspection.complete = false;
    ++inspection.loops[static_cast<std::size_t>(std::ranges::find(loops, item.loop) - loops.begin())].unanswered;
  }
  inspection.root = assemble(items, 0);
  inspection.took = system.clock().now() - begun_;
  return inspection;
}

InspectedNode Collection::assemble(std::vector<Item>& items, std::size_t at) {
  InspectedNode node = std::move(items[at].node);
  node.children.reserve(items[at].children.size());
  for (const std::size_t child : items[at].children) node.children.push_back(assemble(items, child));
  return node;
}

}  // namespace fluxor::runtime
