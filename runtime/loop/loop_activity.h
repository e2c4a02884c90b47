#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>
#include <typeinfo>

namespace fluxor::runtime {

// The part of a turn that a loop is in.
enum class Stage : std::uint8_t { idle, control, ring, ready, work, timers, io, asio };

constexpr std::string_view stage_name(Stage stage) noexcept {
  switch (stage) {
    case Stage::idle: return "idle";
    case Stage::control: return "control lane";
    case Stage::ring: return "ring";
    case Stage::ready: return "ready queue";
    case Stage::work: return "work queue";
    case Stage::timers: return "timers";
    case Stage::io: return "I/O";
    case Stage::asio: return "Asio";
  }
  return "unknown";
}

// What a loop is doing, kept so that somebody else can look: a watchdog's thread, or a handler of signals on the loop's
// own.
//
// It costs the loop two plain stores for each unit of work and no look at the clock: whoever looks twice and finds the
// same progress() and no sleep knows that one unit has held the loop for that long.
//
// Thread:  written by the loop, read by any; the numbers are no snapshot, but each pointer is good for as long as the
//          program runs (labels: see there).
class LoopActivity {
 public:
  // Thread: loop.
  void begin(std::int32_t thread_id) noexcept { thread_id_.store(thread_id, std::memory_order_relaxed); }
  void enter(Stage stage) noexcept {
    stage_.store(stage, std::memory_order_relaxed);
    handler_.store(nullptr, std::memory_order_relaxed);
    move_on();
  }
  void handle(const std::type_info& handler) noexcept {
    handler_.store(&handler, std::memory_order_relaxed);
    move_on();
  }
  // Something was looked at, if only in vain.
  void move_on() noexcept { progress_.store(progress_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }

  // Thread: any.
  std::uint64_t progress() const noexcept { return progress_.load(std::memory_order_relaxed); }
  Stage stage() const noexcept { return stage_.load(std::memory_order_relaxed); }
  // The type of what is being run, if the stage knows it.
  const std::type_info* handler() const noexcept { return handler_.load(std::memory_order_relaxed); }
  // What the code being run calls itself; null unless it does.
  const char* label() const noexcept { return label_.load(std::memory_order_relaxed); }
  // The kernel's number of the loop's thread (gettid); 0 before it runs.
  std::int32_t thread_id() const noexcept { return thread_id_.load(std::memory_order_relaxed); }

 private:
  friend class ActivityLabel;
  std::atomic<std::uint64_t> progress_{0};
  std::atomic<const std::type_info*> handler_{nullptr};
  std::atomic<const char*> label_{nullptr};
  std::atomic<std::int32_t> thread_id_{0};
  std::atomic<Stage> stage_{Stage::idle};
};

// Names what runs while it lives: a route, an address.  The innermost counts.
//
// Thread:  loop.
// Owns:    nothing: `label`, a C string, outlives the loop (a literal, or a part of what is immutable), since another
//          thread may read it at any time.
class ActivityLabel {
 public:
  ActivityLabel(LoopActivity& activity, const char* label) noexcept
      : activity_(activity), outer_(activity.label_.load(std::memory_order_relaxed)) {
    activity_.label_.store(label, std::memory_order_relaxed);
  }
  ActivityLabel(const ActivityLabel&) = delete;
  ActivityLabel& operator=(const ActivityLabel&) = delete;
  ~ActivityLabel() { activity_.label_.store(outer_, std::memory_order_relaxed); }

 private:
  LoopActivity& activity_;
  const char* const outer_;
};

// Told by loops that they have woken up, so that whoever watches them may sleep while all of them do.
//
// Thread:  any.
class WakeWatcher {
 public:
  // A loop that is awake again; the cost is one load unless the watcher sleeps.
  void loop_awake() noexcept {
    if (asleep_.load(std::memory_order_seq_cst)) on_first_awake();
  }

 protected:
  ~WakeWatcher() = default;
  // The watcher said that it sleeps, and a loop is awake.  May be called by several loops.
  virtual void on_first_awake() noexcept = 0;
  // The watcher says that it sleeps, and looks at EventLoop::parked() of every loop after that.  The loop stores that
  // it is not parked before it calls loop_awake(), so one of the two sees the other.
  void set_asleep(bool asleep) noexcept { asleep_.store(asleep, std::memory_order_seq_cst); }

 private:
  std::atomic<bool> asleep_{false};
};

}  // namespace fluxor::runtime
