#include "runtime/base/symbolizer.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

// One line, so that all of it is on a line that the test knows.
extern "C" [[gnu::noinline]] int fluxor_known_function(int number) { return number + 1; }
constexpr int kLineOfKnownFunction = __LINE__ - 1;

namespace fluxor::runtime {
namespace {

// Returns an address inside itself, and so inside what it is inlined into.
[[gnu::always_inline]] inline std::uintptr_t inner() {
  std::uintptr_t next = 0;
  asm volatile("lea 0(%%rip), %0" : "=r"(next));
  return next - 1;
}
[[gnu::noinline]] std::uintptr_t outer() { return inner(); }

struct Place {
  std::string function;
  std::string file;
  int line;
  bool inlined;
};

std::vector<Place> places_at(std::uintptr_t address) {
  std::vector<Place> places;
  const auto add = [](void* argument, const CodePlace& place) {
    const auto text = [](const char* name) { return name == nullptr ? "" : name; };
    static_cast<std::vector<Place>*>(argument)->push_back(
        {text(place.function), text(place.file), place.line, place.inlined});
  };
  for_each_place(address, add, &places);
  return places;
}

template <typename Function>
std::uintptr_t address_of(Function* function) {
  return reinterpret_cast<std::uintptr_t>(function);
}

TEST(Symbolizer, NamesTheFunctionAtAnAddress) {
  EXPECT_EQ(fluxor_known_function(1), 2);
  const std::vector<Place> places = places_at(address_of(&fluxor_known_function) + 1);
  ASSERT_EQ(places.size(), 1U);
  EXPECT_EQ(places[0].function, "fluxor_known_function");
  EXPECT_FALSE(places[0].inlined);
}

TEST(Symbolizer, NamesAFunctionThatNoOtherFileSees) {
  EXPECT_NE(places_at(address_of(&outer) + 1).back().function.find("5outerEv"), std::string::npos);
}

TEST(Symbolizer, NamesAFunctionOfALibrary) {
  EXPECT_EQ(places_at(address_of(&std::terminate) + 1).back().function, "_ZSt9terminatev");
}

// Fast builds have no debug information, those with a sanitizer and what ships do.
TEST(Symbolizer, NamesFileAndLineWhereTheBinaryTells) {
  const Place place = places_at(address_of(&fluxor_known_function) + 1).back();
  if (place.file.empty()) {
    EXPECT_EQ(place.line, 0);
  } else {
    EXPECT_TRUE(place.file.ends_with("runtime/base/symbolizer_test.cc")) << place.file;
    EXPECT_EQ(place.line, kLineOfKnownFunction);
  }
}

TEST(Symbolizer, ListsInlinedFunctionsFromTheInsideWhereTheBinaryTells) {
  const std::vector<Place> places = places_at(outer());
  EXPECT_NE(places.back().function.find("5outerEv"), std::string::npos);
  EXPECT_FALSE(places.back().inlined);
  if (places.back().file.empty()) return;
  ASSERT_EQ(places.size(), 2U);
  EXPECT_EQ(places[0].function, "inner");
  EXPECT_TRUE(places[0].inlined);
}

TEST(Symbolizer, TellsNothingOfWhatIsNoCode) {
  const std::vector<Place> places = places_at(16);
  ASSERT_EQ(places.size(), 1U);
  EXPECT_EQ(places[0].function + places[0].file, "");
  EXPECT_EQ(places[0].line, 0);
}

TEST(CodeOffset, IsTheFileAndTheAddressInIt) {
  const std::uintptr_t address = address_of(&fluxor_known_function) + 1;
  const CodeOffset offset(address);
  EXPECT_EQ(std::string(offset.file()), std::filesystem::canonical("/proc/self/exe").string());
  Dl_info info;
  ASSERT_NE(::dladdr(std::bit_cast<void*>(address), &info), 0);
  EXPECT_EQ(offset.offset(), address - address_of(static_cast<char*>(info.dli_fbase)));
}

TEST(CodeOffset, NamesALibrary) {
  EXPECT_NE(std::string(CodeOffset(address_of(&std::terminate)).file()).find("libstdc++"), std::string::npos);
}

TEST(CodeOffset, IsTheAddressWhereThereIsNoBinary) {
  const CodeOffset offset(16);
  EXPECT_EQ(offset.file(), nullptr);
  EXPECT_EQ(offset.offset(), 16U);
}

}  // namespace
}  // namespace fluxor::runtime
