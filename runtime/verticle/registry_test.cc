#include "runtime/verticle/context.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>

#include "runtime/verticle/tree_fixture.h"

namespace fluxor::runtime {
namespace {

using namespace std::chrono_literals;

class RegistryTest : public TreeTest {};

TEST_F(RegistryTest, RefusesANameThatIsTakenAndFreesItAtTheEnd) {
  const DeploymentId id = deploy({.name = "a"}, tree.says("a"));
  auto second = loop.start(tree.root().deploy<Talker>({.name = "a"}, tree.says("second")));
  EXPECT_EQ(end_of(second), make_error_code(Errc::exists).message());
  loop.start(tree.root().undeploy(id)).get().value();
  EXPECT_EQ(tree.root().find("a"), std::nullopt);
  deploy({.name = "a"}, tree.says("third"));
  EXPECT_TRUE(tree.root().find("a").has_value());
}

TEST_F(RegistryTest, FindsTheIncarnationThatRunsNow) {
  deploy({.name = "a"}, tree.says("a"));
  const VerticleId first = tree.at("a").id();
  EXPECT_EQ(tree.root().find("a"), first);
  tree.crash("a");
  EXPECT_EQ(tree.root().find("a"), tree.at("a").id());
  EXPECT_NE(tree.root().find("a"), first);
  EXPECT_EQ(directory().info(first), std::nullopt);
}

TEST_F(RegistryTest, NumbersInstances) {
  auto deployed = loop.start(tree.root().deploy<Talker>({.name = "a", .instances = 2}, tree.says("a")));
  EXPECT_EQ(end_of(deployed), "ok");
  EXPECT_TRUE(tree.root().find("a#0").has_value());
  EXPECT_TRUE(tree.root().find("a#1").has_value());
  EXPECT_FALSE(tree.root().find("a").has_value());
}

TEST_F(RegistryTest, KeepsTheOthersWhenOneNameOfADeploymentIsTaken) {
  deploy({.name = "a#1"}, tree.says("x"));
  auto deployed = loop.start(tree.root().deploy<Talker>({.name = "a", .instances = 2}, tree.says("a")));
  EXPECT_EQ(end_of(deployed), make_error_code(Errc::exists).message());
  EXPECT_FALSE(tree.root().find("a#0").has_value());
  EXPECT_TRUE(tree.root().find("a#1").has_value());
}

TEST_F(RegistryTest, HoldsNoNameForTheUnnamed) {
  deploy({}, tree.says("a"));
  deploy({}, tree.says("b"));
  EXPECT_EQ(tree.root().find(""), std::nullopt);
}

}  // namespace
}  // namespace fluxor::runtime
