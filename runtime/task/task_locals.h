#pragma once

#include <cstddef>
#include <utility>

namespace fluxor::runtime {

// What a task carries beside its arguments, and hands to the tasks it spawns: an immutable list, shared with them.
//
// Thread:  loop.
// Cost:    to inherit, a count; to look up, a walk over the values set.
class TaskLocals {
 public:
  // One value; derived from per type.
  struct Node {
    Node(const void* of, Node* rest) noexcept : key(of), next(rest) {}
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;
    virtual ~Node() = default;

    const void* const key;
    Node* const next;
    std::size_t users = 1;  // all on one loop
  };

  TaskLocals() = default;
  TaskLocals(const TaskLocals& other) noexcept : first_(other.first_) {
    if (first_ != nullptr) ++first_->users;
  }
  TaskLocals& operator=(TaskLocals other) noexcept {
    std::swap(first_, other.first_);
    return *this;
  }
  ~TaskLocals() { release(); }

  const Node* find(const void* key) const noexcept {
    const Node* node = first_;
    while (node != nullptr && node->key != key) node = node->next;
    return node;
  }
  // Takes over a node that was made with first() as its rest.
  void push(Node* node) noexcept { first_ = node; }
  Node* first() const noexcept { return first_; }

 private:
  void release() noexcept {
    while (first_ != nullptr && --first_->users == 0) {
      Node* const rest = first_->next;
      delete first_;
      first_ = rest;
    }
  }

  Node* first_ = nullptr;
};

}  // namespace fluxor::runtime
