#pragma once

#include <cstdint>

namespace fluxor::runtime {

// What an EpollPoller calls: one per descriptor.  Inside runtime/net only.
class EpollHandle {
 public:
  // The kernel's event bits.  The handle may be destroyed inside.
  virtual void on_events(std::uint32_t events) = 0;
  // Asked for by EpollPoller::call_later().
  virtual void on_later() = 0;

 protected:
  ~EpollHandle() = default;

 private:
  friend class EpollPoller;
  bool called_later_ = false;
};

}  // namespace fluxor::runtime
