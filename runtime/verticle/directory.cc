#include "runtime/verticle/directory.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace fluxor::runtime {
namespace {

std::uint64_t number(VerticleId id) noexcept { return static_cast<std::uint64_t>(id); }

}  // namespace

std::string_view verticle_state_name(VerticleState state) noexcept {
  switch (state) {
    case VerticleState::starting: return "starting";
    case VerticleState::running: return "running";
    case VerticleState::stopping: return "stopping";
    case VerticleState::failing: return "failing";
    case VerticleState::ended: return "ended";
  }
  return "unknown";
}

Result<void> Directory::enter(DirectoryEntry& entry) {
  const std::lock_guard lock(mutex_);
  if (!entry.name_.empty() && !by_name_.emplace(entry.name_, &entry).second) return Errc::exists;
  const std::uint64_t id = ++last_id_;
  entry.id_ = VerticleId(id);
  try {
    by_id_.emplace(id, &entry);
  } catch (...) {
    if (!entry.name_.empty()) by_name_.erase(entry.name_);
    throw;
  }
  entry.listed_ = true;
  return {};
}

void Directory::remove(DirectoryEntry& entry, const ExitReason& reason) noexcept {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(entry.listed_, false)) return;
  by_id_.erase(number(entry.id_));
  if (!entry.name_.empty()) by_name_.erase(entry.name_);
  while (entry.watches_ != nullptr) {
    const std::unique_ptr<Watch> watch(entry.watches_);
    detach(*watch);
  }
  while (entry.watched_by_ != nullptr) notify(*entry.watched_by_, reason);
  while (entry.first_notice_ != nullptr) {
    const std::unique_ptr<Watch> notice(entry.first_notice_);
    entry.first_notice_ = notice->next;
  }
  entry.last_notice_ = nullptr;
}

std::optional<VerticleId> Directory::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_name_.find(std::string(name));
  return found == by_name_.end() ? std::nullopt : std::optional(found->second->id_);
}

std::optional<VerticleInfo> Directory::info(VerticleId id) const {
  const std::lock_guard lock(mutex_);
  const DirectoryEntry* const entry = find_locked(id);
  if (entry == nullptr) return std::nullopt;
  return VerticleInfo{entry->id_, entry->name_, entry->loop_id_, entry->state()};
}

std::vector<VerticleInfo> Directory::list() const {
  std::vector<VerticleInfo> list;
  {
    const std::lock_guard lock(mutex_);
    list.reserve(by_id_.size());
    for (const auto& [id, entry] : by_id_) {
      if (entry->state() != VerticleState::running) continue;
      list.push_back({entry->id_, entry->name_, entry->loop_id_, entry->state()});
    }
  }
  std::sort(list.begin(), list.end(), [](const VerticleInfo& a, const VerticleInfo& b) { return a.id < b.id; });
  return list;
}

std::size_t Directory::size() const {
  const std::lock_guard lock(mutex_);
  return by_id_.size();
}

void Directory::watch(DirectoryEntry& watcher, VerticleId target, std::uint64_t key) {
  auto watch = std::make_unique<Watch>(Watch{.kind = Watch::Kind::monitor, .key = key});
  const std::lock_guard lock(mutex_);
  add(std::move(watch), watcher, find_locked(target), target);
}

void Directory::unwatch(DirectoryEntry& watcher, std::uint64_t key) noexcept {
  const std::lock_guard lock(mutex_);
  if (Watch* const watch = watch_of(watcher, Watch::Kind::monitor, key)) {
    detach(*watch);
    delete watch;
  }
}

void Directory::link(DirectoryEntry& one, VerticleId other) {
  // Both or none: half a link would kill only one of the two.
  auto there = std::make_unique<Watch>(Watch{.kind = Watch::Kind::link, .key = number(other)});
  auto back = std::make_unique<Watch>(Watch{.kind = Watch::Kind::link, .key = number(one.id_)});
  const std::lock_guard lock(mutex_);
  if (other == one.id_ || watch_of(one, Watch::Kind::link, number(other)) != nullptr) return;
  DirectoryEntry* const target = find_locked(other);
  if (target != nullptr && one.listed_) add(std::move(back), *target, &one, one.id_);
  add(std::move(there), one, target, other);
}

void Directory::unlink(DirectoryEntry& one, VerticleId other) noexcept {
  const std::lock_guard lock(mutex_);
  if (Watch* const watch = watch_of(one, Watch::Kind::link, number(other))) {
    Watch* const back = watch_of(*watch->target, Watch::Kind::link, number(one.id_));
    for (Watch* each : {watch, back}) {
      detach(*each);
      delete each;
    }
  }
  // Also if it has ended already, and that is on its way.
  Watch* last = nullptr;
  for (Watch* notice = one.first_notice_; notice != nullptr;) {
    Watch* const next = notice->next;
    if (notice->kind == Watch::Kind::link && notice->key == number(other)) {
      (last == nullptr ? one.first_notice_ : last->next) = next;
      delete notice;
    } else {
      last = notice;
    }
    notice = next;
  }
  one.last_notice_ = last;
}

std::optional<Watch> Directory::take_notice(DirectoryEntry& entry) noexcept {
  const std::lock_guard lock(mutex_);
  const std::unique_ptr<Watch> notice(entry.first_notice_);
  if (notice == nullptr) return std::nullopt;
  entry.first_notice_ = notice->next;
  if (entry.first_notice_ == nullptr) entry.last_notice_ = nullptr;
  return std::move(*notice);
}

DirectoryEntry* Directory::find_locked(VerticleId id) const noexcept {
  const auto found = by_id_.find(number(id));
  return found == by_id_.end() ? nullptr : found->second;
}

Watch* Directory::watch_of(const DirectoryEntry& watcher, Watch::Kind kind, std::uint64_t key) noexcept {
  Watch* watch = watcher.watches_;
  while (watch != nullptr && (watch->kind != kind || watch->key != key)) watch = watch->next;
  return watch;
}

void Directory::add(std::unique_ptr<Watch> made, DirectoryEntry& watcher, DirectoryEntry* target,
                    VerticleId id) noexcept {
  if (!watcher.listed_) return;
  Watch* const watch = made.release();
  watch->target_id = id;
  watch->target = target;
  watch->watcher = &watcher;
  watch->next = watcher.watches_;
  if (watch->next != nullptr) watch->next->previous = watch;
  watcher.watches_ = watch;
  if (target == nullptr) {
    notify(*watch, {.kind = ExitKind::unknown});
    return;
  }
  watch->next_of_target = target->watched_by_;
  if (watch->next_of_target != nullptr) watch->next_of_target->previous_of_target = watch;
  target->watched_by_ = watch;
}

void Directory::detach(Watch& watch) noexcept {
  (watch.previous == nullptr ? watch.watcher->watches_ : watch.previous->next) = watch.next;
  if (watch.next != nullptr) watch.next->previous = watch.previous;
  watch.next = watch.previous = nullptr;
  if (watch.target == nullptr) return;
  (watch.previous_of_target == nullptr ? watch.target->watched_by_ : watch.previous_of_target->next_of_target) =
      watch.next_of_target;
  if (watch.next_of_target != nullptr) watch.next_of_target->previous_of_target = watch.previous_of_target;
  watch.target = nullptr;
}

void Directory::notify(Watch& watch, const ExitReason& reason) noexcept {
  detach(watch);
  watch.reason = reason;
  DirectoryEntry& watcher = *watch.watcher;
  (watcher.last_notice_ == nullptr ? watcher.first_notice_ : watcher.last_notice_->next) = &watch;
  watcher.last_notice_ = &watch;
  watcher.wake_for_notices();
}

}  // namespace fluxor::runtime
