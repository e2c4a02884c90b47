#include "runtime/verticle/directory.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/verticle/exit_reason.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

class Entry final : public DirectoryEntry {
 public:
  Entry(Directory& directory, std::string name) : DirectoryEntry(std::move(name), 0), directory_(directory) {}
  ~Entry() { directory_.remove(*this, {.kind = ExitKind::normal}); }
  Result<void> enter() { return directory_.enter(*this); }
  void end(ExitKind kind) { directory_.remove(*this, {.kind = kind}); }
  void run() { set_state(VerticleState::running); }
  std::vector<std::string> heard() {
    std::vector<std::string> heard;
    while (const auto notice = directory_.take_notice(*this)) {
      heard.push_back((notice->kind == Watch::Kind::link ? "link " : "monitor ") + std::to_string(notice->key) + " " +
                      notice->reason.text());
    }
    return heard;
  }
  int woken = 0;

 private:
  void wake_for_notices() noexcept override { ++woken; }
  Directory& directory_;
};

using Heard = std::vector<std::string>;

TEST(Directory, GivesEachItsIdAndFindsItByBoth) {
  Directory directory;
  Entry a(directory, "a"), b(directory, "");
  ASSERT_TRUE(a.enter());
  ASSERT_TRUE(b.enter());
  EXPECT_NE(a.id(), b.id());
  EXPECT_EQ(directory.find("a"), a.id());
  EXPECT_EQ(directory.find("b"), std::nullopt);
  EXPECT_EQ(directory.info(a.id())->name, "a");
  EXPECT_EQ(directory.size(), 2u);
  EXPECT_TRUE(directory.list().empty());
  b.run();
  a.run();
  ASSERT_EQ(directory.list().size(), 2u);
  EXPECT_EQ(directory.list().front().id, a.id());  // by id
}

TEST(Directory, RefusesANameTwiceAndGivesItAgain) {
  Directory directory;
  Entry a(directory, "a"), b(directory, "a");
  ASSERT_TRUE(a.enter());
  EXPECT_EQ(b.enter().error(), Errc::exists);
  EXPECT_EQ(directory.size(), 1u);
  b.end(ExitKind::normal);  // it was never in, so the name stays
  EXPECT_EQ(directory.find("a"), a.id());
  a.end(ExitKind::normal);
  ASSERT_TRUE(b.enter());
  EXPECT_EQ(directory.find("a"), b.id());
}

TEST(Directory, TellsEachWatcherOnce) {
  Directory directory;
  Entry a(directory, "a"), b(directory, "b");
  ASSERT_TRUE(a.enter());
  ASSERT_TRUE(b.enter());
  directory.watch(b, a.id(), 7);
  directory.watch(b, a.id(), 8);
  directory.unwatch(b, 7);
  EXPECT_EQ(b.woken, 0);
  a.end(ExitKind::crashed);
  a.end(ExitKind::normal);
  EXPECT_EQ(b.woken, 1);
  EXPECT_EQ(b.heard(), Heard{"monitor 8 crashed"});
  directory.watch(b, a.id(), 9);
  EXPECT_EQ(b.heard(), Heard{"monitor 9 unknown"});
  EXPECT_EQ(b.heard(), Heard{});
}

TEST(Directory, ForgetsWhatSomebodyWatchedWhoIsNoMore) {
  Directory directory;
  Entry a(directory, "a");
  ASSERT_TRUE(a.enter());
  {
    Entry b(directory, "b");
    ASSERT_TRUE(b.enter());
    directory.watch(b, a.id(), 1);
    directory.watch(b, VerticleId(99), 2);  // a notice that nobody takes
    directory.link(b, a.id());
    b.end(ExitKind::normal);
    directory.watch(b, a.id(), 3);  // it hears nothing any more
    directory.link(b, a.id());
    EXPECT_EQ(b.heard(), Heard{});
  }
  EXPECT_EQ(a.heard(), Heard{"link 2 ended"});
  a.end(ExitKind::crashed);
}

TEST(Directory, LinksBothOrNone) {
  Directory directory;
  Entry a(directory, "a"), b(directory, "b"), c(directory, "c");
  for (Entry* entry : {&a, &b, &c}) ASSERT_TRUE(entry->enter());
  directory.link(a, b.id());
  directory.link(b, a.id());
  directory.link(a, a.id());
  directory.link(c, a.id());
  directory.unlink(a, c.id());
  a.end(ExitKind::crashed);
  EXPECT_EQ(b.heard(), Heard{"link 1 crashed"});
  EXPECT_EQ(c.heard(), Heard{});
}

TEST(Directory, TakesBackWordOfALinkThatIsUndone) {
  Directory directory;
  Entry a(directory, "a");
  ASSERT_TRUE(a.enter());
  for (std::uint64_t id : {91, 92, 93}) directory.link(a, VerticleId(id));
  directory.watch(a, VerticleId(93), 93);
  directory.unlink(a, VerticleId(93));
  directory.unlink(a, VerticleId(91));
  EXPECT_EQ(a.heard(), (Heard{"link 92 unknown", "monitor 93 unknown"}));
  directory.link(a, VerticleId(94));
  directory.unlink(a, VerticleId(94));
  directory.link(a, VerticleId(95));
  EXPECT_EQ(a.heard(), Heard{"link 95 unknown"});
}

}  // namespace
}  // namespace fluxor::runtime
