#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/verticle/deployment_options.h"
#include "runtime/verticle/exit_reason.h"

namespace fluxor::runtime {

class DirectoryEntry;

enum class VerticleState : std::uint8_t { starting, running, stopping, failing, ended };

std::string_view verticle_state_name(VerticleState state) noexcept;

struct VerticleInfo {
  VerticleId id{};
  std::string name;
  std::size_t loop = 0;
  VerticleState state = VerticleState::starting;
};

// A verticle that was watched is no more.
struct Down {
  VerticleId id{};
  ExitReason reason{};
};

// One verticle that hears of the end of another.  It is in two lists, that of whom it watches and that of who watches,
// and becomes a notice of the second when the time has come: so a notice cannot be refused for lack of room.
struct Watch {
  enum class Kind : std::uint8_t { monitor, link };

  Kind kind = Kind::monitor;
  std::uint64_t key = 0;  // the watcher's own; of links the other's id
  VerticleId target_id{};
  DirectoryEntry* target = nullptr;
  DirectoryEntry* watcher = nullptr;
  ExitReason reason{};  // of a notice
  Watch* next_of_target = nullptr;
  Watch* previous_of_target = nullptr;
  Watch* next = nullptr;  // of the watcher: among its watches, or among its notices
  Watch* previous = nullptr;
};

// A verticle's part of the directory.
//
// Thread:  the state is its loop's to write and anybody's to read; the lists are the directory's, under its lock.
class DirectoryEntry {
 public:
  DirectoryEntry(const DirectoryEntry&) = delete;
  DirectoryEntry& operator=(const DirectoryEntry&) = delete;

  VerticleId id() const noexcept { return id_; }
  const std::string& name() const noexcept { return name_; }
  VerticleState state() const noexcept { return state_.load(std::memory_order_relaxed); }

 protected:
  DirectoryEntry(std::string name, std::size_t loop) noexcept : name_(std::move(name)), loop_id_(loop) {}
  ~DirectoryEntry() = default;
  void set_state(VerticleState state) noexcept { state_.store(state, std::memory_order_relaxed); }
  // There are notices.  Thread: any, under the directory's lock.
  virtual void wake_for_notices() noexcept = 0;

 private:
  friend class Directory;
  VerticleId id_{};
  const std::string name_;
  const std::size_t loop_id_;
  bool listed_ = false;
  std::atomic<VerticleState> state_{VerticleState::starting};
  Watch* watched_by_ = nullptr;
  Watch* watches_ = nullptr;
  Watch* first_notice_ = nullptr;
  Watch* last_notice_ = nullptr;
};

// Which verticles there are in this process, by id and by name, and who watches whom.
//
// Thread:  any.  The lock is a leaf.
// Owns:    watches and notices until they are taken; not the entries, which are entered and removed by themselves.
class Directory {
 public:
  Directory() = default;
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  // Gives it its id.
  // Errors: Errc::exists if the name is taken.
  Result<void> enter(DirectoryEntry& entry);
  // It is no more, and its resources are released; or it was abandoned.  Frees its name, tells who watches it, forgets
  // whom it watched.  The first time counts.
  void remove(DirectoryEntry& entry, const ExitReason& reason) noexcept;

  std::optional<VerticleId> find(std::string_view name) const;
  std::optional<VerticleInfo> info(VerticleId id) const;
  // Those that run, by id.
  std::vector<VerticleInfo> list() const;
  std::size_t size() const;

  // `watcher`, whose loop this is, hears of the end of `target`; at once if there is no such verticle.  One that is not
  // listed (any more) hears nothing.
  void watch(DirectoryEntry& watcher, VerticleId target, std::uint64_t key);
  void unwatch(DirectoryEntry& watcher, std::uint64_t key) noexcept;
  // Each hears of the end of the other.  Linking twice is linking once.
  void link(DirectoryEntry& one, VerticleId other);
  void unlink(DirectoryEntry& one, VerticleId other) noexcept;

  // The first thing that the verticle has to hear, if there is one.
  std::optional<Watch> take_notice(DirectoryEntry& entry) noexcept;

 private:
  DirectoryEntry* find_locked(VerticleId id) const noexcept;
  static Watch* watch_of(const DirectoryEntry& watcher, Watch::Kind kind, std::uint64_t key) noexcept;
  static void add(std::unique_ptr<Watch> watch, DirectoryEntry& watcher, DirectoryEntry* target,
                  VerticleId id) noexcept;
  static void detach(Watch& watch) noexcept;  // from both lists
  static void notify(Watch& watch, const ExitReason& reason) noexcept;

  mutable std::mutex mutex_;
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::uint64_t, DirectoryEntry*> by_id_;
  std::unordered_map<std::string, DirectoryEntry*> by_name_;
};

}  // namespace fluxor::runtime
