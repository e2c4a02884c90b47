#include "runtime/testing/explore.h"

#include <gtest/gtest.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

namespace fluxor::runtime {
namespace {

std::optional<std::uint64_t> from_environment(const char* name) {
  const char* const text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets it
  if (text == nullptr || *text == '\0') return std::nullopt;
  std::uint64_t value = 0;
  const std::string_view digits(text);
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (read.ec != std::errc() || read.ptr != digits.data() + digits.size()) {
    ADD_FAILURE() << name << " is no number: " << text;
    return std::nullopt;
  }
  return value;
}

}  // namespace

Exploration explore(std::size_t seeds, const SimOptions& options, const std::function<void(SimGroup&)>& property) {
  std::uint64_t seed = from_environment("FLUXOR_SEED_FROM").value_or(1);
  if (const auto only = from_environment("FLUXOR_SEED")) {
    seed = *only;
    seeds = 1;
  }
  Exploration explored;
  std::unordered_set<std::uint64_t> schedules;
  for (; explored.runs < seeds && !testing::Test::HasFailure(); ++seed) {
    const testing::ScopedTrace trace(__FILE__, __LINE__, "FLUXOR_SEED=" + std::to_string(seed));
    SimGroup sim(seed, options);
    property(sim);
    ++explored.runs;
    explored.units += sim.units();
    schedules.insert(sim.schedule());
  }
  explored.interleavings = schedules.size();
  if (testing::Test::HasFailure()) {
    std::fprintf(stderr, "failed with seed %llu; to see it again: --test_env=FLUXOR_SEED=%llu\n",
                 static_cast<unsigned long long>(seed - 1), static_cast<unsigned long long>(seed - 1));
  }
  std::printf("explored %zu runs, %zu distinct interleavings, %llu units\n", explored.runs, explored.interleavings,
              static_cast<unsigned long long>(explored.units));
  testing::Test::RecordProperty("distinct_interleavings", std::to_string(explored.interleavings));
  return explored;
}

}  // namespace fluxor::runtime
