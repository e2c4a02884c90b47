#include "web/router/route_tree.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "web/http/method.h"

namespace fluxor::web {
namespace {

struct Table {
  std::vector<std::string> patterns;
  std::vector<std::string> paths;  // one for each pattern
};

// The table of a big REST server: services, with resources, with literals and params below.
Table table_of(std::size_t size) {
  Table table;
  std::mt19937 random(1);
  for (std::size_t i = 0; table.patterns.size() < size; ++i) {
    const auto base = "/api/v1/service" + std::to_string(i / 10) + "/resource" + std::to_string(i % 10);
    const auto id = std::to_string(random() % 100'000);
    const auto add = [&](const std::string& pattern, const std::string& path) {
      table.patterns.push_back(base + pattern);
      table.paths.push_back(base + path);
    };
    add("", "");
    add("/search", "/search");
    add("/:id", "/" + id);
    add("/:id/history", "/" + id + "/history");
    add("/:id/items/:item", "/" + id + "/items/" + std::to_string(random() % 100));
  }
  table.patterns.resize(size);
  table.paths.resize(size);
  return table;
}

RouteTree tree_of(const std::vector<std::string>& patterns) {
  std::vector<Route> routes;
  routes.reserve(patterns.size());
  for (const auto& pattern : patterns) {
    routes.push_back({.method = Method::get, .pattern = pattern, .handler = static_cast<std::uint32_t>(routes.size())});
  }
  auto tree = RouteTree::build(routes);
  if (!tree) std::abort();
  return std::move(*tree);
}

void look_up_all(benchmark::State& state, const RouteTree& tree, const std::vector<std::string>& paths) {
  std::size_t i = 0;
  for (auto _ : state) {
    auto match = tree.match(Method::get, paths[i]);
    benchmark::DoNotOptimize(match);
    if (++i == paths.size()) i = 0;
  }
  state.SetItemsProcessed(state.iterations());
}

// Question: what does a lookup cost among N routes, when every request asks for another one?
void BM_FindAnyOfN(benchmark::State& state) {
  auto table = table_of(static_cast<std::size_t>(state.range(0)));
  const auto tree = tree_of(table.patterns);
  std::ranges::shuffle(table.paths, std::mt19937(2));
  look_up_all(state, tree, table.paths);
}
BENCHMARK(BM_FindAnyOfN)->Arg(10)->Arg(100)->Arg(1'000)->Arg(10'000);

// Question: what does it cost when they all ask for the same one?
void BM_FindOneOfN(benchmark::State& state) {
  auto table = table_of(static_cast<std::size_t>(state.range(0)));
  const auto tree = tree_of(table.patterns);
  look_up_all(state, tree, {table.paths[table.paths.size() - 3]});
}
BENCHMARK(BM_FindOneOfN)->Arg(10)->Arg(10'000);

// Question: what does a refusal cost among 10 000 routes?  It should be less than finding.
void BM_RefuseAmong10000(benchmark::State& state) {
  const auto tree = tree_of(table_of(10'000).patterns);
  look_up_all(state, tree, {"/api/v1/service999/resource9/1/unknown"});
}
BENCHMARK(BM_RefuseAmong10000);

// Question: what does the worst path cost, one for which all ways at all forks have to be tried?
void BM_TryEveryWay(benchmark::State& state) {
  std::vector<std::string> patterns{""};
  for (int depth = 0; depth < 8; ++depth) {
    std::vector<std::string> longer;
    for (const auto& pattern : patterns) {
      longer.push_back(pattern + "/a");
      longer.push_back(pattern + "/:p" + std::to_string(depth));
    }
    patterns = std::move(longer);
  }
  for (auto& pattern : patterns) pattern += "/end";
  look_up_all(state, tree_of(patterns), {"/a/a/a/a/a/a/a/a/nowhere"});
}
BENCHMARK(BM_TryEveryWay);

}  // namespace
}  // namespace fluxor::web
