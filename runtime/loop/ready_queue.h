#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "runtime/base/clock.h"

namespace fluxor::runtime {

class ReadyQueue;

// Something that is to run soon on its own loop: a coroutine to resume, a call to make once the stack is clean.  It
// embeds its place in the queue.
//
// Thread:  loop.
// Owns:    whoever derives from it; destroying a queued node takes it out.
class ReadyNode {
 public:
  ReadyNode() = default;
  ReadyNode(const ReadyNode&) = delete;
  ReadyNode& operator=(const ReadyNode&) = delete;
  virtual ~ReadyNode();

  bool queued() const noexcept { return queue_ != nullptr; }

 protected:
  // It is no longer queued: it may be queued again here, or destroyed.
  virtual void on_ready() = 0;

 private:
  friend class ReadyQueue;
  ReadyQueue* queue_ = nullptr;
  ReadyNode* previous_ = nullptr;
  ReadyNode* next_ = nullptr;
};

// First in, first out, of nodes that their owners embed.
//
// Thread:  loop.  Cost: a few stores to queue; no allocation; bounded by the nodes there are.
class ReadyQueue {
 public:
  ReadyQueue() = default;
  ReadyQueue(const ReadyQueue&) = delete;
  ReadyQueue& operator=(const ReadyQueue&) = delete;
  ~ReadyQueue() {
    while (first_ != nullptr) remove(*first_);
  }

  // Queues the node, unless it is queued already; `now` is kept for one node in kMarkedOneIn, see run().
  void push(ReadyNode& node, Instant now) noexcept {
    if (node.queue_ != nullptr) return;
    if (++pushed_ % kMarkedOneIn == 0 && marked_ == nullptr) {
      marked_ = &node;
      marked_since_ = now;
    }
    node.queue_ = this;
    node.previous_ = last_;
    (last_ == nullptr ? first_ : last_->next_) = &node;
    last_ = &node;
    ++size_;
  }

  void remove(ReadyNode& node) noexcept {
    if (node.queue_ == nullptr) return;
    (node.previous_ == nullptr ? first_ : node.previous_->next_) = node.next_;
    (node.next_ == nullptr ? last_ : node.next_->previous_) = node.previous_;
    node.queue_ = nullptr;
    node.previous_ = nullptr;
    node.next_ = nullptr;
    --size_;
    if (marked_ == &node) marked_ = nullptr;
  }

  bool empty() const noexcept { return first_ == nullptr; }
  std::size_t size() const noexcept { return size_; }
  // How many have run since the queue was made.
  std::uint64_t ran() const noexcept { return ran_; }

  // Runs at most `limit` of them, in order; returns how many.  `before(node, since)` is called before each, with the
  // time it was queued at if that was kept.  What one throws passes through, the rest stays queued.
  template <typename Before>
  std::size_t run(std::size_t limit, Before&& before) {
    std::size_t count = 0;
    while (count < limit && first_ != nullptr) {
      ReadyNode& node = *first_;
      const std::optional<Instant> since = marked_ == &node ? std::optional(marked_since_) : std::nullopt;
      remove(node);
      ++ran_;
      ++count;
      before(node, since);
      node.on_ready();
    }
    return count;
  }

 private:
  static constexpr std::uint64_t kMarkedOneIn = 64;

  ReadyNode* first_ = nullptr;
  ReadyNode* last_ = nullptr;
  std::size_t size_ = 0;
  std::uint64_t ran_ = 0;
  std::uint64_t pushed_ = 0;
  ReadyNode* marked_ = nullptr;
  Instant marked_since_;
};

inline ReadyNode::~ReadyNode() {
  if (queue_ != nullptr) queue_->remove(*this);
}

}  // namespace fluxor::runtime
