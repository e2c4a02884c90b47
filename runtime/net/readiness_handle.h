#pragma once

#include <cstdint>

namespace fluxor::runtime {

class LaterList;

// A place in a LaterList; null while in none.
struct LaterLink {
  LaterLink* previous = nullptr;
  LaterLink* next = nullptr;
};

// What a ReadinessPoller calls: one per socket.  Inside runtime/net only.
class ReadinessHandle : private LaterLink {
 public:
  ReadinessHandle() = default;
  ReadinessHandle(const ReadinessHandle&) = delete;
  ReadinessHandle& operator=(const ReadinessHandle&) = delete;

  // Bits as epoll's.  The handle may be destroyed inside.
  virtual void on_events(std::uint32_t events) = 0;
  // Asked for by ReadinessPoller::call_later().
  virtual void on_later() = 0;

 protected:
  ~ReadinessHandle() = default;

 private:
  friend class LaterList;
};

// Handles that want a call, first in, first out.  Embedded links, so that asking for one needs no memory: a stream that
// breaks because there is none must be able to say so.
class LaterList {
 public:
  LaterList() { root_.previous = root_.next = &root_; }
  LaterList(const LaterList&) = delete;
  LaterList& operator=(const LaterList&) = delete;
  // Whoever is in it still is in none afterwards.
  ~LaterList() {
    while (!empty()) pop_front();
  }

  bool empty() const noexcept { return root_.next == &root_; }
  static bool holds(const ReadinessHandle& handle) noexcept { return handle.next != nullptr; }

  void push_back(ReadinessHandle& handle) noexcept {
    LaterLink& link = handle;
    link.previous = root_.previous;
    link.next = &root_;
    root_.previous->next = &link;
    root_.previous = &link;
  }
  // Takes it out of whichever list it is in.
  static void remove(ReadinessHandle& handle) noexcept {
    LaterLink& link = handle;
    if (link.next == nullptr) return;
    link.previous->next = link.next;
    link.next->previous = link.previous;
    link.previous = link.next = nullptr;
  }
  ReadinessHandle& pop_front() noexcept {
    auto& first = static_cast<ReadinessHandle&>(*root_.next);
    remove(first);
    return first;
  }
  // Moves all of `other` behind what is here.
  void take_all(LaterList& other) noexcept {
    while (!other.empty()) push_back(other.pop_front());
  }

 private:
  LaterLink root_;
};

}  // namespace fluxor::runtime
