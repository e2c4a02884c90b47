#pragma once

#include <utility>

namespace fluxor::runtime {

// Lets a member function find out whether a call it made destroyed its own object.  Inside runtime/net only.
//
// The object has a mark; a function that calls out puts a Watch on its stack and asks it afterwards.  Watches nest.
class DestructionMark {
 public:
  DestructionMark() = default;
  DestructionMark(const DestructionMark&) = delete;
  DestructionMark& operator=(const DestructionMark&) = delete;
  ~DestructionMark() {
    if (innermost_ != nullptr) *innermost_ = true;
  }

  class Watch {
   public:
    explicit Watch(DestructionMark& mark) noexcept : mark_(mark), outer_(std::exchange(mark.innermost_, &destroyed_)) {}
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() {
      if (!destroyed_) {
        mark_.innermost_ = outer_;
      } else if (outer_ != nullptr) {
        *outer_ = true;
      }
    }
    bool destroyed() const noexcept { return destroyed_; }

   private:
    bool destroyed_ = false;
    DestructionMark& mark_;
    bool* const outer_;
  };

 private:
  bool* innermost_ = nullptr;
};

}  // namespace fluxor::runtime
